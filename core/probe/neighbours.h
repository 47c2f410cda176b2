#pragma once

#include <string>
#include <vector>

#include "core/model/instance.h"
#include "core/mysql/result_set.h"

namespace orch {

/// A replica as its source knows it; names are not resolved yet.
struct ReportedReplica {
  InstanceKey key{};   ///< host "" or port 0 where the replica did not tell
  std::string user{};  ///< "" when not known
};

/// Rows of SHOW REPLICAS or SHOW SLAVE HOSTS. Rows without host and port (MaxScale) are left out.
std::vector<ReportedReplica> read_registered_replicas(const ResultSet& set);

/// Rows (user, host) of threads that send the binary log. The port in the text is the client's
/// end and dropped, IPv6 addresses with or without brackets are kept whole (DISC-11).
std::vector<ReportedReplica> read_dump_threads(const ResultSet& set);

/// SQL nodes of an NDB cluster (column service_uri), all taken to listen on `port`.
std::vector<ReportedReplica> read_ndb_nodes(const ResultSet& set, std::uint16_t port);

struct FoundReplicas {
  std::vector<ReportedReplica> certain{};     ///< registered with host and port
  std::vector<ReportedReplica> candidates{};  ///< host from the process list, the port a guess
};

/// Brings both sources together. Every replica that registered has a dump thread, so that threads
/// are only looked into when there are more of them than certain replicas. Ports of those who
/// registered without a host are the better guesses; else the source's own port (DISC-12).
FoundReplicas combine_replicas(const std::vector<ReportedReplica>& registered,
                               const std::vector<ReportedReplica>& threads,
                               const InstanceKey& own_key);

/// Fills `instance.group` from the rows of group_members(); keys as the members name themselves.
/// A member of a multi-primary group is the primary to itself, and what it writes is the others',
/// too; one that is alone there, or follows a server outside, is treated as in no group (DISC-14).
/// `single_primary` is the variable.
void read_group(const ResultSet& set, const std::string& group_name, bool single_primary,
                Instance& instance);

}  // namespace orch
