#pragma once

#include <functional>
#include <optional>
#include <span>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/base/result.h"
#include "core/model/topology.h"
#include "core/probe/cluster_name.h"
#include "core/probe/crawl.h"

namespace orch::cmd {

// Looking at servers now, and keeping what was seen.

/// ClusterNameToAlias, in its order. Errors: InvalidInput, an expression does not compile.
Result<std::vector<std::pair<Pattern, std::string>>> alias_patterns(
    const ClassificationSettings& settings);

/// Errors: as alias_patterns().
Result<SettleRules> settle_rules_of(const Services& services);

/// What one probe may take: MySQLConnectTimeoutSeconds and MySQLDiscoveryReadTimeoutSeconds.
std::chrono::milliseconds probe_limit(const Services& services);

/// The backend's records, for settle_all(); a failing backend is logged.
std::function<std::optional<Instance>(const InstanceKey&)> stored_instances(
    const Services& services);

/// With WriteProbe: writes a row to each master that was found, and adds what goes wrong to its
/// soft errors.
void probe_writes(const Services& services, std::span<Observation> found);

/// Tags those that lack rows which somebody on their way leaves out: core/model/left_out.h. Errors:
/// the backend's.
Result<> mark_incomplete(const Services& services, const Topology& cluster);

/// Reads everything that the seeds are connected to and keeps the records. Errors: the backend's;
/// InvalidInput, a filter that does not compile.
Result<CrawlResult> crawl_and_record(const Services& services,
                                     const std::vector<InstanceKey>& seeds);

/// Probes one server and keeps its record. Errors: why it could not be read; Refused when a filter
/// says that it is to be left alone.
Result<Instance> probe_and_record(const Services& services, const InstanceKey& key);

/// The same for the instance that was asked about. Errors: InvalidInput too.
Result<Instance> probed_instance(const Services& services, const Args& args);

}  // namespace orch::cmd
