#include "core/plan/recovery/dead_primary.h"

#include <algorithm>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/loss.h"
#include "core/plan/measure.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/recovery/detaching.h"
#include "core/plan/recovery/fetching.h"
#include "core/plan/recovery/held_back.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/recovery/promotion.h"
#include "core/plan/recovery/siblings.h"
#include "core/plan/recovery/successor.h"
#include "core/plan/second_names.h"

namespace orch {

namespace {

constexpr int kStopTries = 4;

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
    if (auto wait = ask_promoted(so_far_, fresh_); !wait.empty()) return Run{std::move(wait), {}};
    if (const auto server = in_doubt(so_far_, fresh_)) return give_up_in_doubt(*server);
    if (so_far_.facts.giving_up) return back_out(*so_far_.facts.giving_up, so_far_, fresh_);
    if (std::string text = objection(); !text.empty()) {
      return GiveUp{Error{ErrorKind::Refused, std::move(text)}, {}};
    }
    if (const Instance* winner = promoted()) return follow_up(*winner);
    if (std::string text = objection_to_group(*failed_, fresh_); !text.empty()) {
      return refuse(std::move(text));
    }
    if (std::string text = objection_to_tops(*failed_, fresh_); !text.empty()) {
      return refuse(std::move(text));
    }
    return towards_promotion();
  }

 private:
  [[nodiscard]] Decision refuse(std::string text) const {
    return back_out(Error{ErrorKind::Refused, std::move(text)}, so_far_, fresh_);
  }

  [[nodiscard]] Step step(const InstanceKey& server, Action action, std::string why) const {
    return {server, std::move(action), std::move(why), {}, false, {}};
  }

  [[nodiscard]] Missed missed() const { return {request_.failed, policy_.fence_timeout}; }

  [[nodiscard]] std::string objection() const {
    const std::string key = to_string(request_.failed);
    if (failed_ == nullptr) return "Error reading " + key;
    if (request_.co_master) return objection_to_passive(*failed_, so_far_, fresh_);
    // It may have been told already to follow the one that was promoted before this was cut off.
    const bool is_told = is_past_return(so_far_) && so_far_.facts.winner;
    const InstanceKey& source = failed_->replication.source;
    if (is_told && *so_far_.facts.winner == source) return "";
    // Or the one that an earlier recovery promoted, whose old record says that it follows, too.
    if (std::ranges::find(request_.promoted_before, source) != request_.promoted_before.end()) {
      return "";
    }
    if (fresh_.are_co_sources(failed_->key, failed_->replication.source)) {
      return key + " is a co-master with " + to_string(failed_->replication.source) +
             ": failing over co-masters is not supported";
    }
    if (is_replica(*failed_) && !is_detached_source(*failed_)) {
      return key +
             " is not a real master; it replicates from: " + to_string(failed_->replication.source);
    }
    return "";
  }

  /// The promoted server, when the promotion is done: by this run, or by one that was cut off.
  [[nodiscard]] const Instance* promoted() const {
    if (so_far_.facts.winner) {
      const Instance* winner = fresh_.find(*so_far_.facts.winner);
      if (winner != nullptr && (is_promoted(so_far_, *winner) || is_named(*winner))) return winner;
    }
    const std::vector<const Instance*> tops = writable_tops(request_.failed, fresh_);
    const bool fits = tops.size() == 1 && lacks_of(*tops.front(), *failed_, fresh_).empty();
    return fits ? tops.front() : nullptr;
  }

  /// Whether it was promoted where that changes nothing on the server itself.
  [[nodiscard]] bool is_named(const Instance& winner) const {
    return !policy_.apply_promotion && so_far_.facts.at_promotion && answers(winner);
  }

  // --- Before the promotion ---

  [[nodiscard]] Decision towards_promotion() const {
    for (const Instance& instance : fresh_.instances()) {
      if (auto run = put_back(instance, policy_, so_far_)) return *std::move(run);
    }
    if (auto run = undo_refused_promotions(so_far_, fresh_)) return *std::move(run);
    const Choice choice = choose();
    if (!choice.winner) {
      std::vector<const Instance*> asked = fresh_.replicas_of(request_.failed);
      if (request_.designated) {
        std::erase_if(asked, [&](const Instance* one) { return one->key != *request_.designated; });
      }
      const ErrorKind kind = kind_of_failing(asked);
      return back_out(Error{kind, nobody(choice)}, so_far_, fresh_);
    }
    const Instance& winner = *fresh_.find(*choice.winner);
    if (auto decision = fence_and_freeze(winner)) return *std::move(decision);
    if (auto run = fetch_from_failed(*failed_, winner, policy_, so_far_, fresh_)) {
      return *std::move(run);
    }
    if (auto run = drain(winner)) return *std::move(run);
    if (auto decision = fetch_from_binlog_server(winner, request_, policy_, so_far_, fresh_)) {
      return *std::move(decision);
    }
    if (auto decision = catch_up(winner, request_, policy_, so_far_, fresh_)) {
      return *std::move(decision);
    }
    if (auto run = line_up(winner)) return *std::move(run);
    // Not before: nobody could fetch from one whose applier was ended.
    if (!answers(*failed_)) {
      auto run = give_up_partial(winner.key, fresh_.replicas_of(request_.failed), so_far_);
      if (run) return at_rest(*std::move(run), winner);
    }
    return promote(winner);
  }

  [[nodiscard]] static Decision at_rest(Run run, const Instance& winner) {
    run.facts.winner = winner.key;
    return run;
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
    return choice.winner ? with_all_received(std::move(choice), std::move(out)) : choice;
  }

  /// One that could not fetch what others hold gives way to one that has it, or may yet fetch it.
  [[nodiscard]] Choice with_all_received(Choice choice, std::vector<Verdict> out) const {
    const Instance& winner = *fresh_.find(*choice.winner);
    const auto may_fetch = [&](const Instance& one) {
      return could_fetch(one, request_, policy_, so_far_, fresh_);
    };
    const bool has_all = has_applied_all(winner) && ahead_at_promotion(winner) == nullptr;
    if (has_all || !fetched_in_vain(so_far_, winner.key) || may_fetch(winner)) return choice;
    const Position held = held_before_fetch(winner, so_far_);
    const auto is_apart = [&](const Topology& where, const Instance& one) {
      return std::holds_alternative<BinlogCoordinates>(held) &&
             !reads_log_of(where, one, request_.failed);
    };
    if (is_apart(so_far_.at_start, winner)) return choice;
    out.push_back({winner.key, false, "could not fetch what others hold"});
    while (true) {
      Choice next = choose_candidate(fresh_, request_.failed, policy_, out);
      const Instance* other = next.winner ? fresh_.find(*next.winner) : nullptr;
      if (other == nullptr || is_apart(fresh_, *other)) return choice;
      const Position has = usable_position(*other);
      const bool has_more = !contains(held, has) || may_fetch(*other);
      if (contains(has, held) && has_more) return next;
      out.push_back({other->key, false, "has less, or could not fetch it either"});
    }
  }

  /// Those who failed in this run.
  [[nodiscard]] std::vector<Verdict> ruled_out() const {
    std::vector<Verdict> out;
    for (const Instance& instance : fresh_.instances()) {
      if (instance.key == request_.failed) continue;
      const StepResult* wait = latest(so_far_, instance.key, [](const Action& action) {
        return waits_for<AppliedReceived>(action) || is_change<StopReplication>(action);
      });
      const StepResult* undelay = latest(so_far_, instance.key, is_change<SetDelay>);
      if (undelay != nullptr && undelay->error) wait = undelay;
      const bool failed = wait != nullptr && wait->error;
      const bool may_still_stop =
          failed && is_change<StopReplication>(wait->step.action) && !was_refused(instance.key);
      if (failed && !may_still_stop) {
        out.push_back({instance.key, false, without_name(wait->error->message, instance.key)});
      } else if (auto because = failed_promotion(so_far_, instance.key)) {
        out.push_back({instance.key, false, *std::move(because)});
      }
    }
    return out;
  }

  [[nodiscard]] std::string nobody(const Choice& choice) const {
    if (request_.designated) {
      const std::string text =
          to_string(*request_.designated) + " cannot be promoted: " + choice.ranked.front().because;
      if (request_.designated_by.empty()) return text;
      return text + no_other_text(request_.failed, request_.designated_by);
    }
    if (choice.ranked.empty()) return "No replicas found for " + to_string(request_.failed);
    std::string text = "no replica of " + to_string(request_.failed) + " can be promoted";
    for (const Verdict& verdict : choice.ranked) {
      text += (&verdict == choice.ranked.data() ? ": " : "; ") + to_string(verdict.key) + " " +
              verdict.because;
    }
    return text;
  }

  /// The old primary takes no more writes, and no replica receives any more: from here on it is
  /// fixed who has what.
  [[nodiscard]] std::optional<Decision> fence_and_freeze(const Instance& winner) const {
    const bool tried = fence_result() != nullptr && !came_back(*failed_, so_far_);
    if (!tried && answers(*failed_)) {
      if (failed_->server.read_only && policy_.fencing == Fencing::Off) return freeze(winner, {});
      // What it has must still reach the replicas: they receive until it stands still.
      Run run{{fence_step("it still answers, and must take no more writes")}, {}};
      note_semi_sync(run);
      return run;
    }
    if (!tried && policy_.fencing != Fencing::Off) {
      auto run = freeze(winner, {fence_step("it may be up without answering us")});
      if (run) note_semi_sync(*run);
      return run;
    }
    if (std::string text = fence_objection(); !text.empty()) return refuse(std::move(text));
    return hooks_and_freeze(winner);
  }

  [[nodiscard]] Step fence_step(std::string why) const {
    if (policy_.fencing == Fencing::Off) {
      return step(failed_->key, Change{SetReadOnly{true}}, std::move(why));
    }
    // One that answers may have locked tables, and commits to end.
    const auto limit = answers(*failed_) ? std::max(policy_.fence_timeout, policy_.freeze_limit)
                                         : policy_.fence_timeout;
    return step(failed_->key, Fence{limit}, std::move(why));
  }

  /// A fence switches it off, so that commits which wait for an acknowledgement end.
  void note_semi_sync(Run& run) const {
    if (policy_.fencing == Fencing::Off || !failed_->semi_sync.source_enabled) return;
    run.facts.semi_sync_sources.push_back(failed_->key);
  }

  [[nodiscard]] const StepResult* fence_result() const {
    return latest(so_far_, failed_->key, [](const Action& action) {
      return std::holds_alternative<Fence>(action) || is_change<SetReadOnly>(action);
    });
  }

  [[nodiscard]] const StepResult* hooks_result() const {
    return latest(so_far_, failed_->key, [](const Action& action) {
      return std::holds_alternative<RunFenceHooks>(action);
    });
  }

  /// A primary that is up, even if it only says no, and still takes writes is not replaced.
  [[nodiscard]] std::string fence_objection() const {
    if (std::string text = objection_to_earlier(request_.promoted_before, policy_, fresh_);
        !text.empty()) {
      return text;
    }
    const StepResult* tried = fence_result();
    const std::string key = to_string(failed_->key);
    const bool fenced = answers(*failed_) && failed_->server.read_only;
    if (tried != nullptr && tried->error && tried->error->by_server && !fenced) {
      return key + " is up, and could not be made read-only: " + tried->error->message;
    }
    if (answers(*failed_) && !failed_->server.read_only) {
      return key + " answers, and could not be made read-only" +
             (tried != nullptr && tried->error ? ": " + tried->error->message : "");
    }
    if (policy_.fencing != Fencing::Required || (fenced && !(tried != nullptr && tried->error))) {
      return "";
    }
    if (!policy_.has_fence_hooks) {
      return "FencingPolicy is required, " + key + " could not be fenced" +
             (tried != nullptr && tried->error ? " (" + tried->error->message + ")" : "") +
             ", and there are no FenceProcesses to vouch for it";
    }
    const StepResult* hooks = hooks_result();
    if (hooks == nullptr || !hooks->error) return "";
    return "FencingPolicy is required, and " + key +
           " could not be fenced: " + hooks->error->message;
  }

  [[nodiscard]] std::optional<Decision> hooks_and_freeze(const Instance& winner) const {
    std::vector<Step> hooks;
    if (policy_.has_fence_hooks && policy_.fencing != Fencing::Off && hooks_result() == nullptr) {
      hooks.push_back(step(failed_->key, RunFenceHooks{}, "power, proxy or network"));
    }
    // While the old primary sends, the replicas go on receiving.
    if (hooks.empty() && still_sends(*failed_, winner, so_far_, fresh_)) return std::nullopt;
    if (auto fill = fill_binlog_server(*failed_, policy_, so_far_, fresh_); fill && hooks.empty()) {
      return *std::move(fill);
    }
    return freeze(winner, std::move(hooks));
  }

  [[nodiscard]] std::optional<Run> freeze(const Instance& winner, std::vector<Step> first) const {
    Run run{std::move(first), {}};
    const Instance* ahead = ahead_of(winner, request_.failed, received_position, fresh_);
    std::vector<const Instance*> replicas = fresh_.replicas_of(request_.failed);
    // Below another dead server, perhaps.
    if (ahead != nullptr && ahead->replication.source != request_.failed) replicas.push_back(ahead);
    for (const Instance* replica : replicas) {
      if (!answers(*replica) || is_group_secondary(*replica)) continue;
      if (replica->replication.channels > 1 || was_refused(replica->key)) continue;
      const bool wanted = (replica == ahead || replica->key == winner.key) &&
                          !refused_to_undelay(replica->key, so_far_);
      const bool rests = !runs(replica->replication.io_state);
      const bool wakes = rests && wanted && needs_receiver_to_undelay(*replica);
      if ((rests && !wakes) || keeps_only_while_connected(*replica)) continue;
      if (wakes) {
        run.steps.push_back(step(replica->key,
                                 Change{StartReplication{ReplicationThreads::Receiver}},
                                 "with both threads stopped a change would lose what it received"));
      }
      // On MariaDB it is the other way round: see undelay().
      if (wanted) undelay_while_receiving(*replica, run);
      if (applier_goes_first(*replica)) {
        run.steps.push_back(step(replica->key,
                                 Change{StartReplication{ReplicationThreads::Applier}},
                                 "with both threads stopped it would lose what it received"));
      }
      const auto threads =
          replica->server.binlog_server ? ReplicationThreads::Both : ReplicationThreads::Receiver;
      Step stop = step(replica->key, Change{StopReplication{threads, !answers(*failed_)}},
                       "see what it has received");
      stop.limit = policy_.freeze_limit;
      run.steps.push_back(std::move(stop));
    }
    if (run.steps.empty()) return std::nullopt;
    return run;
  }

  /// Whether its receiver does not stop. One that takes long is waited for again, as long as no
  /// other replica did stop.
  [[nodiscard]] bool was_refused(const InstanceKey& key) const {
    const StepResult* stop = latest(so_far_, key, is_change<StopReplication>);
    if (stop == nullptr || !stop->error) return false;
    const bool took_long = is_connection_failure(*stop->error);
    const auto tries =
        std::count_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          return result.step.server == key && is_change<StopReplication>(result.step.action);
        });
    const std::vector<const Instance*> replicas = fresh_.replicas_of(request_.failed);
    const bool other_stopped =
        std::any_of(replicas.begin(), replicas.end(), [&](const Instance* replica) {
          return replica->key != key && answers(*replica) && !runs(replica->replication.io_state);
        });
    return !took_long || other_stopped || tries >= kStopTries;
  }

  [[nodiscard]] std::optional<Decision> drain(const Instance& winner) const {
    if (is_stuck_in_fetch(winner, so_far_)) return std::nullopt;
    auto run = drain_of(winner, request_.failed, policy_, so_far_, fresh_);
    if (!run && !answers(*failed_)) run = give_up_partial(winner.key, {&winner}, so_far_);
    if (!run) return std::nullopt;
    return at_rest(*std::move(run), winner);
  }

  [[nodiscard]] std::optional<Run> line_up(const Instance& winner) const {
    if (!policy_.apply_promotion) return std::nullopt;
    return line_up_logs(winner, request_.failed, so_far_, fresh_);
  }

  /// Who holds what the winner lacks; null when nobody does.
  [[nodiscard]] const Instance* ahead_at_promotion(const Instance& winner) const {
    const Instance* ahead = ahead_of(winner, request_.failed, received_position, fresh_);
    if (ahead != nullptr || !reads_log_of(fresh_, winner, request_.failed)) return ahead;
    const Instance* leading = leading_binlog_server(fresh_, request_.failed);
    const bool has_more =
        leading != nullptr && is_before(winner.replication.exec, leading->replication.exec);
    return has_more ? leading : nullptr;
  }

  /// What a fetch that came to nothing would have brought, too.
  [[nodiscard]] Loss loss_of(const Instance& winner) const {
    const Instance* before = so_far_.at_start.find(winner.key);
    Loss loss = loss_with(
        fresh_, request_.failed, winner.key, ahead_at_promotion(winner),
        filter_text(so_far_.at_start, request_.failed, before == nullptr ? winner : *before));
    const Instance* source = fresh_.source_of(winner.key);
    if (!is_stuck_in_fetch(winner, so_far_) || uses_gtid(winner) || source == nullptr) return loss;
    const Difference rest =
        missing(Position(winner.replication.exec), Position(source->server.binlog));
    if (rest.empty()) return loss;
    return {"unknown: " + to_string(rest) + " in the log of " + to_string(source->key) +
                ", which could not be fetched; " + loss.text,
            std::nullopt};
  }

  [[nodiscard]] Decision promote(const Instance& winner) const {
    const Loss loss = loss_of(winner);
    if (policy_.refuses_data_loss &&
        (!loss.transactions || *loss.transactions > policy_.data_loss_max)) {
      const bool unknown = loss.text.starts_with("unknown");
      return refuse("DataLossPolicy is refuse, and " + std::string(unknown ? "what " : "") +
                    "promoting " + to_string(winner.key) + " would lose " + (unknown ? "is " : "") +
                    loss.text);
    }
    if (!policy_.apply_promotion) return promotion_of(winner, {}, loss);
    if (!answers(*failed_)) {
      auto run = stop_held_up(winner, fresh_.replicas_of(request_.failed), so_far_);
      if (run) return at_rest(*std::move(run), winner);
    }
    if (auto look = look_around(winner, missed(), so_far_, fresh_); !look.empty()) {
      Run run{std::move(look), {}};
      if (answers(*failed_)) run.facts.stood_at = executed_position(*failed_);
      return run;
    }
    const bool moves = answers(*failed_) && so_far_.facts.stood_at &&
                       so_far_.facts.stood_at->index() == executed_position(*failed_).index() &&
                       to_string(*so_far_.facts.stood_at) != to_string(executed_position(*failed_));
    if (moves && policy_.fencing == Fencing::Required) {
      return refuse("FencingPolicy is required, and " + to_string(failed_->key) +
                    " executes transactions although it is read-only");
    }
    return promotion_of(winner, promotion_steps(winner, *failed_, so_far_, fresh_), loss);
  }

  [[nodiscard]] Run promotion_of(const Instance& winner, std::vector<Step> steps,
                                 const Loss& loss) const {
    Run run{std::move(steps), {}};
    run.facts.winner = winner.key;
    run.facts.at_promotion = winner.server.binlog;
    run.facts.position_at_promotion = promoted_position(winner, request_.failed, fresh_);
    run.facts.lost_transactions = loss.text;
    note_place(run.facts, winner, request_.failed, fresh_);
    return run;
  }

  // --- After the promotion ---

  [[nodiscard]] Decision follow_up(const Instance& winner) const {
    if (request_.designated && winner.key != *request_.designated) {
      return GiveUp{
          Error{ErrorKind::Refused, to_string(winner.key) + " takes writes already; " +
                                        to_string(*request_.designated) + " cannot be promoted"},
          {}};
    }
    if (policy_.apply_promotion) {
      if (auto rest = finish_promotion(winner, so_far_); !rest.empty()) return Run{rest, {}};
    } else if (auto steps = settle_link_of(winner, request_.failed, policy_, so_far_, fresh_);
               !steps.empty()) {
      return Run{std::move(steps), {}};
    }
    if (auto purge = purge_older_logs(winner, so_far_, fresh_)) return Run{{*purge}, {}};
    if (answers(*failed_) && !failed_->server.read_only) {
      if (latest(so_far_, failed_->key, is_change<SetReadOnly>) == nullptr) {
        return Run{{step(failed_->key, Change{SetReadOnly{true}},
                         to_string(winner.key) + " takes the writes")},
                   {}};
      }
    }
    if (auto run = give_delays_back(winner.key, so_far_, fresh_)) return *std::move(run);
    if (auto steps = close_siblings(request_.failed, winner, so_far_, fresh_); !steps.empty()) {
      return Run{std::move(steps), {}};
    }
    if (auto look = look_again(request_.failed, so_far_, fresh_); !look.empty())
      return Run{std::move(look), {}};
    const SiblingPlan plan = sibling_moves(request_.failed, winner, policy_, so_far_, fresh_);
    Decision decision = next_of_siblings(request_.failed, plan, true, policy_, so_far_, fresh_);
    if (std::holds_alternative<Run>(decision)) return decision;
    Account account = std::holds_alternative<Done>(decision)
                          ? std::move(std::get<Done>(decision).account)
                          : std::move(std::get<GiveUp>(decision).account);
    if (auto wait = ask_again(account.lost, policy_, so_far_, fresh_); !wait.empty())
      return Run{std::move(wait), {}};
    if (auto look = last_look(missed(), so_far_, fresh_); !look.empty())
      return Run{std::move(look), {}};
    account.promoted = winner.key;
    account.coordinates = so_far_.facts.at_promotion.value_or(winner.server.binlog);
    account.lost_transactions =
        so_far_.facts.lost_transactions.value_or("unknown: the promotion was done before this run");
    add_written_since(account, *failed_, winner, fresh_);
    add_second_writers(account, winner, fresh_);
    add_notes(account, winner);
    return Done{std::move(account)};
  }

  void add_notes(Account& account, const Instance& winner) const {
    const std::string failed = to_string(failed_->key);
    const StepResult* fence = fence_result();
    if (fence != nullptr && fence->error && answers(*failed_) && failed_->server.read_only) {
      account.notes.push_back(failed + " is not fenced wholly: " + fence->error->message);
    }
    const StepResult* hooks = hooks_result();
    if (hooks != nullptr && hooks->error) account.notes.push_back(hooks->error->message);
    if (auto note = semi_sync_note(winner, *failed_, so_far_); !note.empty()) {
      account.notes.push_back(std::move(note));
    }
    if (auto text = note_on_heir(winner, so_far_); !text.empty()) {
      account.notes.push_back(std::move(text));
    }
    if (auto text = promotion_leftover(winner); !text.empty() && policy_.apply_promotion) {
      account.notes.push_back(std::move(text));
    }
    if (!answers(*failed_) && so_far_.facts.failed_is_read_only) {
      account.notes.push_back(failed + " was made read-only before it stopped answering");
    } else if (!answers(*failed_)) {
      account.notes.push_back(failed + " does not answer, so that it could not be made read-only");
    } else if (failed_->server.read_only) {
      account.notes.push_back(failed + " is left read-only");
    } else {
      account.notes.push_back(failed + " still takes writes: it could not be made read-only");
    }
    if (!policy_.apply_promotion) {
      account.notes.push_back(to_string(winner.key) + " is not made writable: " +
                              "ApplyMySQLPromotionAfterMasterFailover is off");
      if (auto note = link_note(winner, request_.failed, policy_, so_far_, fresh_); !note.empty()) {
        account.notes.push_back(std::move(note));
      }
    }
    for (std::string& note : partial_notes(so_far_))
      account.notes.push_back(std::move(note));
    for (std::string& note :
         detaching_notes(request_.failed, account.lost, policy_, so_far_, fresh_)) {
      account.notes.push_back(std::move(note));
    }
  }

  const FailoverRequest& request_;
  const Policy& policy_;
  const Progress& so_far_;
  const Topology& fresh_;
  const Instance* failed_;
};

}  // namespace

std::string no_other_text(const InstanceKey& failed, const std::string& designated_by) {
  return "; and no other server is, as " + designated_by + ": 'orch failover " + to_string(failed) +
         " --to SERVER' promotes one all the same";
}

Decision next_failover_step(const FailoverRequest& request, const Policy& policy,
                            const Progress& so_far, const Topology& fresh) {
  const Topology measured = measured_alike(fresh, request.failed, so_far);
  Progress known = so_far;
  known.at_start = measured_alike(so_far.at_start, request.failed, so_far);
  return Failover(request, policy, known, measured).next();
}

Planner failover(FailoverRequest request, Policy policy) {
  SecondNames names{{request.failed, request.designated.value_or(request.failed)}};
  return with_one_name_each(std::move(names),
                            [request = std::move(request), policy = std::move(policy)](
                                const Progress& so_far, const Topology& fresh) {
                              return next_failover_step(request, policy, so_far, fresh);
                            });
}

}  // namespace orch
