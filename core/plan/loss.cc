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

/// The setting takes effect when the receiver starts: one that runs goes on as it began.
bool acknowledges(const Instance& instance) {
  return instance.semi_sync.replica_enabled || instance.semi_sync.replica_status;
}

/// Those that acknowledge the dead server's commits and are silent, where an acknowledged commit
/// may be with them alone: they are as many as one waits for. Who was silent long before is left
/// out if it was so to the dead server as well, by that one's own record: what was acknowledged
/// since is with others. Who was never read is one of them if the dead server counted it.
class Witnesses {
 public:
  Witnesses(const Topology& topology, const Instance& dead) : topology_(topology), dead_(dead) {
    tells_names_ = std::ranges::any_of(dead.replicas, [&](const InstanceKey& key) {
      const Instance* one = topology.find(key);
      return !was_read(one) || acknowledges(*one);
    });
    auto rest = static_cast<std::ptrdiff_t>(dead.semi_sync.source_clients);
    for (const Instance& one : topology.instances())
      rest -= answers(one) && was_there(one) ? 1 : 0;
    for (const Instance* replica : topology.replicas_of(dead.key)) {
      if (answers(*replica) || !acknowledges(*replica)) continue;
      const bool is_left_out = was_gone(*replica) && (tells_names_ || rest <= 0);
      if (!is_left_out) silent_.push_back(to_string(replica->key));
    }
    unread_ = std::max<std::ptrdiff_t>(0, rest - std::ssize(silent_));
  }

  /// "db2:3306 acknowledges commits and is silent: what it alone has received is"; "": nobody.
  [[nodiscard]] std::string text() const {
    const std::ptrdiff_t count = std::ssize(silent_) + unread_;
    const unsigned needed = std::max(1U, dead_.semi_sync.source_wait_for_replica_count);
    if (answers(dead_) || !dead_.semi_sync.source_enabled || count < needed) return "";
    std::vector<std::string> who = silent_;
    if (unread_ > 0) who.push_back(unread());
    return join(who, ", ") +
           (count == 1 ? " acknowledges commits and is silent: what it alone has received is"
                       : " acknowledge commits and are silent: what they alone have received is");
  }

 private:
  static bool was_read(const Instance* one) {
    return one != nullptr && is_valid(one->replication.source);
  }

  [[nodiscard]] bool is_named(const InstanceKey& key) const {
    return std::ranges::find(dead_.replicas, key) != dead_.replicas.end();
  }

  /// One of the dead server's clients when that was read last. It names only those that told it
  /// their names.
  [[nodiscard]] bool was_there(const Instance& one) const {
    if (!acknowledges(one)) return false;
    return tells_names_ ? is_named(one.key) : topology_.is_below(one.key, dead_.key);
  }

  [[nodiscard]] bool was_gone(const Instance& replica) const {
    constexpr std::chrono::seconds kLongBefore{60};
    const Freshness& record = replica.freshness;
    const auto& dead_seen = dead_.freshness.last_seen;
    const bool is_up = record.last_error && record.last_error->by_server;
    return !is_named(replica.key) && (tells_names_ || !is_up) && record.last_seen && dead_seen &&
           *dead_seen - *record.last_seen > kLongBefore;
  }

  /// Those that it counted and nobody has read.
  [[nodiscard]] std::string unread() const {
    std::vector<std::string> names;
    for (const InstanceKey& key : dead_.replicas) {
      if (!was_read(topology_.find(key))) names.push_back(to_string(key));
    }
    if (std::ssize(names) == unread_) return join(names, ", ");
    return std::to_string(unread_) + " of " + to_string(dead_.key) +
           "'s replicas that could not be read";
  }

  const Topology& topology_;
  const Instance& dead_;
  bool tells_names_{false};  ///< by what it named, who was connected is known
  std::vector<std::string> silent_;
  std::ptrdiff_t unread_{0};
};

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
  const std::string silent = Witnesses(topology, *dead).text();
  if (silent.empty()) return loss;
  std::string_view known = loss.text;
  constexpr std::string_view kNothing = "nothing; ";
  if (known.starts_with(kNothing)) known.remove_prefix(kNothing.size());
  return {"unknown: " + silent + " unknown; " + std::string(known), std::nullopt};
}

std::string lost_with(const Topology& topology, const InstanceKey& failed,
                      const InstanceKey& winner) {
  const Instance* heir = topology.find(winner);
  const std::string filters = heir == nullptr ? "" : filter_text(topology, failed, *heir);
  return loss_with(topology, failed, winner, nullptr, filters).text;
}

}  // namespace orch
