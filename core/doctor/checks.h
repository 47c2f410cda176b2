#pragma once

#include <string>
#include <vector>

#include "core/doctor/doctor.h"

namespace orch {

/// What every check sees, and where it puts what it finds.
struct Round {
  const Patient& patient;
  const Instance* master{nullptr};           ///< may be unreached
  std::vector<const Instance*> answering{};  ///< everybody who was read, by key
  std::vector<const Instance*> replicas{};   ///< those of them that are not the master
  std::vector<Finding>& findings;

  void add(Badness badness, std::string_view code, const InstanceKey& server, std::string what,
           std::string remedy) const {
    findings.push_back({badness, code, server, std::move(what), std::move(remedy)});
  }
  [[nodiscard]] bool is_master(const Instance& instance) const {
    return master != nullptr && master->key == instance.key;
  }
  /// What examining the server told; of a server that was not, all is unknown.
  [[nodiscard]] Examination examined(const Instance& instance) const {
    const auto found = patient.examined.find(instance.key);
    return found == patient.examined.end() ? Examination{} : found->second;
  }
};

// Each looks at one matter.
void check_reach(const Round& round);        ///< who could not be read
void check_shape(const Round& round);        ///< masters, circles, replicas, several sources
void check_identity(const Round& round);     ///< server_id and server_uuid
void check_candidates(const Round& round);   ///< who could be promoted
void check_versions(const Round& round);     ///< flavors, versions, binlog formats
void check_links(const Round& round);        ///< broken, lagging, filtered replication
void check_gtid(const Round& round);         ///< GTID off, holes, errant, purged
void check_read_only(const Round& round);    ///< who is writable
void check_fencing(const Round& round);      ///< who could write all the same
void check_semi_sync(const Round& round);    ///< acknowledgements that would not come
void check_credentials(const Round& round);  ///< for the old master to follow the new one
void check_privileges(const Round& round);   ///< of orch's own account
void check_offline(const Round& round);      ///< servers that turn clients away
void check_durability(const Round& round);   ///< what a crash of a server would lose
void check_clocks(const Round& round);       ///< clocks and time-outs
void check_connections(const Round& round);  ///< room for one more
void check_permission(const Round& round);   ///< filters, switches, downtime, maintenance
void check_hooks(const Round& round);        ///< commands that are not there

}  // namespace orch
