#include "core/plan/recovery/takeover.h"

#include <algorithm>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/recovery/promotion.h"
#include "core/plan/recovery/siblings.h"
#include "core/plan/refactor/parts.h"
#include "core/plan/second_names.h"

namespace orch {

namespace {

constexpr int kMaxCatchUps = 5;

/// One question to the planner, with all the facts at hand.
class Takeover {
 public:
  Takeover(const TakeoverRequest& request, const Policy& policy, const Progress& so_far,
           const Topology& fresh)
      : request_(request),
        policy_(policy),
        so_far_(so_far),
        fresh_(fresh),
        primary_(fresh.find(request.primary)) {}

  [[nodiscard]] Decision next() const {
    if (primary_ == nullptr) return refuse("Error reading " + to_string(request_.primary));
    if (auto wait = ask_promoted(so_far_, fresh_); !wait.empty()) return Run{std::move(wait), {}};
    if (const auto server = in_doubt(so_far_, fresh_)) return give_up_in_doubt(*server);
    if (so_far_.facts.giving_up) return back_out(*so_far_.facts.giving_up, so_far_, fresh_);
    const auto designated = find_designated();
    if (!designated) return back_out(designated.error(), so_far_, fresh_);
    const Instance& heir = **designated;
    const bool finished_before = is_begun_top(heir) && !heir.server.read_only;
    if (is_promoted(so_far_, heir) || finished_before) return follow_up(heir);
    if (std::string text = objection_to_group(*primary_, fresh_); !text.empty())
      return refuse(std::move(text));
    if (std::string text = objection_to_third(heir); !text.empty()) return refuse(std::move(text));
    if (!answers(*primary_)) return refuse_silent();
    if (std::string text = objection_to(heir); !text.empty()) return refuse(std::move(text));
    return towards_promotion(heir);
  }

 private:
  [[nodiscard]] Decision refuse(std::string text) const {
    return back_out(Error{ErrorKind::Refused, std::move(text)}, so_far_, fresh_);
  }

  [[nodiscard]] Decision refuse_silent() const {
    const std::string text = to_string(primary_->key) + " " + silence_of(*primary_);
    if (all_deny({primary_})) return back_out(Error{ErrorKind::Denied, text}, so_far_, fresh_);
    return refuse(text + ": this is a case for a failover");
  }

  [[nodiscard]] Step step(const InstanceKey& server, Action action, std::string why) const {
    return {server, std::move(action), std::move(why), {}, false, {}};
  }

  [[nodiscard]] Missed missed() const { return {request_.primary, policy_.fence_timeout}; }

  // --- Who ---

  [[nodiscard]] Result<const Instance*> find_designated() const {
    if (const Instance* heir = begun_promotion()) {
      if (request_.designated && *request_.designated != heir->key) {
        return fail(ErrorKind::Refused, "a takeover of " + to_string(primary_->key) + " by " +
                                            to_string(heir->key) +
                                            " was begun: finish it with '--to " +
                                            to_string(heir->key) + "' before anything else");
      }
      return heir;
    }
    if (request_.designated) {
      const Instance* heir = fresh_.find(*request_.designated);
      if (heir == nullptr) {
        return fail(ErrorKind::NotFound, "Error reading " + to_string(*request_.designated) +
                                             ": it is no server of the cluster of " +
                                             to_string(request_.primary));
      }
      return heir;
    }
    const std::string key = to_string(primary_->key);
    const std::vector<const Instance*> replicas = fresh_.replicas_of(primary_->key);
    if (replicas.empty()) {
      return fail(ErrorKind::Refused, "Master " + key + " doesn't seem to have replicas");
    }
    if (replicas.size() == 1) {
      const std::string text = objection_to_filters(*replicas.front());
      if (text.empty()) return replicas.front();
      return fail(ErrorKind::Refused, to_string(replicas.front()->key) + " " + text);
    }
    if (!request_.automatic) {
      return fail(ErrorKind::Refused,
                  "GracefulMasterTakeover: target instance not indicated, auto=false, and master " +
                      key + " has " + std::to_string(replicas.size()) +
                      " replicas. orchestrator cannot choose where to failover to. Aborting");
    }
    std::string reasons;
    // The preferred one stands first.
    for (const Verdict& verdict : choose_candidate(fresh_, primary_->key, policy_).ranked) {
      const Instance* replica = fresh_.find(verdict.key);
      if (replica->replication.source != primary_->key) continue;
      std::string because = verdict.fit ? objection_to_chosen(*replica) : verdict.because;
      if (because.empty()) return replica;
      reasons += (reasons.empty() ? ": " : "; ") + to_string(verdict.key) + " " + because;
    }
    return fail(ErrorKind::Refused, "no replica of " + key + " can be promoted" + reasons);
  }

  /// What speaks against one that nobody named.
  [[nodiscard]] std::string objection_to_chosen(const Instance& heir) const {
    std::string text = objection_to_filters(heir);
    return text.empty() ? objection_to_state(heir) : text;
  }

  [[nodiscard]] std::string objection_to_filters(const Instance& heir) const {
    std::string text = filter_text(fresh_, primary_->key, heir);
    if (text.empty()) text = binlog_filter_text(heir);
    if (text.empty()) return "";
    return text + ": name it to promote it all the same (--to " + to_string(heir.key) + ")";
  }

  /// The one decided on before: by this run, or by one that was cut off after the primary became
  /// read-only.
  [[nodiscard]] const Instance* begun_promotion() const {
    if (so_far_.facts.winner) return fresh_.find(*so_far_.facts.winner);
    for (const Instance* root : fresh_.roots()) {
      if (is_begun_top(*root)) return root;
    }
    return nullptr;
  }

  /// It follows nobody and has all that the primary has, which is read-only: a takeover that was
  /// cut off, whether it takes writes already or not.
  [[nodiscard]] bool is_begun_top(const Instance& top) const {
    return top.key != primary_->key && answers(top) && !is_replica(top) &&
           !top.replication.configured && answers(*primary_) && primary_->server.read_only &&
           contains(executed_position(top), executed_position(*primary_));
  }

  // --- How far ---

  /// Without GTID, all count in the old primary's own log.
  [[nodiscard]] bool by_coordinates(const Instance& heir) const {
    const auto& at_promotion = so_far_.facts.position_at_promotion;
    if (at_promotion) return std::holds_alternative<BinlogCoordinates>(*at_promotion);
    return is_replica(heir) && !gtid_compatible(heir, *primary_);
  }
  [[nodiscard]] Position stand_of(const Instance& primary, const Instance& heir) const {
    return by_coordinates(heir) ? Position(primary.server.binlog) : executed_position(primary);
  }
  [[nodiscard]] Position reach_of(const Instance& heir) const {
    return by_coordinates(heir) ? Position(heir.replication.exec) : executed_position(heir);
  }

  // --- Whether ---

  [[nodiscard]] std::string objection_to(const Instance& heir) const {
    const std::string master = to_string(primary_->key);
    // The takeover that was cut off may have made it follow the heir, which came back read-only.
    const bool is_begun = primary_->replication.source == heir.key && is_begun_top(heir);
    if (is_replica(*primary_) && !is_detached_source(*primary_) && !is_begun) {
      const std::string source = to_string(primary_->replication.source);
      if (fresh_.are_co_sources(primary_->key, primary_->replication.source)) {
        return master + " is a co-master with " + source +
               ": taking over co-masters is not supported";
      }
      return master + " is not a real master; it replicates from: " + source;
    }
    if (!is_replica(heir)) return objection_to_top(heir);
    if (heir.replication.source != primary_->key) {
      return "GracefulMasterTakeover: indicated designated instance " + to_string(heir.key) +
             " must be directly replicating from the master " + master;
    }
    if (is_banned(heir, policy_)) {
      return "GracefulMasterTakeover: designated instance " + to_string(heir.key) +
             " cannot be promoted due to promotion rule or it is explicitly ignored in "
             "PromotionIgnoreHostnameFilters configuration";
    }
    const Verdict verdict = judge_designated(fresh_, primary_->key, heir.key, policy_);
    if (!verdict.fit) return to_string(heir.key) + " cannot be promoted: " + verdict.because;
    if (by_coordinates(heir) && primary_->server.binlog.empty()) {
      return "Instances " + to_string(heir.key) + ", " + master +
             " not GTID compatible or not using GTID";
    }
    if (so_far_.steps.empty()) return objection_at_start(heir);
    return "";
  }

  /// Somebody besides the two takes writes.
  [[nodiscard]] std::string objection_to_third(const Instance& heir) const {
    for (const Instance* root : fresh_.roots()) {
      if (root->key == primary_->key || root->key == heir.key || !is_writable_top(*root)) continue;
      return to_string(root->key) +
             " takes writes too. Ask again if it was made the master a moment ago; else make it "
             "read-only, or take it out with 'orch forget " +
             to_string(root->key) + "', before a takeover";
    }
    return "";
  }

  /// It follows nobody, and takes no writes: only as the trace of an interrupted takeover.
  [[nodiscard]] std::string objection_to_top(const Instance& heir) const {
    if (is_begun_top(heir)) return "";
    return "GracefulMasterTakeover: indicated designated instance " + to_string(heir.key) +
           " must be directly replicating from the master " + to_string(primary_->key);
  }

  [[nodiscard]] std::string objection_to_state(const Instance& heir) const {
    const bool begun =
        primary_->server.read_only && contains(reach_of(heir), stand_of(*primary_, heir));
    if (!begun && !replica_running(heir))
      return to_string(heir.key) + ": instance is not replicating";
    if (!has_reasonable_lag(heir, policy_.reasonable_maintenance_replication_lag) ||
        heir.replication.sql_delay > policy_.reasonable_maintenance_replication_lag) {
      return "Desginated instance " + to_string(heir.key) +
             " seems to be lagging too much for this operation. Aborting.";
    }
    return "";
  }

  [[nodiscard]] Result<> can_follow(const Instance& sibling, const Instance& heir) const {
    const bool in_one_log = by_coordinates(heir) && !gtid_compatible(sibling, heir);
    return in_one_log ? can_replicate_from(sibling, heir, policy_.rules())
                      : can_replicate_from_gtid(sibling, heir, policy_.rules());
  }

  [[nodiscard]] std::string objection_at_start(const Instance& heir) const {
    if (std::string text = objection_to_state(heir); !text.empty()) return text;
    std::string reasons;
    for (const Instance* sibling : fresh_.siblings_of(heir.key)) {
      if (sibling->downtime.active) continue;
      std::string because;
      if (!answers(*sibling)) {
        because = to_string(sibling->key) + " " + silence_of(*sibling);
      } else if (sibling->replication.channels > 1) {
        because = to_string(sibling->key) + " replicates from " +
                  std::to_string(sibling->replication.channels) + " sources";
      } else if (auto can = can_follow(*sibling, heir); !can) {
        because = can.error().message;
      }
      if (!because.empty()) reasons += (reasons.empty() ? " " : "; ") + because;
    }
    if (reasons.empty()) return "";
    return "Desginated instance " + to_string(heir.key) + " cannot take over all of its siblings." +
           reasons;
  }

  // --- Up to the promotion ---

  [[nodiscard]] Decision towards_promotion(const Instance& heir) const {
    if (auto decision = read_credentials(heir)) return *std::move(decision);
    if (!primary_->server.read_only) {
      if (auto decision = check_both(heir)) return *std::move(decision);
      if (auto decision = warm_up(heir)) return *std::move(decision);
      return make_primary_read_only();
    }
    if (auto decision = catch_up(heir)) return *std::move(decision);
    return promote(heir);
  }

  static bool is_read(const Action& action) {
    return std::holds_alternative<ReadCredentials>(action);
  }

  /// The server that told a replication user; null when none did.
  [[nodiscard]] const InstanceKey* credentials_from() const {
    for (const StepResult& result : so_far_.steps) {
      if (is_read(result.step.action) && !result.error) return &result.step.server;
    }
    return nullptr;
  }

  /// Asks the heir for the replication user, and its siblings when it does not tell: without one,
  /// the old primary could not follow.
  [[nodiscard]] std::optional<Decision> read_credentials(const Instance& heir) const {
    if (credentials_from() != nullptr) return std::nullopt;
    std::vector<const Instance*> asked{&heir};
    for (const Instance* sibling : fresh_.siblings_of(heir.key))
      asked.push_back(sibling);
    for (const Instance* server : asked) {
      if (!answers(*server) || latest(so_far_, server->key, is_read) != nullptr) continue;
      Run run{{step(server->key, ReadCredentials{}, "the old primary will replicate with them")},
              {}};
      run.facts.winner = heir.key;
      return run;
    }
    const StepResult* failed = latest(so_far_, heir.key, is_read);
    if (!starts_old_primary() || failed == nullptr) return std::nullopt;
    return refuse("no replication user for " + to_string(primary_->key) +
                  ", which could not follow the new primary: " + failed->error->message);
  }

  /// Before anything is changed: what would fail afterwards.
  [[nodiscard]] std::optional<Decision> check_both(const Instance& heir) const {
    Run run;
    for (const Instance* server : {&heir, primary_}) {
      const StepResult* checked = latest(so_far_, server->key, [](const Action& action) {
        return std::holds_alternative<CheckHandOver>(action);
      });
      if (checked == nullptr) {
        run.steps.push_back(step(server->key, CheckHandOver{}, "before anything is changed"));
      } else if (checked->error) {
        return refuse(to_string(server->key) + " could not be made " +
                      (server == primary_ ? "read-only: " : "writable: ") +
                      checked->error->message);
      }
    }
    if (run.steps.empty()) return std::nullopt;
    run.facts.winner = heir.key;
    return run;
  }

  /// While the primary still takes writes: the heir gets as far as the primary was at the start.
  /// One that stands still is found out before anybody has to wait for it.
  [[nodiscard]] std::optional<Decision> warm_up(const Instance& heir) const {
    const Instance* before = so_far_.at_start.find(primary_->key);
    if (before == nullptr || contains(reach_of(heir), stand_of(*before, heir))) return std::nullopt;
    const StepResult* waited = latest(so_far_, heir.key, waits_for<HasExecuted>);
    if (waited != nullptr) {
      return refuse(to_string(heir.key) + " does not keep up with " + to_string(primary_->key) +
                    (waited->error ? ": " + waited->error->message : ""));
    }
    return Run{{step(heir.key,
                     WaitFor{HasExecuted{stand_of(*before, heir)},
                             policy_.reasonable_maintenance_replication_lag, policy_.spare_wait},
                     "see that it keeps up, before writes are stopped")},
               {}};
  }

  [[nodiscard]] Decision make_primary_read_only() const {
    const StepResult* tried = latest(so_far_, primary_->key, is_change<SetReadOnly>);
    if (tried == nullptr) {
      Step change = step(primary_->key, Change{SetReadOnly{true, true}},
                         "no writes while the other catches up");
      change.limit = policy_.read_only_limit;
      return Run{{std::move(change)}, {}};
    }
    return refuse(to_string(primary_->key) + " could not be made read-only" +
                  (tried->error ? ": " + tried->error->message : ""));
  }

  [[nodiscard]] std::optional<Decision> catch_up(const Instance& heir) const {
    const Position wanted = stand_of(*primary_, heir);
    if (!is_known(wanted)) {
      return refuse("the position of " + to_string(primary_->key) + " cannot be read");
    }
    if (contains(reach_of(heir), wanted)) return std::nullopt;
    const StepResult* waited = latest(so_far_, heir.key, waits_for<HasExecuted>);
    if (waited != nullptr && waited->error) {
      return refuse(to_string(heir.key) + " did not catch up with " + to_string(primary_->key) +
                    ": " + waited->error->message);
    }
    const auto waits =
        std::count_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          return result.step.server == heir.key && waits_for<HasExecuted>(result.step.action);
        });
    if (waits >= kMaxCatchUps) {
      return refuse(to_string(primary_->key) + " executes transactions although it is read-only");
    }
    return Run{
        {step(heir.key,
              WaitFor{HasExecuted{wanted}, policy_.reasonable_maintenance_replication_lag, {}},
              "have all that the old primary has"),
         step(primary_->key, Reprobe{}, "see that it stands still")},
        {}};
  }

  [[nodiscard]] Decision promote(const Instance& heir) const {
    if (auto because = failed_promotion(so_far_, heir.key)) {
      return refuse(to_string(heir.key) + " " + *because);
    }
    if (const StepResult* stop = failed_stop(heir)) {
      return refuse(to_string(heir.key) + " could not be promoted: " + stop->error->message);
    }
    if (auto look = look_around(heir, missed(), so_far_, fresh_); !look.empty()) {
      Run run{std::move(look), {}};
      run.facts.stood_at = stand_of(*primary_, heir);
      return run;
    }
    const Position stands = stand_of(*primary_, heir);
    if (so_far_.facts.stood_at && to_string(*so_far_.facts.stood_at) != to_string(stands)) {
      return refuse(to_string(primary_->key) +
                    " executes transactions although it is read-only: an account that read_only "
                    "does not bind writes there ('orch doctor' names such accounts)");
    }
    Run run{promotion_steps(heir, *primary_, so_far_, fresh_), {}};
    run.facts.winner = heir.key;
    run.facts.at_promotion = heir.server.binlog;
    run.facts.position_at_promotion = reach_of(heir);
    return run;
  }

  /// Its replication does not stop: what it said the second time; the old primary must not stay
  /// read-only for more.
  [[nodiscard]] const StepResult* failed_stop(const Instance& heir) const {
    const auto failures =
        std::count_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          return result.step.server == heir.key && result.error &&
                 is_change<StopReplication>(result.step.action);
        });
    return failures < 2 ? nullptr : latest(so_far_, heir.key, is_change<StopReplication>);
  }

  /// A link for a server that has none: options as the cluster's replicas use them (REC-42).
  [[nodiscard]] PointTo new_link(const Instance& model_key, const InstanceKey& source) const {
    PointTo target;
    target.source = source;
    target.positioning = is_mariadb(*primary_) ? Positioning::MariaDbCurrent : Positioning::Gtid;
    if (const auto& at = so_far_.facts.at_promotion; at && by_coordinates(model_key)) {
      target.positioning = Positioning::Coordinates;
      target.coordinates = *at;
    }
    const Instance* model = so_far_.at_start.find(model_key.key);
    for (const Instance& other : so_far_.at_start.instances()) {
      if (model != nullptr && is_replica(*model)) break;
      model = &other;
    }
    const bool replicates = model != nullptr && is_replica(*model);
    target.options = new_link_options(*primary_, replicates ? model : nullptr);
    return target;
  }

  // --- After the promotion ---

  [[nodiscard]] Decision follow_up(const Instance& heir) const {
    if (answers(*primary_) && !primary_->server.read_only) {
      const StepResult* tried = latest(so_far_, primary_->key, is_change<SetReadOnly>);
      if (tried != nullptr && tried->error) {
        return GiveUp{
            Error{ErrorKind::Refused, to_string(primary_->key) + " and " + to_string(heir.key) +
                                          " both take writes: " + tried->error->message},
            {}};
      }
      return Run{{step(primary_->key, Change{SetReadOnly{true}},
                       to_string(heir.key) + " takes the writes")},
                 {}};
    }
    if (auto rest = finish_promotion(heir, so_far_); !rest.empty()) return Run{rest, {}};
    if (std::vector<Step> steps = swap_semi_sync(heir); !steps.empty()) return Run{steps, {}};
    if (auto steps = close_siblings(primary_->key, heir, so_far_, fresh_); !steps.empty()) {
      return Run{std::move(steps), {}};
    }
    if (auto steps = await_siblings(heir); !steps.empty()) return Run{std::move(steps), {}};
    if (auto look = look_again(primary_->key, so_far_, fresh_); !look.empty())
      return Run{std::move(look), {}};
    SiblingPlan plan = sibling_moves(primary_->key, heir, policy_, so_far_, fresh_);
    if (auto can = can_replicate_from(*primary_, heir, policy_.rules()); !can) {
      plan.lost.push_back({primary_->key, can.error().message});
    } else {
      plan.moves.push_back(old_primary_move(heir));
    }
    Decision decision = next_of_siblings(primary_->key, plan, false, policy_, so_far_, fresh_);
    if (std::holds_alternative<Run>(decision)) return decision;
    Account account = std::holds_alternative<Done>(decision)
                          ? std::move(std::get<Done>(decision).account)
                          : std::move(std::get<GiveUp>(decision).account);
    if (auto wait = ask_again(account.lost, policy_, so_far_, fresh_); !wait.empty())
      return Run{std::move(wait), {}};
    if (auto look = last_look(missed(), so_far_, fresh_); !look.empty())
      return Run{std::move(look), {}};
    // It has no link any more that would tell.
    const Instance* before = so_far_.at_start.find(heir.key);
    const std::string filters =
        before == nullptr ? "" : filter_text(so_far_.at_start, primary_->key, *before);
    account.promoted = heir.key;
    account.coordinates = so_far_.facts.at_promotion.value_or(heir.server.binlog);
    account.lost_transactions =
        filters.empty() ? "nothing" : "unknown: " + to_string(heir.key) + " " + filters;
    add_written_since(account, *primary_, heir, fresh_);
    add_second_writers(account, heir, fresh_);
    add_notes(account, heir);
    return Done{std::move(account)};
  }

  /// Without GTID, a sibling must come to where the heir was in the old primary's log, which stands
  /// still: nobody could tell where it goes on in the heir's.
  [[nodiscard]] std::vector<Step> await_siblings(const Instance& heir) const {
    std::vector<Step> steps;
    if (!by_coordinates(heir) || !so_far_.facts.position_at_promotion) return steps;
    const Position& place = *so_far_.facts.position_at_promotion;
    for (const Instance* sibling : fresh_.replicas_of(primary_->key)) {
      const bool comes = answers(*sibling) && replica_running(*sibling) &&
                         !gtid_compatible(*sibling, heir) &&
                         !contains(Position(sibling->replication.exec), place);
      if (!comes || latest(so_far_, sibling->key, waits_for<HasExecuted>) != nullptr) continue;
      steps.push_back(step(sibling->key, WaitFor{HasExecuted{place}, policy_.bulk_wait, {}},
                           "come to where the new primary was"));
    }
    return steps;
  }

  /// A replica is no semi-sync source; and where the heir acknowledged, the old primary does now.
  [[nodiscard]] std::vector<Step> swap_semi_sync(const Instance& heir) const {
    std::vector<Step> steps;
    if (!primary_->semi_sync.source_enabled || !answers(*primary_) ||
        latest(so_far_, primary_->key, is_change<SetSemiSyncSource>) != nullptr) {
      return steps;
    }
    steps.push_back(
        step(primary_->key, Change{SetSemiSyncSource{false}}, "a replica is no semi-sync source"));
    const bool heir_acknowledged = heir.semi_sync.source_enabled && heir.semi_sync.replica_enabled;
    if (heir_acknowledged && primary_->semi_sync.available && primary_->semi_sync.priority == 0 &&
        !primary_->semi_sync.replica_enabled) {
      steps.push_back(step(primary_->key, Change{SetSemiSyncReplica{true}},
                           "it acknowledges in the new primary's place"));
    }
    return steps;
  }

  [[nodiscard]] bool starts_old_primary() const {
    return request_.automatic || request_.start_old_primary;
  }

  [[nodiscard]] Move old_primary_move(const Instance& heir) const {
    Move move;
    move.server = primary_->key;
    move.target = new_link(heir, heir.key);
    move.why = "the old primary follows the new one";
    move.always_start = starts_old_primary();
    move.verify = starts_old_primary();
    // What it replicates goes into its log, beyond the place to which its replicas must come.
    move.after_others = move.late = by_coordinates(heir);
    move.destination_holds = so_far_.facts.position_at_promotion;
    if (const InstanceKey* from = credentials_from()) move.credentials_from = *from;
    return move;
  }

  void add_notes(Account& account, const Instance& heir) const {
    const std::string key = to_string(primary_->key);
    const auto moved = std::find(account.moved.begin(), account.moved.end(), primary_->key);
    if (moved == account.moved.end()) {
      account.notes.push_back(key + (answers(*primary_)
                                         ? " is left read-only and does not replicate"
                                         : " was made read-only before it stopped answering"));
    } else if (!starts_old_primary()) {
      account.notes.push_back(key +
                              " is set to follow the new primary; its replication is stopped");
    }
    for (const StepResult& result : so_far_.steps) {
      if (credentials_from() == nullptr && result.error && is_read(result.step.action)) {
        account.notes.push_back("no replication user for " + key + ": " + result.error->message);
      }
    }
    if (auto note = semi_sync_note(heir, *primary_, so_far_); !note.empty()) {
      account.notes.push_back(std::move(note));
    }
    if (auto text = note_on_heir(heir, so_far_); !text.empty()) {
      account.notes.push_back(std::move(text));
    }
    if (auto text = promotion_leftover(heir); !text.empty()) {
      account.notes.push_back(std::move(text));
    }
  }

  const TakeoverRequest& request_;
  const Policy& policy_;
  const Progress& so_far_;
  const Topology& fresh_;
  const Instance* primary_;
};

}  // namespace

Decision next_takeover_step(const TakeoverRequest& request, const Policy& policy,
                            const Progress& so_far, const Topology& fresh) {
  return Takeover(request, policy, so_far, fresh).next();
}

Planner takeover(TakeoverRequest request, Policy policy) {
  SecondNames names{{request.primary, request.designated.value_or(request.primary)}, true};
  return with_one_name_each(std::move(names),
                            [request = std::move(request), policy = std::move(policy)](
                                const Progress& so_far, const Topology& fresh) {
                              return next_takeover_step(request, policy, so_far, fresh);
                            });
}

}  // namespace orch
