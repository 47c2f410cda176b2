#include "core/plan/recovery/promotion.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

Step promotion_step(const Instance& winner, Change change, std::string why) {
  return {winner.key, std::move(change), std::move(why), {}, false, {}};
}

/// Of the winner's future replicas, how many would acknowledge its commits.
std::size_t acknowledging(const Instance& winner, const Instance& old_primary,
                          const Topology& fresh) {
  const std::vector<const Instance*> replicas = fresh.replicas_of(old_primary.key);
  const auto would = [&](const Instance& instance) {
    return instance.key != winner.key && answers(instance) && instance.semi_sync.replica_enabled;
  };
  return static_cast<std::size_t>(
      std::count_if(replicas.begin(), replicas.end(),
                    [&](const Instance* replica) { return would(*replica); }) +
      (would(old_primary) ? 1 : 0));
}

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

std::vector<Step> look_at_all(const Topology& fresh, const std::optional<Missed>& missed,
                              std::string_view why) {
  std::vector<Step> steps;
  for (const Instance& instance : fresh.instances()) {
    if (answers(instance)) {
      steps.push_back({instance.key, Reprobe{}, std::string(why), {}, false, {}});
    } else if (missed && instance.key == missed->key) {
      steps.push_back({instance.key, Reprobe{}, std::string(why), {}, false, missed->patience});
    }
  }
  return steps;
}

/// How a replica without GTID finds its place in the new primary's log: one that has executed just
/// as much goes on where that log ended at the promotion, others by Pseudo-GTID. Why it cannot; ""
/// when it may.
std::string set_place(const Instance& replica, const InstanceKey& old_primary, const Policy& policy,
                      const Progress& so_far, const Topology& fresh, Move& move) {
  const PlanFacts& facts = so_far.facts;
  const auto* executed = facts.place_at_promotion ? &*facts.place_at_promotion
                         : facts.position_at_promotion
                             ? std::get_if<BinlogCoordinates>(&*facts.position_at_promotion)
                             : nullptr;
  if (executed != nullptr && facts.at_promotion && reads_log_of(fresh, replica, old_primary)) {
    move.equal_at = *executed;
    move.target.coordinates = *facts.at_promotion;
    const Instance* leading = leading_binlog_server(fresh, old_primary);
    if (leading != nullptr && leading->key != replica.key &&
        !is_before(leading->replication.exec, *executed)) {
      move.gather_at = leading->key;
    }
  }
  move.target.positioning = Positioning::Coordinates;
  move.by_pseudo_gtid = policy.pseudo_gtid && replica.gtid.uses_pseudo;
  if (move.equal_at || move.by_pseudo_gtid) return "";
  return "follows neither by GTID nor by Pseudo-GTID, and how far the new primary was in its "
         "source's log is not known";
}

/// The same for a binlog server: it goes on in the log that follows its last one. Why it cannot;
/// "" when it may.
std::string set_continuation(const Instance& server, const Instance& winner,
                             const InstanceKey& old_primary, const Policy& policy,
                             const Progress& so_far, const Topology& fresh, Move& move) {
  if (!continues_logs(so_far.facts, winner.key)) {
    return "is a binlog server, and the log of " + to_string(winner.key) +
           " does not go on where its own ends";
  }
  if (std::string text = set_place(server, old_primary, policy, so_far, fresh, move);
      !text.empty() || !move.equal_at) {
    return text.empty() ? "is not known to hand out the log of " + to_string(old_primary) : text;
  }
  move.target.coordinates = so_far.facts.continuation->at;
  // The others come below this one to get what they lack.
  const Instance* leading = leading_binlog_server(fresh, old_primary);
  move.after_others = leading != nullptr && leading->key == server.key;
  return "";
}

bool semi_sync_failed(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = latest(so_far, server, is_change<SetSemiSyncSource>);
  return last != nullptr && last->error;
}

bool is_promotion_change(const Action& action) {
  const auto* read_only = change_in<SetReadOnly>(action);
  return is_change<ResetReplication>(action) || is_change<SetSemiSyncSource>(action) ||
         (read_only != nullptr && !read_only->on);
}

}  // namespace

std::string semi_sync_objection(const Instance& winner, const Instance& old_primary,
                                const Topology& fresh) {
  if (!old_primary.semi_sync.source_enabled || winner.semi_sync.source_enabled) return "";
  if (winner.semi_sync.priority > 0) return "";
  const std::string key = to_string(winner.key);
  if (!winner.semi_sync.available) return key + " has no semi-sync plugin";
  const std::size_t needed =
      std::max<std::size_t>(1, winner.semi_sync.source_wait_for_replica_count);
  const std::size_t there = acknowledging(winner, old_primary, fresh);
  if (there >= needed) return "";
  return key + " waits for " + std::to_string(needed) + " replicas, and " + std::to_string(there) +
         " of those that would follow it acknowledge commits";
}

std::vector<Step> promotion_steps(const Instance& winner, const Instance& old_primary,
                                  const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  if ((winner.replication.configured || is_replica(winner)) &&
      !replication_threads_stopped(winner)) {
    steps.push_back(
        promotion_step(winner, StopReplication{}, "it has applied all that it received"));
  }
  const bool hand_over = old_primary.semi_sync.source_enabled &&
                         semi_sync_objection(winner, old_primary, fresh).empty() &&
                         !semi_sync_failed(so_far, winner.key);
  if (winner.semi_sync.priority > 0) {
    steps.push_back(
        promotion_step(winner, SetSemiSyncSource{true}, "its semi-sync priority says so"));
  } else if (hand_over && !winner.semi_sync.source_enabled) {
    steps.push_back(
        promotion_step(winner, SetSemiSyncSource{true}, "as the old primary waited for replicas"));
  }
  steps.push_back(promotion_step(winner, SetReadOnly{false}, "it takes the writes from now on"));
  steps.back().point_of_no_return = true;
  if (winner.replication.configured || is_replica(winner)) {
    steps.push_back(promotion_step(winner, ResetReplication{}, "it follows nobody any more"));
  }
  return steps;
}

std::string semi_sync_note(const Instance& winner, const Instance& old_primary,
                           const Progress& so_far) {
  const StepResult* promoted = latest(so_far, winner.key, is_promotion_change);
  if (promoted == nullptr) return "";
  const Instance* before = so_far.at_start.find(old_primary.key);
  if (before == nullptr) return "";
  const std::string text = semi_sync_objection(winner, *before, so_far.at_start);
  return text.empty() ? ""
                      : "the new primary does not wait for replicas as the old one did: " + text;
}

bool is_writable_top(const Instance& instance) {
  return answers(instance) && !is_replica(instance) && !instance.replication.configured &&
         !instance.server.read_only;
}

std::string objection_to_group(const Instance& server, const Topology& fresh) {
  for (const InstanceKey& other : server.group.others) {
    const Instance* member = fresh.find(other);
    if (member == nullptr || !answers(*member) || member->group.name != server.group.name) continue;
    return to_string(server.key) + " is in a replication group, and " + to_string(other) +
           " of it answers: the group elects a primary by itself, and one from outside would be a "
           "second one. To have another primary, call group_replication_set_as_primary() on a "
           "member; to move the replicas of a dead one, run 'orch recover " +
           to_string(server.key) + "'";
  }
  return "";
}

std::string objection_to_passive(const Instance& failed, const Progress& so_far,
                                 const Topology& fresh) {
  const Instance* partner = fresh.source_of(failed.key);
  const bool is_pair = partner != nullptr && fresh.are_co_sources(failed.key, partner->key);
  // Once a winner is chosen, the failed server may be read-only because it was fenced.
  if (!is_pair || so_far.facts.winner || !answers(failed) || !failed.server.read_only) return "";
  if (!answers(*partner) || partner->server.read_only) return "";
  const std::string other = to_string(partner->key);
  return to_string(failed.key) + " answers and is read-only, and its co-master " + other +
         " takes the writes: there is nothing to fail over ('orch failover " + other +
         "' replaces the other)";
}

bool is_promoted(const Progress& so_far, const Instance& instance) {
  if (!answers(instance) || instance.server.read_only) return false;
  if (so_far.facts.winner != instance.key) return false;
  if (!is_replica(instance)) return true;
  return so_far.facts.at_promotion && replication_threads_stopped(instance);
}

std::vector<Step> finish_promotion(const Instance& winner, const Progress& so_far) {
  if (!winner.replication.configured && !is_replica(winner)) return {};
  const auto failures =
      std::count_if(so_far.steps.begin(), so_far.steps.end(), [&](const StepResult& result) {
        return result.step.server == winner.key && result.error &&
               is_change<ResetReplication>(result.step.action);
      });
  if (failures > 1) return {};
  return {promotion_step(winner, ResetReplication{}, "it follows nobody any more")};
}

std::string promotion_leftover(const Instance& winner) {
  if (!winner.replication.configured && !is_replica(winner)) return "";
  return to_string(winner.key) + " takes writes and still knows " +
         to_string(winner.replication.source) +
         " as its source, which it could not be made to forget: do not start its replication";
}

std::optional<std::string> failed_promotion(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = nullptr;
  int failures = 0;
  for (const StepResult& result : so_far.steps) {
    if (result.step.server != server || !result.error) continue;
    if (!is_promotion_change(result.step.action)) continue;
    last = &result;
    ++failures;
  }
  if (failures < 2) return std::nullopt;
  return "could not be promoted: " + last->error->message;
}

SiblingPlan sibling_moves(const InstanceKey& old_primary, const Instance& winner,
                          const Policy& policy, const Progress& so_far, const Topology& fresh) {
  // With the primary gone, those below another dead server are left without anybody: that one's own
  // recovery would look for a place among its siblings, which follow the new primary now.
  const Instance* old_now = fresh.find(old_primary);
  const bool is_gone = old_now == nullptr || !answers(*old_now);
  std::set<InstanceKey> keys;
  const bool logs_continue = continues_logs(so_far.facts, winner.key);
  for (const Topology* topology : {&so_far.at_start, &fresh}) {
    add_below(old_primary, {is_gone, !logs_continue}, *topology, fresh, keys);
  }
  if (logs_continue && so_far.facts.orphans) {
    keys.insert(so_far.facts.orphans->begin(), so_far.facts.orphans->end());
  }
  // A run that was interrupted may have pointed some there and not started them.
  const Instance* before = so_far.at_start.find(winner.key);
  if (before != nullptr && !is_replica(*before)) {
    for (const Instance* replica : so_far.at_start.replicas_of(winner.key)) {
      if (replication_threads_stopped(*replica)) keys.insert(replica->key);
    }
  }
  keys.erase(winner.key);
  keys.erase(old_primary);
  SiblingPlan plan;
  for (const InstanceKey& key : keys) {
    const Instance* replica = fresh.find(key);
    if (replica == nullptr) continue;
    const bool follows = replica->replication.source == winner.key;
    std::string because;
    Move move;
    if (!follows && !answers(*replica)) {
      because = silence_of(*replica);
    } else if (!follows && replica->replication.channels > 1) {
      because = "replicates from " + std::to_string(replica->replication.channels) + " sources";
    } else if (!follows && is_group_secondary(*replica)) {
      because = "is a secondary member of a replication group";
    } else if (!follows && replica->server.binlog_server) {
      because = set_continuation(*replica, winner, old_primary, policy, so_far, fresh, move);
    } else if (!follows) {
      const bool by_gtid = gtid_compatible(*replica, winner);
      const auto can = by_gtid ? can_replicate_from_gtid(*replica, winner, policy.rules())
                               : can_replicate_from(*replica, winner, policy.rules());
      if (!can) because = can.error().message;
      if (can && !by_gtid) because = set_place(*replica, old_primary, policy, so_far, fresh, move);
    }
    if (!because.empty()) {
      plan.lost.push_back({key, std::move(because)});
      if (!is_gone && !answers(*replica)) add_cut_off(*replica, fresh, plan.lost);
      continue;
    }
    move.server = key;
    move.target.source = winner.key;
    move.why = "follow the new primary";
    move.always_start = true;
    const auto& holds = so_far.facts.position_at_promotion;
    if (!move.equal_at && holds && executed_position(*replica).index() == holds->index()) {
      move.destination_holds = holds;
    }
    plan.moves.push_back(std::move(move));
  }
  std::stable_partition(plan.moves.begin(), plan.moves.end(),
                        [](const Move& move) { return !move.after_others; });
  return plan;
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

bool came_back(const Instance& old_primary, const Progress& so_far) {
  const Instance* before = so_far.at_start.find(old_primary.key);
  const auto tries =
      std::count_if(so_far.steps.begin(), so_far.steps.end(), [&](const StepResult& result) {
        const Action& action = result.step.action;
        const bool fences = std::holds_alternative<Fence>(action) || is_change<SetReadOnly>(action);
        return result.step.server == old_primary.key && fences;
      });
  return answers(old_primary) && before != nullptr && !answers(*before) && tries == 1;
}

std::vector<Step> look_around(const Instance& winner, const Missed& old_primary,
                              const Progress& so_far, const Topology& fresh) {
  constexpr std::string_view kWhy = "see that nobody else takes writes";
  const bool looked =
      std::any_of(so_far.steps.begin(), so_far.steps.end(), [&](const StepResult& result) {
        return result.step.server == winner.key && result.step.why == kWhy;
      });
  if (looked) return {};
  // Without a wait it was tried just now, and to look for it again would keep all from writing.
  const bool waited = std::any_of(
      so_far.steps.begin(), so_far.steps.end(),
      [](const StepResult& result) { return std::holds_alternative<WaitFor>(result.step.action); });
  return look_at_all(fresh, waited ? std::optional(old_primary) : std::nullopt, kWhy);
}

std::vector<Step> last_look(const Missed& old_primary, const Progress& so_far,
                            const Topology& fresh) {
  constexpr std::string_view kWhy = "see that one server takes writes";
  for (auto result = so_far.steps.rbegin(); result != so_far.steps.rend(); ++result) {
    if (result->step.why == kWhy) return {};
    if (result->step.point_of_no_return) break;
  }
  return look_at_all(fresh, old_primary, kWhy);
}

void add_written_since(Account& account, const Instance& old_primary, const Instance& winner,
                       const Topology& fresh) {
  if (!answers(old_primary) || errant_transactions(fresh, old_primary).empty()) return;
  const Difference extra = missing(executed_position(winner), executed_position(old_primary));
  const std::string text = to_string(extra) + ", which " + to_string(old_primary.key) +
                           " alone has; it may still take writes from accounts that read_only "
                           "does not bind";
  const bool nothing = account.lost_transactions.starts_with("nothing");
  account.lost_transactions = nothing ? text : account.lost_transactions + "; " + text;
  account.two_took_writes = true;
  account.notes.push_back(to_string(old_primary.key) +
                          " took writes that the new primary lacks: " + to_string(extra));
}

void add_second_writers(Account& account, const Instance& winner, const Topology& fresh) {
  for (const Instance* root : fresh.roots()) {
    if (root->key == winner.key || !is_writable_top(*root)) continue;
    account.two_took_writes = true;
    account.notes.push_back(to_string(root->key) + " takes writes as well as " +
                            to_string(winner.key) + ": make one of them read-only at once");
  }
}

std::optional<InstanceKey> in_doubt(const Progress& so_far, const Topology& fresh) {
  for (const StepResult& result : so_far.steps) {
    if (!result.step.point_of_no_return) continue;
    const Instance* now = fresh.find(result.step.server);
    if (now == nullptr || !answers(*now)) return result.step.server;
  }
  return std::nullopt;
}

Decision give_up_in_doubt(const InstanceKey& server) {
  return GiveUp{Error{ErrorKind::Unreachable,
                      to_string(server) +
                          " was told to take writes and does not answer any more: make sure which "
                          "server takes writes before anything else"},
                {}};
}

std::string objection_to_earlier(const std::vector<InstanceKey>& promoted, const Policy& policy,
                                 const Topology& fresh) {
  if (policy.fencing != Fencing::Required) return "";
  for (const InstanceKey& key : promoted) {
    const Instance* now = fresh.find(key);
    if (now != nullptr && answers(*now)) continue;
    return "FencingPolicy is required, and " + to_string(key) +
           ", which a recovery that failed told to take writes, does not answer: make sure that it "
           "takes none, then acknowledge that recovery ('orch ack-instance-recoveries')";
  }
  return "";
}

Decision back_out(Error because, const Progress& so_far, const Topology& fresh) {
  Run undo{undo_read_only_steps(so_far, fresh), {}};
  for (Step& step : undo_thread_steps(so_far, fresh))
    undo.steps.push_back(std::move(step));
  if (undo.steps.empty()) return GiveUp{std::move(because), {}};
  undo.facts.giving_up = std::move(because);
  return undo;
}

}  // namespace orch
