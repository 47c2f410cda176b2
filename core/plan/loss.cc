#include "core/plan/loss.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

#include "core/base/text.h"
#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/foreign.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/recovery/fetching.h"
#include "core/plan/step.h"

namespace orch {

namespace {

/// What `heir` lacks of what the dead server had by its record; nothing when that is not known.
std::optional<Difference> known_loss(const Topology& topology, const Instance& dead,
                                     const Instance& heir) {
  const Position has = usable_position(heir);
  const bool by_mariadb = std::holds_alternative<MariaDbGtidPos>(has);
  const Position had = by_mariadb ? gtids_of_all(dead) : executed_position(dead);
  if (is_known(had) && had.index() == has.index()) return missing(has, had);
  const BinlogCoordinates& end = dead.server.binlog;
  if (end.empty() || dead.measure == Measure::Nothing || heir.measure == Measure::Nothing) {
    return std::nullopt;
  }
  if (reads_log_of(topology, heir, dead.key) && !heir.replication.read.empty()) {
    return missing(heir.replication.read, end);
  }
  // By way of a living one, which tells how far that is in the dead server's log.
  const Position place = promoted_position(heir, dead.key, topology);
  const auto* coordinates = std::get_if<BinlogCoordinates>(&place);
  if (coordinates == nullptr || coordinates->empty()) return std::nullopt;
  return missing(*coordinates, end);
}

Loss loss_of_known(const Topology& topology, const Instance& dead, const Instance& heir,
                   const Instance* ahead, const std::string& filters) {
  const std::string later =
      answers(dead) ? ""
                    : "; what " + to_string(dead.key) + " wrote after its last record is unknown";
  const auto of_dead = known_loss(topology, dead, heir);
  Loss loss{"unknown: no position of " + to_string(dead.key) + " is on record that compares with " +
                to_string(heir.key) + "'s",
            std::nullopt};
  if (of_dead) {
    loss.text = to_string(*of_dead) + later;
    loss.transactions = of_dead->empty() ? 0 : of_dead->count;
  }
  if (!filters.empty()) {
    loss = {"unknown: " + to_string(heir.key) + " " + filters + "; " + loss.text, std::nullopt};
  }
  if (ahead == nullptr) return loss;
  const Difference rest =
      missing(usable_position(heir), without_foreign(*ahead, received_position(*ahead), topology));
  if (rest.empty()) return loss;
  const std::string held_back = to_string(rest) + " that " + to_string(ahead->key) +
                                " has received and the new primary lacks";
  const bool told = of_dead && (of_dead->empty() || of_dead->text == rest.text);
  loss.text = told && filters.empty() ? held_back + later : held_back + "; " + loss.text;
  // The same transactions may be among what the dead server had: the larger number counts.
  if (loss.transactions && rest.count) {
    loss.transactions = std::max(*loss.transactions, *rest.count);
  } else if (of_dead) {
    loss.transactions.reset();
  }
  return loss;
}

/// Those that acknowledge the dead server's commits and are silent, where an acknowledged commit
/// may be with them alone: they are as many as one waits for. Who was silent long before is left
/// out: what was acknowledged since is with others.
std::vector<std::string> silent_witnesses(const Topology& topology, const Instance& dead) {
  constexpr std::chrono::seconds kLongBefore{60};
  if (answers(dead) || !dead.semi_sync.source_enabled) return {};
  std::vector<std::string> silent;
  for (const Instance* replica : topology.replicas_of(dead.key)) {
    const auto& seen = replica->freshness.last_seen;
    const auto& dead_seen = dead.freshness.last_seen;
    const bool was_gone = seen && dead_seen && *dead_seen - *seen > kLongBefore;
    if (answers(*replica) || !replica->semi_sync.replica_enabled || was_gone) continue;
    silent.push_back(to_string(replica->key));
  }
  const std::size_t needed = std::max(1U, dead.semi_sync.source_wait_for_replica_count);
  return silent.size() < needed ? std::vector<std::string>() : silent;
}

/// Who may hold more than the winner, and cannot be compared with it: without GTID, replicas of
/// another server that is gone as well, and of MariaDB who has GTIDs that the winner lacks and no
/// place in the dead server's log.
std::vector<std::string> incomparable(const Topology& topology, const Instance& dead,
                                      const Instance& heir) {
  std::vector<std::string> found;
  if (!std::holds_alternative<BinlogCoordinates>(received_position(heir))) return found;
  for (const Instance* one : topology.descendants_of(dead.key)) {
    const Instance* source = topology.source_of(one->key);
    const bool is_orphan = source != nullptr && source->key != dead.key && !answers(*source);
    const bool is_other = one->key != heir.key && !topology.is_below(one->key, heir.key);
    const bool lost_its_place = one->measure == Measure::Nothing && is_mariadb(*one) &&
                                !contains(executed_gtids(heir), executed_gtids(*one));
    const bool reads_another =
        answers(*one) && is_orphan && !reads_log_of(topology, *one, dead.key);
    if (is_other && (lost_its_place || reads_another)) found.push_back(to_string(one->key));
  }
  return found;
}

}  // namespace

Loss loss_with(const Topology& topology, const InstanceKey& failed, const InstanceKey& winner,
               const Instance* ahead, const std::string& filters) {
  const Instance* dead = topology.find(failed);
  const Instance* heir = topology.find(winner);
  if (dead == nullptr || heir == nullptr) {
    return {"unknown: there is no record of " + to_string(failed), std::nullopt};
  }
  Loss loss = loss_of_known(topology, *dead, *heir, ahead, filters);
  if (const auto others = incomparable(topology, *dead, *heir); !others.empty()) {
    loss = {"unknown: what " + join(others, ", ") + " may hold beyond that does not compare; " +
                loss.text,
            std::nullopt};
  }
  const std::vector<std::string> silent = silent_witnesses(topology, *dead);
  if (silent.empty()) return loss;
  const std::string who =
      silent.size() == 1
          ? silent.front() + " acknowledges commits and is silent: what it alone has received is"
          : join(silent, ", ") +
                " acknowledge commits and are silent: what they alone have received is";
  std::string_view known = loss.text;
  constexpr std::string_view kNothing = "nothing; ";
  if (known.starts_with(kNothing)) known.remove_prefix(kNothing.size());
  return {"unknown: " + who + " unknown; " + std::string(known), std::nullopt};
}

std::string lost_with(const Topology& topology, const InstanceKey& failed,
                      const InstanceKey& winner) {
  const Instance* heir = topology.find(winner);
  const std::string filters = heir == nullptr ? "" : filter_text(topology, failed, *heir);
  return loss_with(topology, failed, winner, nullptr, filters).text;
}

}  // namespace orch
