#include "ha/next_leader.h"

#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/stop.h"
#include "ha/plan_facts.h"
#include "ha/registration.h"

namespace orch::ha {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEach{50};
/// What nobody has heard of for so long was not registered.
constexpr std::chrono::seconds kHeardOf{3};

RecoveryOutcome as_on_record(RecoveryOutcome outcome, const storage::RecoveryRun& run,
                             const RecoveryRecord& record) {
  outcome.id = record.id;
  outcome.error.reset();
  outcome.unrecorded = outcome.resumable = outcome.in_doubt = false;
  outcome.notes.clear();
  // What this process saw last is how it was before the other went on.
  Account account;
  account.moved = std::move(outcome.outcome.account.moved);
  outcome.outcome = {};
  if (!record.successful) {
    outcome.error =
        Error{ErrorKind::Conflict,
              fmt::format("another node leads now, and has ended recovery {}: {}", record.id,
                          record.errors.empty() ? "it failed" : record.errors.front())};
    return outcome;
  }
  const PlanFacts facts = read_facts(run);
  account.promoted = record.successor;
  account.coordinates = facts.at_promotion.value_or(BinlogCoordinates());
  account.lost_transactions = run.lost_transactions;
  for (const InstanceKey& key : record.lost_replicas)
    account.lost.push_back({key, "was left behind"});
  outcome.outcome.account = std::move(account);
  outcome.notes.emplace_back("another node leads now, and has finished it");
  return outcome;
}

}  // namespace

RecoveryOutcome await_next_leader(const Parts& parts, RecoveryOutcome outcome,
                                  steady_clock::duration patience) {
  if (!outcome.left_to_next) return outcome;
  const SteadyPoint begun = steady_clock::now();
  while (!stop_requested()) {
    const auto run = storage::JournalStore(parts.database, parts.clock).find_run(outcome.uid);
    const auto record = recovery_store(parts).find(outcome.uid);
    const bool has_ended = run && *run && (*run)->stage == storage::kEndedStage;
    if (has_ended && record && *record) return as_on_record(std::move(outcome), **run, **record);
    const auto waited = steady_clock::now() - begun;
    if (run && !*run && waited >= kHeardOf) return outcome;
    if (waited >= patience) break;
    std::this_thread::sleep_for(kLookEach);
  }
  outcome.error =
      Error{ErrorKind::Unreachable,
            fmt::format("another node leads now, and is to finish recovery {0}; whether "
                        "this was carried out is not known ('orch recovery show {0}')",
                        outcome.uid)};
  outcome.notes.clear();
  outcome.outcome.left.clear();
  return outcome;
}

}  // namespace orch::ha
