#include "core/plan/foreign.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace orch {

namespace {

/// By whom and where the transactions of those who follow one source each were written.
struct Writers {
  std::set<std::string> uuids{};
  std::set<std::uint32_t> servers{};
  std::set<std::uint32_t> domains{};
  std::set<std::pair<std::uint32_t, std::uint32_t>> ends{};  ///< domain, server

  [[nodiscard]] bool wrote(const MariaDbGtid& gtid) const {
    return ends.contains({gtid.domain, gtid.server}) ||
           (domains.contains(gtid.domain) && servers.contains(gtid.server));
  }
};

void add_writers_of(const Instance& member, Writers& writers) {
  writers.uuids.insert(member.server.uuid);
  writers.servers.insert(member.server.id);
  const Position held = received_position(member);
  if (const auto* set = std::get_if<GtidSet>(&held)) {
    for (std::string& uuid : set->uuids())
      writers.uuids.insert(std::move(uuid));
  }
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&held)) {
    for (const MariaDbGtid& gtid : pos->ends()) {
      writers.domains.insert(gtid.domain);
      writers.ends.insert({gtid.domain, gtid.server});
    }
  }
}

}  // namespace

Position without_foreign(const Instance& holder, Position held, const Topology& cluster) {
  if (holder.replication.channels <= 1) return held;
  Writers writers;
  for (const Instance& member : cluster.instances()) {
    if (member.key != holder.key && member.replication.channels <= 1)
      add_writers_of(member, writers);
  }
  if (auto* set = std::get_if<GtidSet>(&held)) {
    for (const std::string& uuid : set->uuids()) {
      if (!writers.uuids.contains(uuid)) set->remove_uuid(uuid);
    }
  }
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&held)) {
    std::string kept;
    for (const MariaDbGtid& gtid : pos->ends()) {
      if (writers.wrote(gtid)) kept += (kept.empty() ? "" : ",") + to_string(gtid);
    }
    return MariaDbGtidPos::parse(kept).value_or({});
  }
  return held;
}

}  // namespace orch
