#include "core/plan/refactor/errant.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/plan/refactor/parts.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

constexpr std::size_t kMostInjected = 10'000;

/// The server with its errant set, when there is one.
Result<GtidSet> errant_of(const Topology& at_start, const InstanceKey& key,
                          const std::string& operation) {
  const Instance* server = at_start.find(key);
  if (server == nullptr || !answers(*server)) {
    const std::string why = server == nullptr ? "" : ": it " + silence_of(*server);
    return fail(server == nullptr ? ErrorKind::NotFound : ErrorKind::Unreachable,
                "Error reading " + to_string(key) + why);
  }
  if (!server->gtid.supports_oracle) {
    return refusal(operation + " requested for " + to_string(key) +
                   " but it is not using oracle-gtid");
  }
  const auto none = [&] {
    return refusal(operation + " will not operate on " + to_string(key) +
                   " because no errant GTID is found");
  };
  if (!is_replica(*server)) return none();
  const Instance* source = at_start.source_of(key);
  if (source == nullptr || !answers(*source)) {
    return refusal(operation + ": what is errant on " + to_string(key) +
                   " is seen by its source, which cannot be read");
  }
  ORCH_ASSIGN(GtidSet errant, GtidSet::parse(server->gtid.executed));
  ORCH_ASSIGN(const GtidSet of_source, GtidSet::parse(source->gtid.executed));
  // A source may have been read before the server: its own transactions are never errant.
  for (const Instance* above : at_start.ancestors_of(key))
    errant.remove_uuid(above->server.uuid);
  errant = errant.minus(of_source);
  if (errant.empty()) return none();
  return errant;
}

std::set<InstanceKey> all_replicas(const Topology& topology, const Instance& server) {
  std::set<InstanceKey> keys(server.replicas.begin(), server.replicas.end());
  for (const Instance* replica : topology.replicas_of(server.key))
    keys.insert(replica->key);
  return keys;
}

Decision next_reset(const InstanceKey& key, const Progress& so_far, const Topology& fresh) {
  const std::string operation = "gtid-errant-reset-master";
  const Result<GtidSet> errant = errant_of(so_far.at_start, key, operation);
  if (!errant) return GiveUp{errant.error(), {}};
  const Instance& before = *so_far.at_start.find(key);
  if (const std::size_t count = all_replicas(so_far.at_start, before).size(); count > 0) {
    return GiveUp{Error{ErrorKind::Refused, operation + " will not operate on " + to_string(key) +
                                                " because it has " + std::to_string(count) +
                                                " replicas. Expecting no replicas"},
                  {}};
  }
  const Instance& now = *fresh.find(key);
  if (const StepResult* failed = failure_on(so_far, key)) {
    const auto* reset = change_in<ResetGtidHistory>(failed->step.action);
    if (reset != nullptr && (!answers(now) || now.gtid.executed.empty())) {
      // It may have no history now: replicating from there would begin with the first transaction.
      Error error = *failed->error;
      error.message += "; replication stays stopped: set gtid_purged on " + to_string(key) +
                       " to '" + reset->executed + "'";
      return GiveUp{std::move(error), {}};
    }
    if (Run undo{undo_thread_steps(so_far, fresh), {}}; !undo.steps.empty()) return undo;
    return GiveUp{*failed->error, {}};
  }
  if (latest(so_far, key, is_change<ResetGtidHistory>) != nullptr) {
    if (Run undo{undo_thread_steps(so_far, fresh), {}}; !undo.steps.empty()) return undo;
    return Done{};
  }
  if (is_replica(now) && !replication_threads_stopped(now)) {
    return Run{{step_on(key, Change{StopReplication{}}, "its history must not change")}, {}};
  }
  const Result<GtidSet> executed = GtidSet::parse(now.gtid.executed);
  if (!executed) return GiveUp{executed.error(), {}};
  return Run{{step_on(key, Change{ResetGtidHistory{executed->minus(*errant).to_string()}},
                      "without " + errant->to_string())},
             {}};
}

/// The one that takes the cluster's writes, above the server.
Result<const Instance*> writable_above(const Topology& topology, const Instance& server) {
  for (const Instance* above : topology.ancestors_of(server.key)) {
    if (answers(*above) && !above->server.read_only && above->gtid.supports_oracle) return above;
  }
  return refusal("the cluster of " + to_string(server.key) +
                 " has no writable master with GTID above it");
}

Decision next_inject(const InstanceKey& key, const Progress& so_far) {
  const Result<GtidSet> errant = errant_of(so_far.at_start, key, "gtid-errant-inject-empty");
  if (!errant) return GiveUp{errant.error(), {}};
  if (errant->count() > kMostInjected) {
    return GiveUp{
        Error{ErrorKind::Refused, to_string(key) + " has " + std::to_string(errant->count()) +
                                      " errant GTIDs; at most " + std::to_string(kMostInjected) +
                                      " are injected"},
        {}};
  }
  const auto master = writable_above(so_far.at_start, *so_far.at_start.find(key));
  if (!master) return GiveUp{master.error(), {}};
  if (const StepResult* failed = failure_on(so_far, (*master)->key)) {
    return GiveUp{*failed->error, {}};
  }
  if (latest(so_far, (*master)->key, is_change<InjectEmptyTransactions>) != nullptr) return Done{};
  std::vector<std::string> gtids = errant->explode(kMostInjected);
  // A tag needs one privilege more (TRANSACTION_GTID_TAG): what may be refused goes first.
  std::stable_partition(gtids.begin(), gtids.end(), [](const std::string& gtid) {
    return std::count(gtid.begin(), gtid.end(), ':') > 1;
  });
  return Run{{step_on((*master)->key, Change{InjectEmptyTransactions{std::move(gtids)}},
                      "nobody lacks what " + to_string(key) + " has")},
             {}};
}

}  // namespace

Planner reset_errant(InstanceKey server, Policy) {
  return [server = std::move(server)](const Progress& so_far, const Topology& fresh) {
    return next_reset(server, so_far, fresh);
  };
}

Planner inject_errant(InstanceKey server, Policy) {
  return [server = std::move(server)](const Progress& so_far, const Topology&) {
    return next_inject(server, so_far);
  };
}

}  // namespace orch
