#include "core/plan/refactor/switches.h"

#include <utility>

#include "core/base/result.h"
#include "core/base/text.h"
#include "core/plan/candidate.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

Failure not_a_replica(const Instance& server) {
  return fail(ErrorKind::Refused, "instance is not a replica: " + to_string(server.key));
}

Step step(const Instance& server, Change change, std::string why) {
  return step_on(server.key, std::move(change), std::move(why));
}

std::vector<Step> start_steps(const Instance& server, const Policy& policy) {
  std::vector<Step> steps;
  if (server.semi_sync.priority > 0 && server.semi_sync.source_enabled) {
    steps.push_back(step(server, SetSemiSyncSource{false}, "a replica is no semi-sync source"));
  }
  if (server.semi_sync.priority > 0 && !server.semi_sync.replica_enabled) {
    steps.push_back(step(server, SetSemiSyncReplica{true}, "its semi-sync priority says so"));
  }
  steps.push_back(step(server, StartReplication{}, "as asked"));
  if (!is_detached_source(server)) {
    steps.push_back({server.key,
                     WaitFor{ReplicatesFrom{server.replication.source}, policy.start_wait, {}},
                     "see it replicate",
                     {},
                     false});
  }
  return steps;
}

/// Refused where a statement would change one of several connections to sources, or all of them,
/// and only one was looked at: MariaDB's statements without a name are about the one without a
/// name, and MySQL's are about all.
Result<> has_one_source(const Instance& server) {
  const int channels = server.replication.channels;
  if (channels <= 1) return {};
  return refusal(to_string(server.key) + " replicates from " + std::to_string(channels) +
                 " sources, of which orch looks after one: change the connection that you mean by "
                 "hand");
}

/// Refused for one that would not start again.
Result<> may_be_restarted(const Instance& server, const Topology& topology) {
  const std::string text = cannot_start_again(server, topology.source_of(server.key));
  if (text.empty()) return {};
  return refusal(to_string(server.key) + " " + text);
}

/// Refused where nobody would send again what it has received and not applied, and a change of its
/// source throws away: that one does not answer, or has purged it.
Result<> may_discard(const Instance& server, const Topology& topology) {
  const Instance* source = topology.source_of(server.key);
  const bool comes_again =
      source == nullptr ? server.replication.io_state == ThreadState::Running : answers(*source);
  if (has_applied_all(server)) return {};
  const std::string gone = source == nullptr ? "" : gone_there(server, *source);
  if (!gone.empty()) {
    return refusal(to_string(server.key) + " would lose what it has received: it " + gone);
  }
  if (comes_again) return {};
  return refusal(to_string(server.key) + " would lose what it has received, and " +
                 to_string(server.replication.source) +
                 (source == nullptr ? " is not known: " : " does not answer: ") +
                 standing(AppliedReceived{}, server).reason);
}

/// The same, of MariaDB: it throws that away when both threads start by GTID, and with each change
/// of the delay.
Result<> keeps_what_it_received(const Instance& server, const Topology& topology) {
  return is_mariadb(server) ? may_discard(server, topology) : Result<>{};
}

/// Refused where a start would throw that away. By GTID that is so when neither thread runs,
/// whichever is started, so that the applier cannot go first either.
Result<> may_be_started(const Instance& server, const Topology& topology) {
  if (!uses_gtid(server) || !replication_threads_stopped(server)) return {};
  const Result<> kept = keeps_what_it_received(server, topology);
  if (kept) return {};
  std::string text = kept.error().message + "; start that source first";
  if (has_place_in_relay_logs(server)) {
    const BinlogCoordinates& place = server.replication.relay;
    text += ", or apply it by hand: CHANGE MASTER TO MASTER_USE_GTID = no, RELAY_LOG_FILE = '" +
            place.log_file + "', RELAY_LOG_POS = " + std::to_string(place.log_pos) +
            "; START SLAVE SQL_THREAD";
  }
  return refusal(std::move(text));
}

}  // namespace

Planner stop_replication(InstanceKey server, Policy) {
  return in_one_go(std::move(server),
                   [](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
                     if (!is_replica(now)) return not_a_replica(now);
                     ORCH_TRY(has_one_source(now));
                     return std::vector<Step>{step(now, StopReplication{}, "as asked")};
                   });
}

Planner stop_replication_nicely(InstanceKey server, Policy policy) {
  Planner drain = in_one_go(
      server, [policy](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
        if (!is_replica(now)) return not_a_replica(now);
        ORCH_TRY(has_one_source(now));
        std::vector<Step> steps;
        const bool start_first = now.replication.sql_delay.count() == 0 && applier_goes_first(now);
        if (start_first) {
          steps.push_back(
              step(now, StartReplication{ReplicationThreads::Applier}, "apply what it holds"));
        }
        steps.push_back(
            step(now, StopReplication{ReplicationThreads::Receiver}, "receive no more"));
        if (now.replication.sql_delay.count() == 0) {
          if (!start_first && !runs(now.replication.sql_state)) {
            steps.push_back(
                step(now, StartReplication{ReplicationThreads::Applier}, "apply what it holds"));
          }
          steps.push_back(
              {now.key,
               WaitFor{AppliedReceived{}, policy.promotion_wait, policy.reasonable_replication_lag},
               "apply what it holds",
               {},
               false});
        }
        return steps;
      });
  return [server = std::move(server), drain = std::move(drain)](const Progress& so_far,
                                                                const Topology& fresh) -> Decision {
    Decision decision = drain(so_far, fresh);
    const Instance* now = fresh.find(server);
    const auto stops_all = [](const Action& action) {
      const auto* stop = change_in<StopReplication>(action);
      return stop != nullptr && stop->threads == ReplicationThreads::Both;
    };
    const bool drained = std::holds_alternative<Done>(decision) && now != nullptr &&
                         latest(so_far, server, stops_all) == nullptr;
    if (!drained) return decision;
    // What came in part shows when the rest is applied, and a stop would wait for it for a minute.
    std::optional<Step> next = give_up_partial(*now, so_far);
    if (!next) next = see_applier_end(*now, so_far);
    if (!next) next = step(*now, StopReplication{}, "as asked");
    return Run{{*std::move(next)}, {}};
  };
}

Planner start_replication(InstanceKey server, Policy policy) {
  return in_one_go(std::move(server),
                   [policy](const Instance& now, const Topology& all) -> Result<std::vector<Step>> {
                     if (!is_replica(now)) return not_a_replica(now);
                     ORCH_TRY(has_one_source(now));
                     ORCH_TRY(may_be_started(now, all));
                     return start_steps(now, policy);
                   });
}

Planner restart_replication(InstanceKey server, Policy policy) {
  return in_one_go(std::move(server),
                   [policy](const Instance& now, const Topology& all) -> Result<std::vector<Step>> {
                     if (!is_replica(now)) return not_a_replica(now);
                     ORCH_TRY(has_one_source(now));
                     ORCH_TRY(may_be_restarted(now, all));
                     if (uses_gtid(now)) ORCH_TRY(keeps_what_it_received(now, all));
                     std::vector<Step> steps{step(now, StopReplication{}, "as asked")};
                     for (Step& next : start_steps(now, policy))
                       steps.push_back(std::move(next));
                     return steps;
                   });
}

Planner reset_replication(InstanceKey server, Policy) {
  Planner reset =
      in_one_go(server, [](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
        ORCH_TRY(has_one_source(now));
        std::vector<Step> steps;
        if (runs(now.replication.io_state) || runs(now.replication.sql_state)) {
          steps.push_back(step(now, StopReplication{}, "as asked"));
        }
        steps.push_back(step(now, ResetReplication{}, "as asked"));
        return steps;
      });
  return [server = std::move(server), reset = std::move(reset)](const Progress& so_far,
                                                                const Topology& fresh) -> Decision {
    Decision decision = reset(so_far, fresh);
    auto* done = std::get_if<Done>(&decision);
    if (done == nullptr) return decision;
    const Instance& before = *so_far.at_start.find(server);
    if (is_replica(before) && !has_applied_all(before)) {
      const Difference rest = missing(executed_position(before), received_position(before));
      done->account.notes.push_back(
          "what " + to_string(server) +
          " had received and not applied is thrown away: " + to_string(rest));
    }
    return decision;
  };
}

Planner change_source_credentials(InstanceKey server, Policy) {
  return in_one_go(
      std::move(server), [](const Instance& now, const Topology& all) -> Result<std::vector<Step>> {
        if (!is_replica(now)) return not_a_replica(now);
        ORCH_TRY(has_one_source(now));
        if (runs(now.replication.io_state) || runs(now.replication.sql_state)) {
          return refusal("ChangeMasterTo: Cannot change master on: " + to_string(now.key) +
                         " because replication is running");
        }
        ORCH_TRY(may_discard(now, all));
        PointTo target;
        target.source = now.replication.source;
        target.coordinates = now.replication.exec;
        Step read{now.key, ReadCredentials{}, "the user that replicates", {}, false, {}};
        Step point = step(now, std::move(target), "as asked");
        point.credentials_from = now.key;
        return std::vector<Step>{std::move(read), std::move(point)};
      });
}

Planner set_read_only(InstanceKey server, bool on, Policy) {
  return in_one_go(
      std::move(server), [on](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
        const bool semi_sync = now.semi_sync.priority > 0;
        std::vector<Step> steps;
        if (semi_sync && !on) {
          steps.push_back(step(now, SetSemiSyncSource{true}, "its semi-sync priority says so"));
        }
        steps.push_back(step(now, SetReadOnly{on}, "as asked"));
        if (semi_sync && on) {
          steps.push_back(step(now, SetSemiSyncSource{false}, "its semi-sync priority says so"));
        }
        return steps;
      });
}

Planner set_semi_sync_source(InstanceKey server, bool on) {
  return in_one_go(std::move(server),
                   [on](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
                     return std::vector<Step>{step(now, SetSemiSyncSource{on}, "as asked")};
                   });
}

Planner set_semi_sync_replica(InstanceKey server, bool on) {
  return in_one_go(
      std::move(server), [on](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
        if (now.semi_sync.replica_enabled == on) return std::vector<Step>{};
        std::vector<Step> steps{step(now, SetSemiSyncReplica{on}, "as asked")};
        // The setting takes effect when the receiver starts. MariaDB by GTID would throw the relay
        // logs away then, so that what is received must be applied before.
        if (!runs(now.replication.io_state)) return steps;
        ORCH_TRY(has_one_source(now));
        steps.push_back(step(now, StopReplication{ReplicationThreads::Receiver}, "take effect"));
        if (is_mariadb(now) && now.gtid.uses_mariadb) {
          steps.push_back({now.key,
                           WaitFor{AppliedReceived{}, std::chrono::seconds(10), {}},
                           "nothing received is thrown away",
                           {},
                           false});
        }
        steps.push_back(step(now, StartReplication{ReplicationThreads::Receiver}, "take effect"));
        return steps;
      });
}

Planner skip_query(InstanceKey server, std::string gtid, Policy policy) {
  return in_one_go(
      std::move(server), [=](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
        if (!is_replica(now)) return not_a_replica(now);
        ORCH_TRY(has_one_source(now));
        const std::string key = to_string(now.key);
        if (runs(now.replication.sql_state)) {
          return refusal("Replication SQL thread is running on " + key);
        }
        if (now.replication.last_sql_error.empty()) {
          return refusal("No SQL error on " + key);
        }
        if (now.gtid.uses_mariadb) {
          return refusal("skip-query: " + key +
                         " replicates by MariaDB GTID, with which no event is skipped; "
                         "mend what stopped the applier, then start replication");
        }
        const bool all_have_gtids =
            now.gtid.uses_oracle || equals_ignoring_case(now.gtid.mode, "ON");
        if (all_have_gtids && gtid.empty()) {
          return refusal("skip-query: " + key + " does not tell what failed");
        }
        // MySQL heeds sql_replica_skip_counter only where the transaction has no GTID.
        const Change skip =
            gtid.empty() ? Change{SkipEvent{}} : Change{InjectEmptyTransactions{{gtid}}};
        std::vector<Step> steps{step(now, skip, "as asked")};
        for (Step& next : start_steps(now, policy))
          steps.push_back(std::move(next));
        return steps;
      });
}

Planner wait_for_position(InstanceKey server, BinlogCoordinates place, std::chrono::seconds limit) {
  return in_one_go(std::move(server),
                   [=](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
                     if (!is_replica(now)) return not_a_replica(now);
                     return std::vector<Step>{
                         step_on(now.key, WaitFor{HasExecuted{place}, limit, {}}, "as asked")};
                   });
}

Planner kill_query(InstanceKey server, std::uint64_t session) {
  return in_one_go(std::move(server),
                   [=](const Instance& now, const Topology&) -> Result<std::vector<Step>> {
                     return std::vector<Step>{step(now, KillQuery{session}, "as asked")};
                   });
}

Planner delay_replication(InstanceKey server, std::chrono::seconds delay) {
  return in_one_go(std::move(server),
                   [delay](const Instance& now, const Topology& all) -> Result<std::vector<Step>> {
                     if (!is_replica(now)) return not_a_replica(now);
                     if (delay.count() < 0) {
                       return fail(ErrorKind::InvalidInput, "a delay cannot be negative");
                     }
                     ORCH_TRY(has_one_source(now));
                     // MySQL keeps the relay logs when the receiver runs through the change;
                     // MariaDB wants both threads stopped.
                     const bool applies = runs(now.replication.sql_state);
                     const bool receives = is_mariadb(now) && runs(now.replication.io_state);
                     const auto threads = applies && receives ? ReplicationThreads::Both
                                          : applies           ? ReplicationThreads::Applier
                                                              : ReplicationThreads::Receiver;
                     if (is_mariadb(now)) ORCH_TRY(may_be_restarted(now, all));
                     ORCH_TRY(keeps_what_it_received(now, all));
                     std::vector<Step> steps;
                     if (applies || receives)
                       steps.push_back(step(now, StopReplication{threads}, "as asked"));
                     steps.push_back(step(now, SetDelay{delay}, "as asked"));
                     if (applies || receives)
                       steps.push_back(step(now, StartReplication{threads}, "as before"));
                     return steps;
                   });
}

}  // namespace orch
