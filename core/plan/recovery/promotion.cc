#include "core/plan/recovery/promotion.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/recovery/fetching.h"
#include "core/plan/recovery/held_back.h"
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

std::string text_of(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

constexpr std::string_view kLookAround = "see that nobody else takes writes";
constexpr std::chrono::milliseconds kShortLook{500};

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

bool was_only_looked_at(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = latest(so_far, server, [](const Action&) { return true; });
  return last != nullptr && last->step.why == kLookAround;
}

/// With those who did not answer that short look counted as there: they are read again later.
Topology before_look(const Progress& so_far, const Topology& fresh) {
  std::vector<Instance> all(fresh.instances().begin(), fresh.instances().end());
  for (Instance& instance : all) {
    if (was_only_looked_at(so_far, instance.key)) instance.freshness.is_last_check_valid = true;
  }
  return Topology(std::move(all));
}

/// It is silent for the connection's sake, and was not waited for in vain, nor again and again.
bool may_answer_soon(const InstanceKey& key, const Progress& so_far, const Topology& fresh) {
  constexpr int kAsked = 2;
  const Instance* server = fresh.find(key);
  if (server == nullptr || answers(*server)) return false;
  const std::optional<Error>& error = server->freshness.last_error;
  if (error && !is_connection_failure(*error)) return false;
  const auto waits = [&](const StepResult& result) {
    return result.step.server == key && waits_for<CanBeRead>(result.step.action);
  };
  const StepResult* last = latest(so_far, key, waits_for<CanBeRead>);
  return last == nullptr ||
         (!last->error && std::count_if(so_far.steps.begin(), so_far.steps.end(), waits) < kAsked);
}

bool semi_sync_failed(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = latest(so_far, server, is_change<SetSemiSyncSource>);
  return last != nullptr && last->error;
}

/// Fenced, it is no source any more.
Instance with_semi_sync_role(Instance old_primary, const Progress& so_far) {
  if (was_semi_sync_source(so_far.facts, old_primary.key)) {
    old_primary.semi_sync.source_enabled = true;
  }
  return old_primary;
}

bool is_promotion_change(const Action& action) {
  const auto* read_only = change_in<SetReadOnly>(action);
  return is_change<ResetReplication>(action) || is_change<SetSemiSyncSource>(action) ||
         (read_only != nullptr && !read_only->on);
}

/// `other` of its group answers; without one, orch cannot tell whether any lives.
std::string several_primaries_text(const Instance& server, const InstanceKey* other) {
  const std::string key = to_string(server.key);
  const std::string text =
      key + " is one of several primaries of a " +
      (server.group.name.starts_with("galera:") ? "Galera cluster" : "replication group");
  if (other != nullptr) {
    return text + ", and " + to_string(*other) +
           " of it answers: a promoted replica would be one more server that takes writes. To have "
           "the replicas follow another member, run 'orch recover " +
           key + "' when it is dead, else 'orch relocate-replicas'";
  }
  return text +
         ", and the others may take writes, which orch does not see: a promoted replica would be "
         "one more server that takes writes. Let the replicas follow another member; if all of "
         "them are gone for good, promote a replica by hand: 'orch stop-replica', 'orch "
         "reset-replica', 'orch set-writeable'";
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

std::string weaker_wait(const Instance& heir, const Instance& old_primary) {
  const SemiSync& now = heir.semi_sync;
  const SemiSync& before = old_primary.semi_sync;
  if (!before.source_enabled || !now.available) return "";
  std::vector<std::string> texts;
  if (now.source_timeout < before.source_timeout) {
    texts.push_back("gives up after " + text_of(now.source_timeout) + ", not " +
                    text_of(before.source_timeout));
  }
  if (now.source_wait_for_replica_count < before.source_wait_for_replica_count) {
    texts.push_back("waits for " + std::to_string(now.source_wait_for_replica_count) +
                    " of them, not " + std::to_string(before.source_wait_for_replica_count));
  }
  if (equals_ignoring_case(now.source_wait_point, "AFTER_COMMIT") &&
      equals_ignoring_case(before.source_wait_point, "AFTER_SYNC")) {
    texts.emplace_back("waits after the commit (AFTER_COMMIT), not before it (AFTER_SYNC)");
  }
  return join(texts, ", and ");
}

std::vector<Step> promotion_steps(const Instance& winner, const Instance& old_primary,
                                  const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  if ((winner.replication.configured || is_replica(winner)) &&
      !replication_threads_stopped(winner)) {
    steps.push_back(
        promotion_step(winner, StopReplication{}, "it has applied all that it received"));
  }
  const Instance before = with_semi_sync_role(old_primary, so_far);
  const bool hand_over = before.semi_sync.source_enabled &&
                         semi_sync_objection(winner, before, before_look(so_far, fresh)).empty() &&
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
  const Instance old = with_semi_sync_role(*before, so_far);
  std::string text = semi_sync_objection(winner, old, so_far.at_start);
  if (text.empty()) {
    text = weaker_wait(winner, old);
    if (text.empty()) return "";
    text = to_string(winner.key) + " " + text;
  }
  return "the new primary does not wait for replicas as the old one did: " + text;
}

bool is_writable_top(const Instance& instance) {
  const bool has_source = is_replica(instance) || instance.replication.configured;
  return answers(instance) && (!has_source || is_detached_source(instance)) &&
         !instance.server.read_only;
}

std::string objection_to_group(const Instance& server, const Topology& fresh) {
  const GroupMembership& group = server.group;
  if (group.name.empty()) return "";
  bool all_known = !group.others.empty();
  for (const InstanceKey& other : group.others) {
    const Instance* member = fresh.find(other);
    if (member == nullptr) all_known = false;
    if (member == nullptr || !answers(*member) || member->group.name != group.name) continue;
    if (member->group.state == "OFFLINE") continue;  // it has left, and takes no writes
    if (!group.single_primary) return several_primaries_text(server, &other);
    return to_string(server.key) + " is in a replication group, and " + to_string(other) +
           " of it answers: the group elects a primary by itself, and one from outside would be a "
           "second one. To have another primary, call group_replication_set_as_primary() on a "
           "member; to move the replicas of a dead one, run 'orch recover " +
           to_string(server.key) + "'";
  }
  return group.single_primary || all_known ? "" : several_primaries_text(server, nullptr);
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
  return "could not be promoted: " + without_name(last->error->message, server);
}

std::optional<Run> undo_refused_promotions(const Progress& so_far, const Topology& fresh) {
  Run run{undo_semi_sync_steps(so_far, fresh), {}};
  std::erase_if(run.steps,
                [&](const Step& step) { return !failed_promotion(so_far, step.server); });
  return run.steps.empty() ? std::nullopt : std::optional<Run>(std::move(run));
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
  const bool looked =
      std::any_of(so_far.steps.begin(), so_far.steps.end(), [&](const StepResult& result) {
        return result.step.server == winner.key && result.step.why == kLookAround;
      });
  if (looked) return {};
  // Without a wait it was tried just now, and to look for it again would keep all from writing.
  const bool waited = std::any_of(
      so_far.steps.begin(), so_far.steps.end(),
      [](const StepResult& result) { return std::holds_alternative<WaitFor>(result.step.action); });
  auto steps = look_at_all(fresh, waited ? std::optional(old_primary) : std::nullopt, kLookAround);
  // Nobody can write meanwhile: a replica that hangs must not be waited for.
  for (Step& step : steps) {
    const Instance* server = fresh.find(step.server);
    const bool is_other = step.server != winner.key && step.server != old_primary.key;
    if (is_other && is_replica(*server)) {
      step.limit = std::max(old_primary.patience, kShortLook);
    }
  }
  return steps;
}

std::vector<Step> look_again(const InstanceKey& old_primary, const Progress& so_far,
                             const Topology& fresh) {
  std::vector<Step> steps;
  for (const Instance& instance : fresh.instances()) {
    if (answers(instance) || instance.key == old_primary) continue;
    if (fresh.replicas_of(instance.key).empty()) continue;
    if (!was_only_looked_at(so_far, instance.key)) continue;
    steps.push_back({instance.key, Reprobe{}, "it did not answer at once", {}, false, {}});
  }
  return steps;
}

std::vector<Step> ask_again(const std::vector<LostReplica>& lost, const Policy& policy,
                            const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  if (policy.silent_wait.count() == 0) return steps;
  for (const LostReplica& one : lost) {
    if (may_answer_soon(one.key, so_far, fresh)) {
      steps.push_back({one.key,
                       WaitFor{CanBeRead{}, policy.silent_wait, {}},
                       "it is to follow the new primary, too",
                       {},
                       false,
                       {}});
    }
  }
  return steps;
}

std::vector<Step> ask_promoted(const Progress& so_far, const Topology& fresh) {
  constexpr std::chrono::seconds kPatience{5};
  const std::optional<InstanceKey>& winner = so_far.facts.winner;
  if (!winner || !is_past_return(so_far) || !may_answer_soon(*winner, so_far, fresh)) return {};
  return {
      {*winner, WaitFor{CanBeRead{}, kPatience, {}}, "it was told to take writes", {}, false, {}}};
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

std::string note_on_heir(const Instance& winner, const Progress& so_far) {
  // Its own, and those of whom it fetched from.
  std::set<InstanceKey> origins{winner.key};
  const bool in_vain = fetched_in_vain(so_far, winner.key);
  for (const StepResult& result : so_far.steps) {
    if (in_vain) break;
    const auto* target = change_in<PointTo>(result.step.action);
    if (target != nullptr && result.step.server == winner.key && !result.error)
      origins.insert(target->source);
  }
  std::string note = binlog_filter_text(winner);
  if (!note.empty()) note = to_string(winner.key) + " " + note;
  for (const InstanceKey& key : origins) {
    const Instance* before = so_far.at_start.find(key);
    if (before == nullptr || !is_replica(*before)) continue;
    const bool took_writes = so_far.at_start.are_co_sources(key, before->replication.source) &&
                             !before->server.read_only;
    if (took_writes) continue;
    std::string own = errant_transactions(so_far.at_start, *before);
    if (own.empty()) own = unknown_writes(so_far.at_start, *before);
    if (own.empty()) continue;
    note +=
        (note.empty() ? "" : "; ") + to_string(key) + " had errant transactions, and " +
        (key == winner.key ? "whoever follows it gets them: "
                           : to_string(winner.key) + ", which fetched from it, has them now: ") +
        own;
  }
  return note;
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
  std::vector<InstanceKey> told = so_far.facts.told_to_write;
  for (const StepResult& result : so_far.steps) {
    if (result.step.point_of_no_return) told.push_back(result.step.server);
  }
  for (const InstanceKey& key : told) {
    const Instance* now = fresh.find(key);
    if (now == nullptr || !answers(*now)) return key;
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
  for (Step& step : undo_semi_sync_steps(so_far, fresh))
    undo.steps.push_back(std::move(step));
  auto delays = give_delays_back(std::nullopt, so_far, fresh);
  // What is stopped for its delay is started afterwards.
  for (Step& step : delays ? std::move(delays->steps) : undo_thread_steps(so_far, fresh))
    undo.steps.push_back(std::move(step));
  if (undo.steps.empty()) return GiveUp{std::move(because), {}};
  undo.facts.giving_up = std::move(because);
  return undo;
}

}  // namespace orch
