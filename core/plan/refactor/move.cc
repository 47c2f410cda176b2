#include "core/plan/refactor/move.h"

#include <algorithm>
#include <utility>

#include "core/plan/binlog_family.h"
#include "core/plan/refactor/parts.h"
#include "core/plan/refactor/temporary_tables.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

MoveState lost(std::string because) {
  return {MoveState::Kind::Lost, {}, std::move(because)};
}

/// One move and the facts about it.
class Mover {
 public:
  Mover(const Move& move, const Progress& so_far, const Topology& fresh, const Policy& policy)
      : move_(move),
        so_far_(so_far),
        policy_(policy),
        fresh_(fresh),
        server_(fresh.find(move.server)),
        source_(server_ == nullptr ? nullptr : fresh.find(server_->replication.source)),
        destination_(fresh.find(move.target.source)) {}

  [[nodiscard]] MoveState next() const {
    if (server_ == nullptr) return lost("is not known");
    const bool follows = server_->replication.source == move_.target.source;
    const bool arrived = follows && was_pointed() && replica_running(*server_);
    if (const StepResult* failed = arrived ? nullptr : fatal_failure()) {
      return lost(without_name(failed->error->message, move_.server));
    }
    if (follows && (was_pointed() || !move_.even_if_same)) return finish();
    if (!answers(*server_)) return lost(silence_of(*server_));
    if (so_far_.facts.giving_up) return lost(so_far_.facts.giving_up->message);
    if (const Step* given_back = was_given_back()) return lost(given_back->why);
    std::string bound = cannot_go_by_place(*server_, move_.target.positioning);
    if (!bound.empty()) return lost(std::move(bound));
    if (move_.same_log && move_.target.positioning == Positioning::Coordinates) {
      if (auto not_yet = learn_coordinates()) return *std::move(not_yet);
    }
    if (runs(server_->replication.io_state) || runs(server_->replication.sql_state)) {
      if (std::string text = not_let_on(); !text.empty()) return lost(std::move(text));
      if (auto refused = lacking_above()) return *std::move(refused);
      if (auto held_back = keep_applying()) return *std::move(held_back);
      if (auto held_back = keep_temporary_tables()) return *std::move(held_back);
      if (auto partial = give_up_partial(*server_, so_far_)) {
        return {MoveState::Kind::Working, {*std::move(partial)}, ""};
      }
      if (auto end = see_applier_end(*server_, so_far_)) {
        return {MoveState::Kind::Working, {*std::move(end)}, ""};
      }
      return {MoveState::Kind::Working, stop_steps(), ""};
    }
    return point();
  }

 private:
  [[nodiscard]] bool source_is_silent() const { return source_ != nullptr && !answers(*source_); }
  [[nodiscard]] Step step(Change change, std::string why) const {
    return {move_.server, std::move(change), std::move(why), {}, false, {}};
  }

  [[nodiscard]] bool is_final(const StepResult* result) const {
    return result != nullptr && result->error && has_failed(*result, *server_, so_far_);
  }

  /// A wait for the applier may fail: then it depends on what the destination holds.
  [[nodiscard]] const StepResult* fatal_failure() const {
    const StepResult* stop = latest(so_far_, move_.server, is_change<StopReplication>);
    if (is_final(stop)) return stop;
    // What failed on the way to another destination says nothing about this one.
    const StepResult* failed = latest(so_far_, move_.server, [&](const Action& action) {
      const auto* target = change_in<PointTo>(action);
      if (target != nullptr) return leads_alike(*target, move_.target);
      const auto* align = std::get_if<Align>(&action);
      if (align != nullptr) return align->below == move_.target.source;
      if (!waits_for<ReplicatesFrom>(action)) return false;
      const auto& link = std::get<ReplicatesFrom>(std::get<WaitFor>(action).condition);
      return link.source == move_.target.source;
    });
    if (is_final(failed)) return failed;
    const StepResult* start = latest(so_far_, move_.server, is_change<StartReplication>);
    return was_pointed() && is_final(start) ? start : nullptr;
  }

  /// The step that started it again without the move for which it had been stopped.
  [[nodiscard]] const Step* was_given_back() const {
    const StepResult* stop = latest(so_far_, move_.server, [](const Action& action) {
      const auto* change = change_in<StopReplication>(action);
      return change != nullptr && change->threads == ReplicationThreads::Both;
    });
    if (stop == nullptr || was_pointed()) return nullptr;
    // What is started to come to a place is waited for, and is on its way.
    const StepResult* last = latest(so_far_, move_.server, [](const Action& action) {
      return std::holds_alternative<Change>(action) || waits_for<HasExecuted>(action);
    });
    return is_change<StartReplication>(last->step.action) ? &last->step : nullptr;
  }

  [[nodiscard]] bool was_pointed() const {
    const StepResult* last = latest(so_far_, move_.server, is_change<PointTo>);
    return last != nullptr && !last->error &&
           leads_alike(*change_in<PointTo>(last->step.action), move_.target);
  }

  /// It follows the binlog server where it gathers, by this run's doing or an interrupted one's.
  [[nodiscard]] bool gathered() const {
    return move_.gather_at && server_->replication.source == *move_.gather_at;
  }

  [[nodiscard]] bool waited_in_vain() const {
    const StepResult* wait = latest(so_far_, move_.server, waits_for<AppliedReceived>);
    return wait != nullptr && wait->error &&
           standing(AppliedReceived{}, *server_).state != Standing::State::Holds;
  }

  /// What ran before (REF-2); nothing: it stays stopped.
  [[nodiscard]] std::optional<ReplicationThreads> threads_to_start() const {
    const Instance* before = so_far_.at_start.find(move_.server);
    if (move_.always_start || before == nullptr) return ReplicationThreads::Both;
    return former_threads(*before);
  }
  [[nodiscard]] bool runs_as_it_shall() const {
    const auto threads = threads_to_start();
    if (!threads) return true;
    if (*threads == ReplicationThreads::Both) return replica_running(*server_);
    const Replication& now = server_->replication;
    return runs(*threads == ReplicationThreads::Receiver ? now.io_state : now.sql_state);
  }

  [[nodiscard]] std::vector<Step> start_steps() const {
    std::vector<Step> steps;
    const auto threads = threads_to_start();
    if (!threads) return steps;
    if (server_->semi_sync.priority > 0 && !server_->semi_sync.replica_enabled) {
      steps.push_back(step(SetSemiSyncReplica{true}, "its semi-sync priority says so"));
    }
    steps.push_back(step(StartReplication{*threads}, "follow the new source"));
    if (move_.verify && *threads == ReplicationThreads::Both) {
      steps.push_back({move_.server,
                       WaitFor{ReplicatesFrom{move_.target.source}, policy_.start_wait, {}},
                       "see it replicate",
                       {},
                       false});
    }
    return steps;
  }

  [[nodiscard]] MoveState finish() const {
    if (runs_as_it_shall()) return {MoveState::Kind::Moved, {}, ""};
    const auto link_step = [](const Action& action) {
      return is_change<PointTo>(action) || is_change<StartReplication>(action);
    };
    const StepResult* last = latest(so_far_, move_.server, link_step);
    const bool started =
        last != nullptr && !last->error && is_change<StartReplication>(last->step.action);
    if (started && !move_.verify) return {MoveState::Kind::Moved, {}, ""};
    if (!answers(*server_)) return lost(silence_of(*server_));
    if (started) return lost("replication not running");
    return {MoveState::Kind::Working, start_steps(), ""};
  }

  /// Why it must not be stopped: neither its source nor the destination would let it go on; "" when
  /// it may.
  [[nodiscard]] std::string not_let_on() const {
    if (destination_ == nullptr || !answers(*destination_)) return "";
    return own_missing(*server_, *destination_).empty() ? ""
                                                        : cannot_start_again(*server_, source_);
  }

  /// It may still apply what it holds, and MariaDB would throw that away once it is stopped:
  /// nothing when it may be stopped.
  [[nodiscard]] std::optional<MoveState> keep_applying() const {
    if (!waited_in_vain() && may_apply(*server_)) return std::nullopt;
    if (std::string text = thrown_away(); !text.empty()) return lost(std::move(text));
    return destination_ == nullptr ? std::nullopt : wait_for_destination();
  }

  [[nodiscard]] std::optional<MoveState> keep_temporary_tables() const {
    const auto& end = move_.destination_holds;
    if (move_.equal_at || !needs_temporary_tables(*server_, source_, destination_, end)) {
      return std::nullopt;
    }
    auto wait = await_their_end(*server_, end, policy_, so_far_);
    return wait ? MoveState{MoveState::Kind::Working, {*std::move(wait)}, ""}
                : lost(temporary_tables_text(*server_));
  }

  /// What it holds and has not applied, when nobody could give it that again: the destination has
  /// purged it, or it is to be detached from a source that is silent; "" = nothing.
  [[nodiscard]] std::string thrown_away() const {
    if (move_.target.positioning != Positioning::Coordinates && destination_ != nullptr) {
      if (std::string gone = gone_there(*server_, *destination_); !gone.empty()) return gone;
    }
    if (!is_detached(move_.target.source) || !source_is_silent()) return "";
    if (server_->server.binlog_server || has_applied_all(*server_)) return "";
    return "would lose what it has received, and its source does not answer: " +
           standing(AppliedReceived{}, *server_).reason;
  }

  [[nodiscard]] std::vector<Step> stop_steps() const {
    std::vector<Step> steps;
    const bool waited = latest(so_far_, move_.server, waits_for<AppliedReceived>) != nullptr;
    if (!waited && may_apply(*server_)) {
      steps = drain_steps(*server_, source_, policy_);
      // What came in part shows when the rest is applied.
      if (may_hold_partial()) return steps;
    }
    steps.push_back(step(StopReplication{ReplicationThreads::Both, source_is_silent()}, move_.why));
    steps.back().limit = move_.stop_limit;
    return steps;
  }

  [[nodiscard]] bool may_hold_partial() const {
    const Replication& replication = server_->replication;
    const bool is_behind = is_before(replication.exec, replication.read);
    return !is_mariadb(*server_) && (is_behind || !replication.partial.empty()) &&
           !receiver_stops_last(*server_, source_);
  }

  [[nodiscard]] MoveState point() const {
    if (std::string text = thrown_away(); !text.empty()) return lost(std::move(text));
    if (auto held = keep_temporary_tables()) return *std::move(held);
    if (destination_ != nullptr && answers(*destination_)) {
      if (auto held_back = wait_for_destination()) return *held_back;
    }
    if (move_.same_log) {
      if (auto held_back = wait_for_log()) return *std::move(held_back);
    }
    PointTo target = move_.target;
    if (move_.same_log) target.coordinates = server_->replication.exec;
    if (target.positioning == Positioning::Coordinates && !uses_gtid(*server_) &&
        is_replica(*server_)) {
      target.equals = server_->replication.exec;
    }
    if (move_.by_pseudo_gtid || move_.equal_at) {
      if (auto not_yet = find_place(target)) return *std::move(not_yet);
    } else if (target.positioning == Positioning::Keep && !uses_gtid(*server_)) {
      target.coordinates = server_->replication.exec;
    }
    MoveState state;
    state.steps.push_back(step(target, move_.why));
    state.steps.back().credentials_from = move_.credentials_from;
    for (Step& next : start_steps())
      state.steps.push_back(std::move(next));
    return state;
  }

  /// The coordinates at which a server without GTID goes on; a state when they are not known yet,
  /// or never will be.
  [[nodiscard]] std::optional<MoveState> find_place(PointTo& target) const {
    const Replication& replication = server_->replication;
    const std::string destination = to_string(move_.target.source);
    target.positioning = Positioning::Coordinates;
    if (auto held_back = hold_back_unapplied()) return held_back;
    if (move_.equal_at && is_of_another_log(replication.exec)) {
      return lost("stopped at " + to_string(replication.exec) +
                  ", which is no place in the log that " + to_string(*move_.equal_at) + " is in");
    }
    if (move_.equal_at) {
      const auto order = compare(replication.exec, *move_.equal_at);
      if (order == std::weak_ordering::equivalent) return std::nullopt;
      if (order == std::weak_ordering::greater) {
        return lost("has executed " + to_string(missing(*move_.equal_at, replication.exec)) +
                    " that " + destination + " lacks");
      }
      if (move_.gather_at) return gather();
      if (!move_.by_pseudo_gtid) {
        return lost("stopped at " + to_string(replication.exec) + ", before " +
                    to_string(*move_.equal_at) +
                    ": without GTID or Pseudo-GTID nobody can tell "
                    "where it goes on in the log of " +
                    destination);
      }
    }
    const StepResult* aligned = latest(so_far_, move_.server, [&](const Action& action) {
      const auto* align = std::get_if<Align>(&action);
      return align != nullptr && align->below == move_.target.source;
    });
    if (aligned == nullptr) {
      if (auto wait = wait_for_sibling()) return wait;
      const Align align{move_.target.source, policy_.relay_logs_only};
      return MoveState{MoveState::Kind::Working,
                       {{move_.server, align, "their coordinates do not compare", {}, false, {}}},
                       ""};
    }
    if (aligned->error) return lost(aligned->error->message);
    target.coordinates = aligned->found.value_or(BinlogCoordinates{});
    return std::nullopt;
  }

  [[nodiscard]] bool is_of_another_log(const BinlogCoordinates& place) const {
    return server_->measure == Measure::Nothing ||
           log_base(place.log_file) != log_base(move_.equal_at->log_file);
  }

  /// It goes below the binlog server until it has come to the place that is known.
  [[nodiscard]] MoveState gather() const {
    const Instance& server = *server_;
    const StepResult* tried = latest(so_far_, server.key, [&](const Action& action) {
      const auto* target = change_in<PointTo>(action);
      return (target != nullptr && target->source == *move_.gather_at) ||
             is_change<StartUntil>(action) || waits_for<HasExecuted>(action);
    });
    if (tried != nullptr && tried->error) return lost(tried->error->message);
    if (tried != nullptr && waits_for<HasExecuted>(tried->step.action)) {
      return lost("did not come to " + to_string(*move_.equal_at) + " below " +
                  to_string(*move_.gather_at));
    }
    const std::string why = "come to where the new source was";
    MoveState state;
    if (!gathered()) {
      PointTo target;
      target.source = *move_.gather_at;
      target.positioning = Positioning::Coordinates;
      target.coordinates = server.replication.exec;
      state.steps.push_back(step(std::move(target), why));
    }
    // A binlog server knows no UNTIL; the one above it stands still.
    if (server.server.binlog_server) {
      state.steps.push_back(step(StartReplication{}, why));
    } else {
      state.steps.push_back(step(StartUntil{*move_.equal_at}, why));
    }
    state.steps.push_back({server.key,
                           WaitFor{HasExecuted{*move_.equal_at}, policy_.bulk_wait, {}},
                           why,
                           {},
                           false,
                           {}});
    return state;
  }

  /// What it received and did not apply is thrown away when it is pointed elsewhere: it must come
  /// again from there.
  [[nodiscard]] std::optional<MoveState> hold_back_unapplied() const {
    const Replication& replication = server_->replication;
    // What a binlog server has read and does not hand out is half a transaction.
    if (server_->server.binlog_server) return std::nullopt;
    // What it got below this one is more than the new source has, and it applied none of it.
    if (gathered()) return std::nullopt;
    if (!is_before(replication.exec, replication.read)) return std::nullopt;
    const bool comes_again = move_.equal_at ? !is_before(*move_.equal_at, replication.read)
                                            : source_ != nullptr && answers(*source_);
    if (comes_again) return std::nullopt;
    return lost("has received and not applied " +
                to_string(missing(replication.exec, replication.read)) + ", which " +
                to_string(move_.target.source) + " may lack");
  }

  /// One that follows by GTID may have asked for little of the source's log, and its coordinates
  /// stand at the beginning of a file until it has come to the end; MariaDB shows none at first.
  [[nodiscard]] std::optional<MoveState> learn_coordinates() const {
    const bool by_gtid = uses_gtid(*server_) && source_ != nullptr && answers(*source_) &&
                         !source_->server.binlog_server;
    const bool has_place = log_number(server_->replication.exec.log_file).has_value();
    const bool was_stopped = latest(so_far_, move_.server, is_change<StopReplication>) != nullptr;
    if (by_gtid ? !was_stopped && !runs(server_->replication.sql_state) : !has_place) {
      return lost("does not replicate, so that its coordinates are not known");
    }
    if (!by_gtid) return std::nullopt;
    const StepResult* waited = latest(so_far_, move_.server, waits_for<HasExecuted>);
    if (waited != nullptr && waited->error) return lost(waited->error->message);
    if (waited != nullptr) return std::nullopt;
    return MoveState{MoveState::Kind::Working,
                     {{move_.server,
                       WaitFor{HasExecuted{Position(source_->server.binlog)},
                               policy_.reasonable_maintenance_replication_lag,
                               {}},
                       "its coordinates must be those of what it has",
                       {},
                       false,
                       {}}},
                     ""};
  }

  /// Nothing when the destination has all that the server has of the log which both know.
  [[nodiscard]] std::optional<MoveState> wait_for_log() const {
    if (destination_ == nullptr || !answers(*destination_)) return std::nullopt;
    const Replication& replication = server_->replication;
    const BinlogCoordinates& there = handed_out_up_to(*destination_);
    // What it received and did not apply comes again from there; a binlog server's is half a
    // transaction.
    const bool has_more =
        !server_->server.binlog_server && is_before(replication.exec, replication.read);
    const BinlogCoordinates& here = has_more ? replication.read : replication.exec;
    if (there.empty() || !is_before(there, here)) return std::nullopt;
    if (auto not_yet = read_again({move_.target.source})) return not_yet;
    if (destination_->server.binlog_server && replica_running(*destination_) &&
        !destination_waited_for(here)) {
      return wait_on_destination(here);
    }
    return lost("has " + to_string(missing(there, here)) + " of a log that " +
                to_string(move_.target.source) + " has less of");
  }

  [[nodiscard]] bool destination_waited_for(const Position& what) const {
    return latest(so_far_, move_.target.source, [&](const Action& action) {
             return waits_for<HasExecuted>(action) &&
                    std::get<HasExecuted>(std::get<WaitFor>(action).condition).position == what;
           }) != nullptr;
  }

  [[nodiscard]] MoveState wait_on_destination(const Position& what) const {
    return {MoveState::Kind::Working,
            {{move_.target.source,
              WaitFor{HasExecuted{what}, policy_.reasonable_maintenance_replication_lag, {}},
              "it must have what " + to_string(move_.server) + " has",
              {},
              false,
              {}}},
            ""};
  }

  /// A sibling that is behind: it must have what the server has.
  [[nodiscard]] std::optional<MoveState> wait_for_sibling() const {
    if (destination_ == nullptr || move_.equal_at || !replica_running(*destination_)) {
      return std::nullopt;
    }
    const BinlogCoordinates& here = server_->replication.exec;
    const bool sibling = destination_->replication.source == server_->replication.source;
    if (!sibling || !is_before(destination_->replication.exec, here)) return std::nullopt;
    const StepResult* waited = latest(so_far_, move_.target.source, waits_for<HasExecuted>);
    if (waited != nullptr && waited->error) return lost(waited->error->message);
    return wait_on_destination(here);
  }

  /// Nothing when the destination holds all that the server has executed and received.
  [[nodiscard]] std::optional<MoveState> wait_for_destination() const {
    const Position executed = executed_position(*server_);
    Position held = executed_position(*destination_);
    // What it wrote since then comes to its former siblings by way of the old primary, too.
    if (move_.destination_holds) held = united(*move_.destination_holds, held);
    if (executed.index() != held.index() || !is_known(held) ||
        std::holds_alternative<BinlogCoordinates>(held)) {
      return std::nullopt;
    }
    const Position received = received_position(*server_);
    const Position wanted =
        received.index() == executed.index() ? united(executed, received) : executed;
    if (missing(held, wanted).empty()) return std::nullopt;
    if (answers(*destination_)) {
      if (auto not_yet = read_again({move_.target.source})) return not_yet;
      const bool runs_on = !move_.destination_holds && replica_running(*destination_);
      if (runs_on && !destination_waited_for(wanted)) return wait_on_destination(wanted);
    }
    const Difference unapplied = missing(united(held, executed), wanted);
    const bool has_executed_it = unapplied.empty();
    return lost((has_executed_it
                     ? "has " + to_string(missing(held, executed)) + " that "
                     : "has received and not applied " + to_string(unapplied) + ", which ") +
                to_string(move_.target.source) + " lacks");
  }

  /// What the server got after these were read last, they may have had before it: nothing when they
  /// were read later than the server.
  [[nodiscard]] std::optional<MoveState> read_again(const std::vector<InstanceKey>& keys) const {
    MoveState state;
    for (const InstanceKey& key : keys) {
      const auto last =
          std::find_if(so_far_.steps.rbegin(), so_far_.steps.rend(), [&](const StepResult& result) {
            return result.step.server == move_.server || result.step.server == key;
          });
      if (last != so_far_.steps.rend() && last->step.server == key) continue;
      state.steps.push_back(step_on(
          key, Reprobe{}, "what it has, now that " + to_string(move_.server) + " was read"));
    }
    if (state.steps.empty()) return std::nullopt;
    return state;
  }

  /// It has executed what neither the destination nor anybody above has, so that waiting for it
  /// would be in vain: it is not even stopped. Nothing when not all of them can be read.
  [[nodiscard]] std::optional<MoveState> lacking_above() const {
    const auto changed = [](const Action& action) {
      return std::holds_alternative<Change>(action);
    };
    if (destination_ == nullptr || move_.destination_holds ||
        latest(so_far_, move_.server, changed) != nullptr) {
      return std::nullopt;
    }
    std::vector<const Instance*> line = fresh_.ancestors_of(destination_->key);
    line.insert(line.begin(), destination_);
    const Position executed = executed_position(*server_);
    Position held = executed_position(*destination_);
    std::vector<InstanceKey> keys;
    for (const Instance* one : line) {
      held = united(held, executed_position(*one));
      const bool all_known = !is_replica(*one) || (one->replication.channels == 1 &&
                                                   fresh_.find(one->replication.source) != nullptr);
      if (!answers(*one) || !all_known) return std::nullopt;
      keys.push_back(one->key);
    }
    if (held.index() != executed.index() || std::holds_alternative<BinlogCoordinates>(held)) {
      return std::nullopt;
    }
    const Difference own = missing(held, executed);
    if (own.empty()) return std::nullopt;
    if (auto not_yet = read_again(keys)) return not_yet;
    return lost("has " + to_string(own) + " that " + to_string(move_.target.source) + " lacks");
  }

  const Move& move_;
  const Progress& so_far_;
  const Policy& policy_;
  const Topology& fresh_;
  const Instance* server_;
  const Instance* source_;
  const Instance* destination_;
};

}  // namespace

MoveState next_of_move(const Move& move, const Progress& so_far, const Topology& fresh,
                       const Policy& policy) {
  MoveState state = Mover(move, so_far, fresh, policy).next();
  const Instance* server = fresh.find(move.server);
  state.may_take_long =
      server != nullptr &&
      std::any_of(state.steps.begin(), state.steps.end(), [&](const Step& step) {
        return waits_for<IsStopped>(step.action) ||
               waits_for<HoldsNoTemporaryTables>(step.action) ||
               (server->replication.temporary_tables > 0 && waits_for<HasExecuted>(step.action)) ||
               (waits_for<AppliedReceived>(step.action) && !has_applied_all(*server));
      });
  return state;
}

std::vector<Step> next_steps_of(std::vector<MoveState> states) {
  const bool any_quick = std::any_of(states.begin(), states.end(), [](const MoveState& state) {
    return !state.steps.empty() && !state.may_take_long;
  });
  std::vector<Step> steps;
  for (MoveState& state : states) {
    if (any_quick && state.may_take_long) continue;
    std::move(state.steps.begin(), state.steps.end(), std::back_inserter(steps));
  }
  return steps;
}

std::string to_string(const LostReplica& lost) {
  const std::string key = to_string(lost.key);
  return lost.because.find(key) != std::string::npos ? lost.because : key + ": " + lost.because;
}

MovesInHand moves_in_hand(const std::vector<Move>& moves, const Policy& policy,
                          const Progress& so_far, const Topology& fresh) {
  MovesInHand in_hand;
  std::vector<MoveState> states;
  bool any_working = false;
  for (const Move& move : moves) {
    if (move.after_others && any_working) continue;
    MoveState state = next_of_move(move, so_far, fresh, policy);
    if (state.kind == MoveState::Kind::Moved) in_hand.moved.push_back(move.server);
    if (state.kind == MoveState::Kind::Lost) in_hand.lost.push_back({move.server, state.because});
    any_working = any_working || state.kind == MoveState::Kind::Working;
    states.push_back(std::move(state));
  }
  in_hand.steps = next_steps_of(std::move(states));
  return in_hand;
}

Decision end_of_moves(Account account, const Progress& so_far, const Topology& fresh) {
  Run run;
  run.steps = undo_link_steps(so_far, fresh, account.lost);
  if (run.steps.empty()) run.steps = undo_thread_steps(so_far, fresh, account.lost);
  if (!run.steps.empty()) return run;
  if (account.lost.empty() || !account.moved.empty()) return Done{std::move(account)};
  std::string text = to_string(account.lost.front());
  if (account.lost.size() > 1) {
    text =
        "error on all " + std::to_string(account.lost.size()) + " operations; the first: " + text;
  }
  return GiveUp{Error{kind_of_losing(account.lost, fresh), std::move(text)}, std::move(account)};
}

Decision next_of_moves(const std::vector<Move>& moves, const std::vector<LostReplica>& refused,
                       const Policy& policy, const Progress& so_far, const Topology& fresh) {
  MovesInHand in_hand = moves_in_hand(moves, policy, so_far, fresh);
  if (!in_hand.steps.empty()) return Run{std::move(in_hand.steps), {}};
  Account account;
  account.moved = std::move(in_hand.moved);
  account.lost = refused;
  account.lost.insert(account.lost.end(), in_hand.lost.begin(), in_hand.lost.end());
  Decision end = end_of_moves(std::move(account), so_far, fresh);
  const std::optional<Error>& interrupted = so_far.facts.giving_up;
  if (!interrupted) return end;
  if (auto* stuck = std::get_if<GiveUp>(&end)) stuck->because.kind = interrupted->kind;
  auto* done = std::get_if<Done>(&end);
  if (done == nullptr || done->account.lost.empty()) return end;
  return GiveUp{*interrupted, std::move(done->account)};
}

}  // namespace orch
