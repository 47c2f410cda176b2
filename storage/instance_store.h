#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/pattern.h"
#include "core/base/result.h"
#include "core/model/instance.h"
#include "core/model/observation.h"
#include "storage/database.h"

namespace orch::storage {

struct InstanceStoreSettings {
  std::chrono::seconds poll{5};  ///< InstancePollSeconds
  bool store_resolved{true};     ///< HostnameResolveMethod is not "none"
};

/// Which instances to list; all that is given must hold.
struct InstanceFilter {
  std::optional<std::string> cluster{};
  std::optional<InstanceKey> source{};  ///< those that replicate from it
  std::optional<Pattern> pattern{};     ///< searched in "host:port"
  std::string search{};                 ///< the text of the `search` command (cli document, 7.8)
  bool downtimed{false};                ///< only those with a downtime that has not ended
  std::string downtime_reason{};        ///< and, when given, with this reason
  bool top{false};                      ///< only depth 0 or co-master, while the partner follows
  bool writable{false};                 ///< only with read_only off
};

enum class InstanceOrder {
  Key,         ///< host, port
  Importance,  ///< depth, number of replicas descending, cluster name, host, port
  Cluster,     ///< cluster name, depth, host, port
};

/// An instance to be written; `seen`: last_seen is now, too.
struct InstanceWrite {
  const Instance* instance{nullptr};
  bool seen{true};
};

/// What the backend knows about servers: table database_instance, read together with promotion
/// rule, unresolved name and downtime (schema document, 8). Thread-safe as the database is.
class InstanceStore {
 public:
  InstanceStore(Database& database, const Clock& clock, InstanceStoreSettings settings)
      : database_(database), clock_(clock), settings_(settings) {}

  [[nodiscard]] Result<std::optional<Instance>> find(const InstanceKey& key) const;
  [[nodiscard]] Result<std::vector<Instance>> list(const InstanceFilter& filter,
                                                   InstanceOrder order = InstanceOrder::Key) const;
  /// When that one of the servers that answered when they were last asked was read that was read
  /// longest ago; nothing when there is none.
  [[nodiscard]] Result<std::optional<TimePoint>> oldest_seen() const;
  /// Keys only, by host and port.
  [[nodiscard]] Result<std::vector<InstanceKey>> list_keys() const;
  /// The one known key with this port whose host contains the given text; the key itself when there
  /// is none or more than one, and for an IPv4 address (cli document, 4.3).
  [[nodiscard]] Result<InstanceKey> find_fuzzy(const InstanceKey& key) const;
  /// Depth 0 or co-master; writable first, then the smallest depth.
  [[nodiscard]] Result<std::optional<Instance>> find_cluster_master(
      const std::string& cluster) const;
  /// Per cluster the first writable instance with depth 0 or co-master, by cluster name.
  [[nodiscard]] Result<std::vector<Instance>> list_cluster_masters() const;

  /// Writes whole records in one transaction: an update of every column we know. Check times are
  /// now, last_seen where `seen`.
  Result<> save(std::span<const InstanceWrite> writes);
  /// Keeps everything that probes learnt, in one transaction: records, promotion rules, resolved
  /// names, cluster domains, TLS needs, error texts. A failed probe moves only the time of the
  /// check, a soft one leaves last_seen alone (DISC-18), a skipped one records nothing.
  Result<> record(std::span<const Observation> observations);
  /// A probe ended without a record: last_checked is now.
  Result<> mark_checked(const InstanceKey& key, bool partial_success);
  /// A probe has been running for long: last_attempted_check is now.
  Result<> mark_attempted(const InstanceKey& key);
  /// The server was made read-only since it was probed.
  Result<> mark_read_only(const InstanceKey& key);
  /// A bare record for a server nobody probed yet, only if there is none (DISC-25). `reachable`:
  /// it counts as seen until the next poll, as seeds do; else as never seen.
  Result<> insert_if_absent(const InstanceKey& key, bool reachable = true);
  /// Gives the members of cluster `from` the name `to`.
  Result<std::int64_t> rename_cluster(const std::string& from, const std::string& to);
  /// Puts one server into a cluster; its check times stay.
  Result<> save_cluster_name(const InstanceKey& key, const std::string& cluster);
  /// Puts one server into a cluster of its own, at its top.
  Result<> set_apart(const InstanceKey& key);
  /// False when there was no such record.
  Result<bool> forget(const InstanceKey& key);
  Result<std::int64_t> forget_cluster(const std::string& cluster);
  /// Drops records whose last_seen is older than `age`.
  Result<std::int64_t> expire(std::chrono::hours age);

  /// Fills in how far MariaDB servers were by GTID when they were last read: no part of the
  /// records, as only recoveries ask.
  [[nodiscard]] Result<> add_positions(std::span<Instance> instances) const;

  /// Fills in from how many sources servers replicate, by the latest probe that read them.
  [[nodiscard]] Result<> add_sources(std::span<Instance> instances) const;

  /// The latest probe error of a server, if its latest probe failed or was soft.
  [[nodiscard]] Result<std::optional<std::string>> find_error(const InstanceKey& key) const;

 private:
  Database& database_;
  const Clock& clock_;
  InstanceStoreSettings settings_;
};

}  // namespace orch::storage
