#include "core/plan/recovery/repairs.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/plan/recovery/promotion.h"

namespace orch {

namespace {

Decision decline_repair(std::string text) {
  return GiveUp{Error{ErrorKind::Refused, std::move(text)}, {}};
}

Decision next_not_writable(const InstanceKey& key, const std::vector<InstanceKey>& told,
                           const Progress& so_far, const Topology& fresh) {
  const Instance* primary = fresh.find(key);
  if (primary == nullptr) return decline_repair("Error reading " + to_string(key));
  if (so_far.facts.giving_up) return GiveUp{*so_far.facts.giving_up, {}};
  if (!answers(*primary)) return decline_repair(to_string(key) + " " + silence_of(*primary));
  if (is_replica(*primary)) {
    return decline_repair(to_string(key) + " is a replica of " +
                          to_string(primary->replication.source) + ", no primary");
  }
  for (const InstanceKey& other : told) {
    const Instance* now = fresh.find(other);
    if (now != nullptr && answers(*now) && now->server.read_only) continue;
    return decline_repair(to_string(other) +
                          " was told to take writes by a recovery that failed, and may take some: "
                          "two servers must not");
  }
  for (const Instance* root : fresh.roots()) {
    if (root->key != key && !is_replica(*root) && !root->server.read_only) {
      return decline_repair(to_string(root->key) + (answers(*root) ? " takes" : " may take") +
                            " writes: two servers must not");
    }
  }
  // Whoever may have become a master unseen: there is no hurry, as the primary is alive.
  for (const Instance* below : fresh.descendants_of(key)) {
    const std::optional<Error>& error = below->freshness.last_error;
    if (answers(*below) || (error && error->nobody_listens)) continue;
    return decline_repair(to_string(below->key) + " " + silence_of(*below) +
                          ": it may take writes, and two servers must not; 'orch forget " +
                          to_string(below->key) + "' where it is gone for good");
  }
  if (!primary->server.read_only) {
    Account account;
    account.promoted = key;
    account.coordinates = primary->server.binlog;
    account.lost_transactions = "nothing";
    return Done{std::move(account)};
  }
  const StepResult* tried = latest(so_far, key, is_change<SetReadOnly>);
  if (tried != nullptr) {
    return decline_repair(to_string(key) + " could not be made writable" +
                          (tried->error ? ": " + tried->error->message : ""));
  }
  Step step{key, Change{SetReadOnly{false}}, "nobody in its cluster takes writes", {}, true, {}};
  return Run{{std::move(step)}, {}};
}

/// One repair of semi-sync replication, with all the facts at hand.
class SemiSyncRepair {
 public:
  SemiSyncRepair(const Instance& primary, SemiSyncGoal goal, const Progress& so_far,
                 const Topology& fresh)
      : primary_(primary), goal_(goal), so_far_(so_far), fresh_(fresh) {}

  [[nodiscard]] Decision next() const {
    Run run;
    for (const Instance* replica : replicas()) {
      if (replica->semi_sync.priority > 0 && replica->semi_sync.source_enabled &&
          !tried(replica->key, is_change<SetSemiSyncSource>)) {
        run.steps.push_back(step(*replica, SetSemiSyncSource{false}, "a replica is no source"));
      }
    }
    if (!run.steps.empty()) return run;
    for (const Instance* replica : replicas()) {
      if (!is_left_halfway(*replica)) continue;
      const std::vector<const Instance*> best = shall_be_on();
      const bool on = goal_ == SemiSyncGoal::Enough ||
                      std::find(best.begin(), best.end(), replica) != best.end();
      add_switch(*replica, on, run);
    }
    if (!run.steps.empty()) return run;
    for (const bool on : {true, false}) {
      for (const Instance* replica : to_switch(on))
        add_switch(*replica, on, run);
      if (!run.steps.empty()) return run;
    }
    if (auto rest = release()) return *std::move(rest);
    return outcome();
  }

 private:
  using Test = bool (*)(const Action&);
  using Keys = std::vector<InstanceKey>;
  [[nodiscard]] bool tried(const InstanceKey& key, Test is_it) const {
    return latest(so_far_, key, is_it) != nullptr;
  }

  [[nodiscard]] static Step step(const Instance& server, Change change, std::string why) {
    return {server.key, std::move(change), std::move(why), {}, false, {}};
  }

  /// Those that answer and replicate.
  [[nodiscard]] std::vector<const Instance*> replicas() const {
    std::vector<const Instance*> found;
    for (const Instance* replica : fresh_.replicas_of(primary_.key)) {
      const bool ours = tried(replica->key, is_change<SetSemiSyncReplica>);
      const bool counts = replica_running(*replica) || ours || is_left_halfway(*replica);
      if (answers(*replica) && counts) found.push_back(replica);
    }
    return found;
  }

  /// An earlier run, which was cut off, began to switch it: how far that got is not known.
  [[nodiscard]] bool is_left_halfway(const Instance& replica) const {
    const auto& begun = so_far_.facts.orphans;
    return begun && std::find(begun->begin(), begun->end(), replica.key) != begun->end() &&
           !was_switched(replica);
  }

  /// With a priority, best first.
  [[nodiscard]] std::vector<const Instance*> possible() const {
    std::vector<const Instance*> found;
    for (const Instance* replica : replicas()) {
      if (replica->semi_sync.priority > 0) found.push_back(replica);
    }
    std::stable_sort(found.begin(), found.end(), [](const Instance* a, const Instance* b) {
      return std::make_tuple(-static_cast<int>(a->semi_sync.priority),
                             static_cast<int>(a->promotion_rule), to_string(a->key)) <
             std::make_tuple(-static_cast<int>(b->semi_sync.priority),
                             static_cast<int>(b->promotion_rule), to_string(b->key));
    });
    return found;
  }

  [[nodiscard]] std::size_t wanted() const {
    return primary_.semi_sync.source_wait_for_replica_count;
  }

  [[nodiscard]] std::vector<const Instance*> to_switch(bool on) const {
    return goal_ == SemiSyncGoal::Exact ? to_switch_exactly(on) : to_switch_enough(on);
  }

  /// With the goal Exact.
  [[nodiscard]] std::vector<const Instance*> shall_be_on() const {
    std::vector<const Instance*> best = possible();
    best.resize(std::min(wanted(), best.size()));
    return best;
  }

  [[nodiscard]] std::vector<const Instance*> to_switch_exactly(bool on) const {
    std::vector<const Instance*> wrong;
    const std::vector<const Instance*> best = shall_be_on();
    for (const Instance* replica : replicas()) {
      const bool is_on = replica->semi_sync.replica_enabled;
      const bool shall_be = std::find(best.begin(), best.end(), replica) != best.end();
      if (shall_be == on && is_on != on && !was_switched(*replica)) {
        wrong.push_back(replica);
      }
    }
    return wrong;
  }

  /// As many as are missing, and none when none is (REC-37).
  [[nodiscard]] std::vector<const Instance*> to_switch_enough(bool on) const {
    std::vector<const Instance*> wrong;
    const Instance* at_start = so_far_.at_start.find(primary_.key);
    const std::size_t clients =
        (at_start == nullptr ? primary_ : *at_start).semi_sync.source_clients;
    if (!on || clients >= wanted()) return wrong;
    std::size_t missing = wanted() - clients;
    for (const Instance* replica : possible()) {
      if (was_switched(*replica) && !failed(*replica)) {
        if (missing > 0) --missing;
      }
    }
    for (const Instance* replica : possible()) {
      if (wrong.size() == missing) break;
      if (!replica->semi_sync.replica_enabled && !was_switched(*replica)) wrong.push_back(replica);
    }
    return wrong;
  }

  [[nodiscard]] bool was_switched(const Instance& replica) const {
    return tried(replica.key, is_change<SetSemiSyncReplica>);
  }
  [[nodiscard]] bool failed(const Instance& replica) const {
    const StepResult* last = latest(so_far_, replica.key, is_change<SetSemiSyncReplica>);
    return last != nullptr && last->error;
  }

  /// The flag counts from the next start of the receiver.
  void add_switch(const Instance& replica, bool on, Run& run) const {
    if (!run.facts.orphans) run.facts.orphans = so_far_.facts.orphans.value_or(Keys());
    run.facts.orphans->push_back(replica.key);
    run.steps.push_back(step(
        replica, SetSemiSyncReplica{on},
        on ? "the primary waits for its acknowledgements" : "the primary need not wait for it"));
    const bool stands = replica.replication.io_state == ThreadState::Stopped;
    if (stands && !is_left_halfway(replica)) return;
    if (!stands) {
      run.steps.push_back(step(replica, StopReplication{ReplicationThreads::Receiver},
                               "the switch counts from the next connection"));
    }
    run.steps.push_back(step(replica, StartReplication{ReplicationThreads::Receiver},
                             "the switch counts from the next connection"));
  }

  static unsigned waiting(const Instance* primary) {
    return primary == nullptr ? 0 : primary->semi_sync.source_waiting_sessions.value_or(0);
  }

  /// Whether release() could do anything.
  [[nodiscard]] bool looked() const {
    return tried(primary_.key,
                 [](const Action& action) { return std::holds_alternative<Reprobe>(action); });
  }

  /// A replica that received a transaction before it was switched on never acknowledges that one:
  /// who waits for it does so until something else is committed.
  [[nodiscard]] std::optional<Run> release() const {
    constexpr std::chrono::seconds kLimit{5};
    const Instance* at_start = so_far_.at_start.find(primary_.key);
    if (waiting(at_start) == 0 || tried(primary_.key, is_change<CommitNothing>)) {
      return std::nullopt;
    }
    const std::vector<const Instance*> all = replicas();
    const bool switched = std::any_of(all.begin(), all.end(), [&](const Instance* replica) {
      return was_switched(*replica) && !failed(*replica) && replica->semi_sync.replica_enabled;
    });
    if (!switched && at_start->semi_sync.source_clients < wanted()) return std::nullopt;
    if (looked() && waiting(&primary_) == 0) return std::nullopt;
    Step next{primary_.key, Reprobe{}, "see whether commits still wait", {}, false, {}};
    if (looked()) {
      next = step(primary_, CommitNothing{}, "they wait for what was received long ago");
      next.limit = kLimit;
    }
    return Run{{std::move(next)}, {}};
  }

  [[nodiscard]] std::string still_waiting() const {
    const StepResult* commit = latest(so_far_, primary_.key, is_change<CommitNothing>);
    if (commit == nullptr || !commit->error || waiting(&primary_) == 0) return "";
    const unsigned count = waiting(&primary_);
    return std::to_string(count) + (count == 1 ? " session of " : " sessions of ") +
           to_string(primary_.key) + (count == 1 ? " still waits" : " still wait") +
           " for an acknowledgement of what its replicas have received already (" +
           without_name(commit->error->message, primary_.key) + "): 'SET GLOBAL rpl_semi_sync_" +
           (primary_.semi_sync.new_names ? "source" : "master") +
           "_enabled=0' and then =1 there lets them go on (commits between the two wait for "
           "nobody)";
  }

  [[nodiscard]] Decision outcome() const {
    Account account;
    for (const Instance* replica : fresh_.replicas_of(primary_.key)) {
      if (!was_switched(*replica)) continue;
      const StepResult* problem = failure_on(so_far_, replica->key);
      if (problem == nullptr) {
        account.moved.push_back(replica->key);
      } else {
        account.lost.push_back({replica->key, problem->error->message});
      }
    }
    if (std::string text = still_waiting(); !text.empty()) {
      return GiveUp{Error{ErrorKind::Refused, std::move(text)}, std::move(account)};
    }
    const bool let_go = tried(primary_.key, is_change<CommitNothing>);
    if (account.moved.empty() && !let_go) {
      std::string text = account.lost.empty()
                             ? "there is nothing to switch: no replica of " +
                                   to_string(primary_.key) +
                                   " with a semi-sync priority replicates and is off"
                             : account.lost.front().because;
      return GiveUp{Error{ErrorKind::Refused, std::move(text)}, std::move(account)};
    }
    account.promoted = primary_.key;
    account.coordinates = primary_.server.binlog;
    account.lost_transactions = "nothing";
    return Done{std::move(account)};
  }

  const Instance& primary_;
  SemiSyncGoal goal_;
  const Progress& so_far_;
  const Topology& fresh_;
};

}  // namespace

Planner not_writable(InstanceKey primary, std::vector<InstanceKey> told) {
  return [primary = std::move(primary), told = std::move(told)](const Progress& so_far,
                                                                const Topology& fresh) {
    return next_not_writable(primary, told, so_far, fresh);
  };
}

Planner semi_sync_repair(InstanceKey primary, SemiSyncGoal goal, Policy) {
  return [primary = std::move(primary), goal](const Progress& so_far,
                                              const Topology& fresh) -> Decision {
    const Instance* instance = fresh.find(primary);
    if (instance == nullptr) return decline_repair("Error reading " + to_string(primary));
    if (so_far.facts.giving_up) return GiveUp{*so_far.facts.giving_up, {}};
    if (!answers(*instance)) {
      return decline_repair(to_string(primary) + " " + silence_of(*instance));
    }
    return SemiSyncRepair(*instance, goal, so_far, fresh).next();
  };
}

}  // namespace orch
