#include "core/plan/recovery/siblings.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/recovery/detaching.h"
#include "core/plan/recovery/held_back.h"
#include "core/plan/refactor/temporary_tables.h"

namespace orch {

namespace {

/// Replicas that live below one that does not: nobody moves them.
void add_cut_off(const Instance& silent, const Topology& fresh, std::vector<LostReplica>& lost) {
  for (const Instance* below : fresh.replicas_of(silent.key)) {
    if (!answers(*below)) continue;
    lost.push_back({below->key, "follows " + to_string(silent.key) +
                                    ", which does not answer ('orch recover " +
                                    to_string(silent.key) + "' moves it)"});
  }
}

/// Who is left without a source when another server takes the primary's place.
struct CutOff {
  bool below_silent{true};           ///< those below a replica that does not answer, too
  bool below_binlog_servers{false};  ///< those below a binlog server, too (REC-24)
};

void add_below(const InstanceKey& source, const CutOff& cut_off, const Topology& topology,
               const Topology& fresh, std::set<InstanceKey>& keys) {
  for (const Instance* below : topology.replicas_of(source)) {
    const Instance* now = fresh.find(below->key);
    const bool silent = now == nullptr || !answers(*now);
    const bool goes_on =
        silent ? cut_off.below_silent : now->server.binlog_server && cut_off.below_binlog_servers;
    if (keys.insert(below->key).second && goes_on) {
      add_below(below->key, cut_off, topology, fresh, keys);
    }
  }
}

/// One question about the siblings, with all the facts at hand.
class Siblings {
 public:
  Siblings(const InstanceKey& old_primary, const Instance& winner, const Policy& policy,
           const Progress& so_far, const Topology& fresh)
      : old_primary_(old_primary),
        winner_(winner),
        policy_(policy),
        so_far_(so_far),
        fresh_(fresh),
        logs_continue_(continues_logs(so_far.facts, winner.key)) {
    const Instance* old_now = fresh.find(old_primary);
    is_gone_ = old_now == nullptr || !answers(*old_now);
  }

  [[nodiscard]] SiblingPlan plan() const {
    SiblingPlan plan;
    plan.lost = so_far_.facts.detached.value_or(std::vector<LostReplica>{});
    for (const InstanceKey& key : keys()) {
      const Instance* replica = fresh_.find(key);
      if (replica == nullptr) continue;
      Move move;
      std::string because = replica->replication.source == winner_.key ? "" : link(*replica, move);
      if (!because.empty()) {
        plan.lost.push_back({key, std::move(because)});
        if (!is_gone_ && !answers(*replica)) add_cut_off(*replica, fresh_, plan.lost);
        continue;
      }
      complete(*replica, move);
      plan.moves.push_back(std::move(move));
    }
    std::stable_partition(plan.moves.begin(), plan.moves.end(),
                          [](const Move& move) { return !move.after_others; });
    return plan;
  }

 private:
  [[nodiscard]] std::set<InstanceKey> keys() const {
    std::set<InstanceKey> keys;
    // With the primary gone, those below another dead server are left without anybody: that one's
    // own recovery would look for a place among its siblings, which follow the new primary now.
    for (const Topology* topology : {&so_far_.at_start, &fresh_}) {
      add_below(old_primary_, {is_gone_, !logs_continue_}, *topology, fresh_, keys);
    }
    if (logs_continue_ && so_far_.facts.orphans) {
      keys.insert(so_far_.facts.orphans->begin(), so_far_.facts.orphans->end());
    }
    // A run that was interrupted may have pointed some there and not started them.
    const Instance* before = so_far_.at_start.find(winner_.key);
    if (before != nullptr && (!is_replica(*before) || so_far_.facts.at_promotion)) {
      for (const Instance* replica : so_far_.at_start.replicas_of(winner_.key)) {
        if (replication_threads_stopped(*replica)) keys.insert(replica->key);
      }
    }
    keys.erase(winner_.key);
    keys.erase(old_primary_);
    for (const LostReplica& gone : so_far_.facts.detached.value_or(std::vector<LostReplica>{})) {
      keys.erase(gone.key);
    }
    return keys;
  }

  /// By what method it comes below the winner. Why it cannot; "" when it may.
  [[nodiscard]] std::string link(const Instance& replica, Move& move) const {
    if (!answers(replica)) return silence_of(replica);
    if (replica.replication.channels > 1) {
      return "replicates from " + std::to_string(replica.replication.channels) + " sources";
    }
    if (is_group_secondary(replica)) return "is a secondary member of a replication group";
    if (replica.server.binlog_server) return set_continuation(replica, move);
    const bool by_gtid = gtid_compatible(replica, winner_);
    const auto can = by_gtid ? can_replicate_from_gtid(replica, winner_, policy_.rules())
                             : can_replicate_from(replica, winner_, policy_.rules());
    if (!can) return can.error().message;
    return by_gtid ? "" : set_place(replica, move);
  }

  /// How a replica without GTID finds its place in the new primary's log: one that has executed
  /// just as much goes on where that log ended at the promotion, others by Pseudo-GTID. Why it
  /// cannot; "" when it may.
  [[nodiscard]] std::string set_place(const Instance& replica, Move& move) const {
    const PlanFacts& facts = so_far_.facts;
    const auto* executed = facts.place_at_promotion ? &*facts.place_at_promotion
                           : facts.position_at_promotion
                               ? std::get_if<BinlogCoordinates>(&*facts.position_at_promotion)
                               : nullptr;
    if (executed != nullptr && facts.at_promotion && reads_log_of(fresh_, replica, old_primary_)) {
      move.equal_at = *executed;
      move.target.coordinates = *facts.at_promotion;
      const Instance* leading = leading_binlog_server(fresh_, old_primary_);
      if (leading != nullptr && leading->key != replica.key &&
          !is_before(leading->replication.exec, *executed)) {
        move.gather_at = leading->key;
      }
    }
    move.target.positioning = Positioning::Coordinates;
    move.by_pseudo_gtid = policy_.pseudo_gtid && replica.gtid.uses_pseudo;
    if (move.equal_at || move.by_pseudo_gtid) return "";
    return "follows neither by GTID nor by Pseudo-GTID, and how far the new primary was in its "
           "source's log is not known";
  }

  /// The same for a binlog server: it goes on in the log that follows its last one.
  [[nodiscard]] std::string set_continuation(const Instance& server, Move& move) const {
    if (!logs_continue_) {
      return "is a binlog server, and the log of " + to_string(winner_.key) +
             " does not go on where its own ends";
    }
    if (std::string text = set_place(server, move); !text.empty() || !move.equal_at) {
      return text.empty() ? "is not known to hand out the log of " + to_string(old_primary_) : text;
    }
    move.target.coordinates = so_far_.facts.continuation->at;
    // The others come below this one to get what they lack.
    const Instance* leading = leading_binlog_server(fresh_, old_primary_);
    move.after_others = leading != nullptr && leading->key == server.key;
    return "";
  }

  void complete(const Instance& replica, Move& move) const {
    move.server = replica.key;
    move.target.source = winner_.key;
    move.why = "follow the new primary";
    move.always_start = true;
    // The hooks that tell applications of the new primary come after all are moved.
    move.stop_limit = policy_.bulk_wait;
    const std::chrono::minutes patience = policy_.postpone_replica_recovery_on_lag;
    move.late = patience.count() > 0 && replica.replication.sql_delay > patience;
    // Who does not wait for the silent has somebody look after those that are left behind.
    if (policy_.silent_wait.count() > 0 && is_held_up(replica, so_far_)) {
      move.late = true;
      move.stop_limit.reset();
    }
    const auto& holds = so_far_.facts.position_at_promotion;
    if (!move.equal_at && holds && executed_position(replica).index() == holds->index()) {
      move.destination_holds = holds;
    }
  }

  const InstanceKey& old_primary_;
  const Instance& winner_;
  const Policy& policy_;
  const Progress& so_far_;
  const Topology& fresh_;
  const bool logs_continue_;
  bool is_gone_{false};
};

}  // namespace

SiblingPlan sibling_moves(const InstanceKey& old_primary, const Instance& winner,
                          const Policy& policy, const Progress& so_far, const Topology& fresh) {
  return Siblings(old_primary, winner, policy, so_far, fresh).plan();
}

std::vector<Step> close_siblings(const InstanceKey& old_primary, const Instance& winner,
                                 const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  for (const InstanceKey& source : {old_primary, winner.key}) {
    for (const Instance* replica : fresh.replicas_of(source)) {
      const bool ours = replica->key == old_primary || replica->key == winner.key;
      if (ours || !answers(*replica) || replica->server.read_only) continue;
      if (is_group_secondary(*replica) || replica->replication.channels > 1) continue;
      if (latest(so_far, replica->key, is_change<SetReadOnly>) != nullptr) continue;
      steps.push_back({replica->key,
                       Change{SetReadOnly{true}},
                       to_string(winner.key) + " takes the writes",
                       {},
                       false,
                       {}});
      steps.back().limit = std::chrono::seconds(10);
    }
  }
  return steps;
}

namespace {

/// MariaDB lets a replica go on that has rows of its own, once its source has written more.
void note_own_writes(Account& account, const Topology& fresh) {
  for (const InstanceKey& key : account.moved) {
    const Instance* replica = fresh.find(key);
    const std::string own = replica == nullptr ? "" : unknown_writes(fresh, *replica);
    if (own.empty()) continue;
    account.notes.push_back(to_string(key) + " wrote " + own +
                            " itself, which no other server's binary log knows of: unless that was "
                            "before the others were set up, its rows differ: compare them");
  }
}

/// With the old primary dead nobody could wait for their end: see temporary_tables.h.
void note_dropped_tables(Account& account, const InstanceKey& old_primary, const Progress& so_far,
                         const Topology& fresh) {
  const Instance* primary = fresh.find(old_primary);
  const auto& end = so_far.facts.position_at_promotion;
  for (const InstanceKey& key : account.moved) {
    const Instance* before = so_far.at_start.find(key);
    if (before == nullptr || before->replication.temporary_tables == 0 || !end) continue;
    if (keeps_temporary_tables(*before) || (primary != nullptr && answers(*primary)) ||
        contains(received_position(*before), *end)) {
      continue;
    }
    account.notes.push_back(to_string(key) + " had temporary tables of clients of " +
                            to_string(old_primary) +
                            ", which MariaDB may have dropped before it got all that those did: "
                            "see that it replicates, and compare its rows");
  }
}

}  // namespace

Decision next_of_siblings(const InstanceKey& old_primary, const SiblingPlan& plan, bool detaches,
                          const Policy& policy, const Progress& so_far, const Topology& fresh) {
  Account account;
  account.lost = plan.lost;
  for (const bool late : {false, true}) {
    std::vector<Move> moves;
    std::copy_if(plan.moves.begin(), plan.moves.end(), std::back_inserter(moves),
                 [&](const Move& move) { return move.late == late; });
    MovesInHand in_hand = moves_in_hand(moves, policy, so_far, fresh);
    if (!in_hand.steps.empty()) return Run{std::move(in_hand.steps), {}};
    account.moved.insert(account.moved.end(), in_hand.moved.begin(), in_hand.moved.end());
    account.lost.insert(account.lost.end(), in_hand.lost.begin(), in_hand.lost.end());
    if (!detaches) continue;
    if (Run run = detach_lost(old_primary, account.lost, policy, so_far, fresh);
        !run.steps.empty()) {
      return run;
    }
  }
  note_own_writes(account, fresh);
  note_dropped_tables(account, old_primary, so_far, fresh);
  return end_of_moves(std::move(account), so_far, fresh);
}

}  // namespace orch
