#include "core/plan/recovery/dead_primary.h"

#include <algorithm>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/recovery/promotion.h"

namespace orch {

namespace {

/// One question to the planner, with all the facts at hand.
class Failover {
 public:
  Failover(const FailoverRequest& request, const Policy& policy, const Progress& so_far,
           const Topology& fresh)
      : request_(request),
        policy_(policy),
        so_far_(so_far),
        fresh_(fresh),
        failed_(fresh.find(request.failed)) {}

  [[nodiscard]] Decision next() const {
    if (const auto server = in_doubt(so_far_, fresh_)) return give_up_in_doubt(*server);
    if (so_far_.facts.giving_up) return back_out(*so_far_.facts.giving_up, so_far_, fresh_);
    if (std::string text = objection(); !text.empty()) {
      return GiveUp{Error{ErrorKind::Refused, std::move(text)}, {}};
    }
    std::vector<const Instance*> tops = writable_tops();
    if (tops.size() > 1) {
      return GiveUp{Error{ErrorKind::Refused, to_string(tops[0]->key) + " and " +
                                                  to_string(tops[1]->key) + " both take writes"},
                    {}};
    }
    if (tops.size() == 1) return follow_up(*tops.front());
    return towards_promotion();
  }

 private:
  [[nodiscard]] Decision refuse(std::string text) const {
    return back_out(Error{ErrorKind::Refused, std::move(text)}, so_far_, fresh_);
  }

  [[nodiscard]] Step step(const InstanceKey& server, Action action, std::string why) const {
    return {server, std::move(action), std::move(why), {}, false};
  }

  [[nodiscard]] std::string objection() const {
    const std::string key = to_string(request_.failed);
    if (failed_ == nullptr) return "Error reading " + key;
    if (fresh_.are_co_sources(failed_->key, failed_->replication.source)) {
      return key + " is a co-master with " + to_string(failed_->replication.source) +
             ": failing over co-masters is not supported";
    }
    if (is_replica(*failed_)) {
      return key +
             " is not a real master; it replicates from: " + to_string(failed_->replication.source);
    }
    return "";
  }

  /// The promoted server, when the promotion is done: by this run, or by one that was interrupted.
  [[nodiscard]] std::vector<const Instance*> writable_tops() const {
    std::vector<const Instance*> tops;
    for (const Instance* root : fresh_.roots()) {
      if (root->key != request_.failed && is_writable_top(*root)) tops.push_back(root);
    }
    return tops;
  }

  // --- Before the promotion ---

  [[nodiscard]] Decision towards_promotion() const {
    const Choice choice = choose();
    if (!choice.winner) return refuse(nobody(choice));
    const Instance& winner = *fresh_.find(*choice.winner);
    if (auto run = fence(winner)) return *std::move(run);
    if (auto run = freeze(winner)) return *std::move(run);
    if (auto run = drain(winner)) return *std::move(run);
    if (auto decision = catch_up(winner)) return *std::move(decision);
    return promote(winner);
  }

  [[nodiscard]] Choice choose() const {
    const std::vector<Verdict> out = ruled_out();
    const auto is_out = [&](const InstanceKey& key) {
      return std::any_of(out.begin(), out.end(), [&](const Verdict& v) { return v.key == key; });
    };
    if (request_.designated) {
      Verdict verdict = judge_designated(fresh_, request_.failed, *request_.designated, policy_);
      for (const Verdict& other : out) {
        if (other.key == verdict.key) verdict = other;
      }
      Choice choice;
      if (verdict.fit) choice.winner = verdict.key;
      choice.ranked.push_back(std::move(verdict));
      return choice;
    }
    Choice choice = choose_candidate(fresh_, request_.failed, policy_, out);
    // Keep to what was decided when the receivers were stopped.
    const auto& winner = so_far_.facts.winner;
    if (winner && fresh_.find(*winner) != nullptr && answers(*fresh_.find(*winner)) &&
        !is_out(*winner)) {
      choice.winner = winner;
    }
    return choice;
  }

  /// Those who failed in this run.
  [[nodiscard]] std::vector<Verdict> ruled_out() const {
    std::vector<Verdict> out;
    for (const Instance& instance : fresh_.instances()) {
      if (instance.key == request_.failed) continue;
      const StepResult* wait = latest(so_far_, instance.key, [](const Action& action) {
        return waits_for<AppliedReceived>(action) || is_change<StopReplication>(action);
      });
      if (wait != nullptr && wait->error) {
        out.push_back({instance.key, false, wait->error->message});
      }
    }
    return out;
  }

  [[nodiscard]] std::string nobody(const Choice& choice) const {
    if (request_.designated) {
      return to_string(*request_.designated) +
             " cannot be promoted: " + choice.ranked.front().because;
    }
    if (choice.ranked.empty()) return "No replicas found for " + to_string(request_.failed);
    std::string text = "no replica of " + to_string(request_.failed) + " can be promoted";
    for (const Verdict& verdict : choice.ranked) {
      text += (&verdict == choice.ranked.data() ? ": " : "; ") + to_string(verdict.key) + " " +
              verdict.because;
    }
    return text;
  }

  /// The old primary takes no more writes, where it answers; and what it has reaches the winner.
  [[nodiscard]] std::optional<Decision> fence(const Instance& winner) const {
    if (!answers(*failed_)) return std::nullopt;
    const StepResult* tried = latest(so_far_, failed_->key, is_change<SetReadOnly>);
    if (!failed_->server.read_only) {
      if (tried == nullptr) {
        return Run{{step(failed_->key, Change{SetReadOnly{true}},
                         "it still answers, and must take no more writes")},
                   {}};
      }
      return refuse(to_string(failed_->key) + " answers, and could not be made read-only" +
                    (tried->error ? ": " + tried->error->message : ""));
    }
    const Position had = executed_position(*failed_);
    const bool can_come = winner.replication.source == failed_->key &&
                          winner.replication.io_state == ThreadState::Running &&
                          received_position(winner).index() == had.index() && is_known(had);
    const bool waited = latest(so_far_, winner.key, waits_for<HasExecuted>) != nullptr;
    if (!can_come || waited || contains(executed_position(winner), had)) return std::nullopt;
    return Run{{step(winner.key, WaitFor{HasExecuted{had}, policy_.bulk_wait, {}},
                     "the old primary still sends")},
               {}};
  }

  /// No replica receives any more: from here on it is fixed who has what.
  [[nodiscard]] std::optional<Decision> freeze(const Instance& winner) const {
    Run run;
    for (const Instance* replica : fresh_.replicas_of(request_.failed)) {
      if (!answers(*replica) || is_group_secondary(*replica)) continue;
      if (replica->replication.channels > 1 || was_refused(replica->key)) continue;
      if (!runs(replica->replication.io_state)) continue;
      if (replica->key == winner.key) add_undelay(run, *replica);
      if (applier_goes_first(*replica)) {
        run.steps.push_back(step(replica->key,
                                 Change{StartReplication{ReplicationThreads::Applier}},
                                 "with both threads stopped it would lose what it received"));
      }
      run.steps.push_back(step(replica->key, Change{StopReplication{ReplicationThreads::Receiver}},
                               "see what it has received"));
    }
    if (run.steps.empty()) return std::nullopt;
    return run;
  }

  [[nodiscard]] bool was_refused(const InstanceKey& key) const {
    const StepResult* stop = latest(so_far_, key, is_change<StopReplication>);
    return stop != nullptr && stop->error;
  }

  /// MySQL can change the delay while the receiver runs, and keeps its relay logs; with the
  /// receiver stopped, and on MariaDB always, they would be lost.
  void add_undelay(Run& run, const Instance& winner) const {
    if (winner.replication.sql_delay.count() == 0 || is_mariadb(winner)) return;
    if (runs(winner.replication.sql_state)) {
      run.steps.push_back(step(winner.key, Change{StopReplication{ReplicationThreads::Applier}},
                               "change its delay"));
    }
    run.steps.push_back(step(winner.key, Change{SetDelay{}}, "a primary must not be delayed"));
    run.steps.push_back(step(winner.key, Change{StartReplication{ReplicationThreads::Applier}},
                             "apply what it holds"));
  }

  [[nodiscard]] std::optional<Run> drain_of(const Instance& server) const {
    if (has_applied_all(server) ||
        latest(so_far_, server.key, waits_for<AppliedReceived>) != nullptr) {
      return std::nullopt;
    }
    Run run;
    if (!runs(server.replication.sql_state) && server.replication.last_sql_error.empty()) {
      run.steps.push_back(step(server.key, Change{StartReplication{ReplicationThreads::Applier}},
                               "apply what it holds"));
    }
    run.steps.push_back(
        step(server.key,
             WaitFor{AppliedReceived{}, policy_.promotion_wait, policy_.reasonable_replication_lag},
             "apply what it holds"));
    return run;
  }

  [[nodiscard]] std::optional<Decision> drain(const Instance& winner) const {
    auto run = drain_of(winner);
    if (!run) return std::nullopt;
    run->facts.winner = winner.key;
    return *std::move(run);
  }

  /// The replica that has received most of what the winner lacks; null when none has.
  [[nodiscard]] const Instance* ahead_of(const Instance& winner) const {
    const Position held = received_position(winner);
    const Instance* best = nullptr;
    for (const Instance* replica : fresh_.replicas_of(request_.failed)) {
      if (replica->key == winner.key || !answers(*replica)) continue;
      const Position received = received_position(*replica);
      if (received.index() != held.index()) continue;
      if (contains(held, received)) continue;
      if (is_only_errant(*replica, held)) continue;
      if (best == nullptr || contains(received, received_position(*best))) best = replica;
    }
    return best;
  }

  /// What the replica has beyond `held` it wrote itself: no reason to fetch it.
  [[nodiscard]] bool is_only_errant(const Instance& replica, const Position& held) const {
    const std::string errant = errant_transactions(fresh_, replica);
    if (errant.empty()) return false;
    const auto set = GtidSet::parse(errant);
    const auto* theirs = std::get_if<GtidSet>(&held);
    if (theirs != nullptr && set) {
      return contains(Position{theirs->united(*set)}, received_position(replica));
    }
    return std::holds_alternative<MariaDbGtidPos>(held) &&
           missing(held, received_position(replica)).text == errant;
  }

  /// Lets the winner fetch what another replica has received and it has not.
  [[nodiscard]] std::optional<Decision> catch_up(const Instance& winner) const {
    if (const auto decision = catching_up(winner)) return decision;
    const Instance* ahead = ahead_of(winner);
    if (ahead == nullptr || winner.replication.source == ahead->key) return std::nullopt;
    const Difference rest = missing(received_position(winner), received_position(*ahead));
    std::string obstacle = obstacle_to_fetch(winner, *ahead);
    if (obstacle.empty()) {
      if (auto run = drain_of(*ahead)) {
        run->facts.winner = winner.key;
        return *std::move(run);
      }
      // A broken applier keeps back the rest; what it did apply can still be fetched.
      const bool nothing_to_fetch = contains(received_position(winner), executed_position(*ahead));
      if (!has_applied_all(*ahead) && (request_.designated || nothing_to_fetch)) {
        obstacle = "it has not applied what it received";
      }
    }
    if (!obstacle.empty()) {
      if (!request_.designated) return std::nullopt;
      return refuse(to_string(winner.key) + " cannot be promoted: " + to_string(ahead->key) +
                    " has received " + to_string(rest) +
                    " that it lacks and cannot fetch: " + obstacle);
    }
    return fetch_from(winner, *ahead);
  }

  [[nodiscard]] Decision fetch_from(const Instance& winner, const Instance& ahead) const {
    Run run;
    run.facts.winner = winner.key;
    const std::string why = to_string(ahead.key) + " has received more";
    if (!replication_threads_stopped(winner)) {
      run.steps.push_back(step(winner.key, Change{StopReplication{}}, why));
    }
    PointTo target;
    target.source = ahead.key;
    run.steps.push_back(step(winner.key, Change{std::move(target)}, why));
    run.steps.push_back(step(winner.key, Change{StartReplication{}}, why));
    run.steps.push_back(step(winner.key,
                             WaitFor{HasExecuted{executed_position(ahead)}, policy_.promotion_wait,
                                     policy_.reasonable_replication_lag},
                             "have all that any replica received"));
    return run;
  }

  /// The winner follows another replica already (this run's doing, or an interrupted one's).
  [[nodiscard]] std::optional<Decision> catching_up(const Instance& winner) const {
    const Instance* source = fresh_.source_of(winner.key);
    if (source == nullptr || source->key == request_.failed || !answers(*source)) {
      return std::nullopt;
    }
    const Position wanted = executed_position(*source);
    if (contains(executed_position(winner), wanted)) return std::nullopt;
    const StepResult* waited = latest(so_far_, winner.key, waits_for<HasExecuted>);
    if (waited != nullptr && waited->error) {
      if (!request_.designated) return std::nullopt;
      return refuse(waited->error->message);
    }
    Run run;
    run.facts.winner = winner.key;
    if (!replica_running(winner)) {
      run.steps.push_back(step(winner.key, Change{StartReplication{}}, "catch up"));
    }
    run.steps.push_back(step(
        winner.key,
        WaitFor{HasExecuted{wanted}, policy_.promotion_wait, policy_.reasonable_replication_lag},
        "have all that any replica received"));
    return run;
  }

  [[nodiscard]] std::string obstacle_to_fetch(const Instance& winner, const Instance& ahead) const {
    const StepResult* pointed = latest(so_far_, winner.key, is_change<PointTo>);
    if (pointed != nullptr && pointed->error) return pointed->error->message;
    const StepResult* waited = latest(so_far_, winner.key, waits_for<HasExecuted>);
    if (pointed != nullptr && waited != nullptr && waited->error) return waited->error->message;
    if (!ahead.replication.last_sql_error.empty()) return "its applier stopped";
    if (auto can = can_replicate_from_gtid(winner, ahead, policy_.rules()); !can) {
      return can.error().message;
    }
    return "";
  }

  [[nodiscard]] Decision promote(const Instance& winner) const {
    const auto failures =
        std::count_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          const bool promoting = is_change<ResetReplication>(result.step.action) ||
                                 is_change<SetReadOnly>(result.step.action) ||
                                 is_change<SetSemiSyncSource>(result.step.action);
          return result.step.server == winner.key && result.error && promoting;
        });
    if (failures > 1) {
      return refuse(to_string(winner.key) +
                    " could not be promoted: " + failure_on(so_far_, winner.key)->error->message);
    }
    if (!policy_.apply_promotion) return follow_up(winner);
    Run run{promotion_steps(winner), {}};
    run.facts.winner = winner.key;
    run.facts.at_promotion = winner.server.binlog;
    run.facts.position_at_promotion = executed_position(winner);
    run.facts.lost_transactions = lost_transactions(winner);
    return run;
  }

  [[nodiscard]] std::string lost_transactions(const Instance& winner) const {
    std::string text = lost_with(fresh_, request_.failed, winner.key);
    if (const Instance* ahead = ahead_of(winner)) {
      const std::string held_back =
          to_string(missing(received_position(winner), received_position(*ahead))) + " that " +
          to_string(ahead->key) + " has received and the new primary lacks";
      constexpr std::string_view kNothing = "nothing";
      text = text.starts_with(kNothing) ? held_back + text.substr(kNothing.size())
                                        : text + "; " + held_back;
    }
    return text;
  }

  // --- After the promotion ---

  [[nodiscard]] Decision follow_up(const Instance& winner) const {
    if (request_.designated && winner.key != *request_.designated) {
      return GiveUp{
          Error{ErrorKind::Refused, to_string(winner.key) + " takes writes already; " +
                                        to_string(*request_.designated) + " cannot be promoted"},
          {}};
    }
    if (answers(*failed_) && !failed_->server.read_only) {
      if (latest(so_far_, failed_->key, is_change<SetReadOnly>) == nullptr) {
        return Run{{step(failed_->key, Change{SetReadOnly{true}},
                         to_string(winner.key) + " takes the writes")},
                   {}};
      }
    }
    SiblingPlan plan = sibling_moves(request_.failed, winner, policy_, so_far_, fresh_);
    Decision decision = next_of_moves(plan.moves, plan.lost, policy_, so_far_, fresh_);
    if (std::holds_alternative<Run>(decision)) return decision;
    Account account = std::holds_alternative<Done>(decision)
                          ? std::move(std::get<Done>(decision).account)
                          : std::move(std::get<GiveUp>(decision).account);
    account.promoted = winner.key;
    account.coordinates = so_far_.facts.at_promotion.value_or(winner.server.binlog);
    account.lost_transactions =
        so_far_.facts.lost_transactions.value_or("unknown: the promotion was done before this run");
    add_notes(account, winner);
    return Done{std::move(account)};
  }

  void add_notes(Account& account, const Instance& winner) const {
    const std::string failed = to_string(failed_->key);
    if (!answers(*failed_)) {
      account.notes.push_back(failed + " does not answer, so that it could not be made read-only");
    } else if (failed_->server.read_only) {
      account.notes.push_back(failed + " is left read-only");
    } else {
      account.notes.push_back(failed + " still takes writes: it could not be made read-only");
    }
    if (!policy_.apply_promotion) {
      account.notes.push_back(to_string(winner.key) +
                              " is left as it is: ApplyMySQLPromotionAfterMasterFailover is off");
    }
  }

  const FailoverRequest& request_;
  const Policy& policy_;
  const Progress& so_far_;
  const Topology& fresh_;
  const Instance* failed_;
};

}  // namespace

Decision next_failover_step(const FailoverRequest& request, const Policy& policy,
                            const Progress& so_far, const Topology& fresh) {
  return Failover(request, policy, so_far, fresh).next();
}

Planner failover(FailoverRequest request, Policy policy) {
  return [request = std::move(request), policy = std::move(policy)](const Progress& so_far,
                                                                    const Topology& fresh) {
    return next_failover_step(request, policy, so_far, fresh);
  };
}

}  // namespace orch
