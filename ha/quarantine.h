#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model/instance.h"
#include "ha/parts.h"
#include "ha/recovery_work.h"
#include "storage/quarantine_store.h"

namespace orch::ha {

// Servers that lost their place as a master: whenever one is seen to take writes while another
// master stands, it is made read-only.

/// Why an entry says nothing about the server that answered under its name: that is another server.
/// "" when it is the same, as far as is known.
[[nodiscard]] std::string other_server(const storage::Quarantine& entry, const Instance& seen);

/// Where it is looked up who has whose place.
struct PlaceRecords {
  storage::Database& database;
  const Clock& clock;
  storage::InstanceStore instances;
  storage::ClusterStore clusters;
};

/// Why nobody may take the place of that server, nor it be made writable: it lost its place as a
/// master to another one, as the records have it. "" when it may.
[[nodiscard]] Result<std::string> lost_its_place(const PlaceRecords& records,
                                                 const RecoveryWork& work);
[[nodiscard]] inline Result<std::string> lost_its_place(const Parts& parts,
                                                        const RecoveryWork& work) {
  return lost_its_place({parts.database, parts.clock, parts.instances, parts.clusters}, work);
}

/// Looks at servers that were just read. Of those on the list: one that takes writes, while a
/// writable master stands in its place, is made read-only, which is audited and told; one that
/// replicates read-only from that master, or below it, is released, and so is one that has its
/// place again: whose successor follows it, read-only. Another server of the same name is left
/// alone, and told. Errors: the store's. That a server could not be made read-only is told, not
/// returned.
Result<> enforce_quarantine(const Parts& parts, std::span<const Instance> seen);

}  // namespace orch::ha
