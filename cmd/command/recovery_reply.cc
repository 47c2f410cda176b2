#include "cmd/command/recovery_reply.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/json/json.h"
#include "core/plan/recovery/promotion.h"
#include "ha/completion.h"

namespace orch::cmd {

namespace {

Json outcome_json(const ha::RecoveryOutcome& recovery) {
  const Account& account = recovery.outcome.account;
  Json steps = Json::array();
  for (const StepResult& result : recovery.outcome.steps) {
    steps.push_back({{"Server", to_json(result.step.server)},
                     {"Action", describe(result.step.action)},
                     {"Error", result.error ? result.error->message : ""}});
  }
  Json lost = Json::array();
  for (const LostReplica& replica : account.lost) {
    lost.push_back({{"Key", to_json(replica.key)}, {"Because", replica.because}});
  }
  std::vector<std::string> notes = account.notes;
  notes.insert(notes.end(), recovery.notes.begin(), recovery.notes.end());
  return {{"Recovery", recovery.id},
          {"UID", recovery.uid},
          {"Resumed", recovery.resumed},
          {"Cluster", recovery.work.cluster},
          {"ClusterAlias", recovery.work.cluster_alias},
          {"OldMaster", to_json(recovery.work.failed)},
          {"Promoted", to_json(*account.promoted)},
          {"Coordinates", to_json(account.coordinates)},
          {"Moved", to_json(account.moved)},
          {"Lost", lost},
          {"LostTransactions", account.lost_transactions},
          {"TwoTookWrites", account.two_took_writes},
          {"Notes", notes},
          {"LeftOtherwise", recovery.outcome.left},
          {"Steps", steps}};
}

/// What was reached, in one line.
std::string headline(const ha::RecoveryOutcome& recovery) {
  const std::string successor = to_string(*recovery.outcome.account.promoted);
  const std::string failed = to_string(recovery.work.failed);
  if (ha::replaces_master(recovery.work.kind)) {
    return fmt::format("{} is the new master of {} (was {})\n", successor,
                       recovery.work.cluster_alias, failed);
  }
  if (successor == failed) return fmt::format("{} is repaired\n", failed);
  return fmt::format("{} took over replicas of {}\n", successor, failed);
}

std::string outcome_text(const ha::RecoveryOutcome& recovery) {
  const Account& account = recovery.outcome.account;
  std::string text = headline(recovery);
  if (!account.coordinates.empty()) {
    text += fmt::format("  promoted at     {}\n", to_string(account.coordinates));
  }
  if (!account.lost_transactions.empty()) {
    text += fmt::format("  lost            {}\n", account.lost_transactions);
  }
  for (const InstanceKey& key : account.moved) {
    text += fmt::format("  replicates now  {}\n", to_string(key));
  }
  if (recovery.id != 0) {
    text += fmt::format("  recovery        {} ('orch recovery show {}' tells its story)\n",
                        recovery.id, recovery.id);
  }
  return text;
}

/// Somebody who lives was left out, or the promoted server was not made independent.
bool is_in_part(const ha::RecoveryOutcome& recovery) {
  const Account& account = recovery.outcome.account;
  const Topology& now = recovery.outcome.topology;
  const Instance* promoted = now.find(*account.promoted);
  const std::string leftover = promoted == nullptr ? "" : promotion_leftover(*promoted);
  if (std::find(account.notes.begin(), account.notes.end(), leftover) != account.notes.end()) {
    return true;
  }
  return std::any_of(account.lost.begin(), account.lost.end(), [&](const LostReplica& left) {
    // A takeover began with a living master.
    if (left.key == recovery.work.failed) return true;
    const Instance* replica = now.find(left.key);
    if (replica == nullptr) return false;
    const std::optional<Error>& error = replica->freshness.last_error;
    return answers(*replica) || (error && error->by_server);
  });
}

}  // namespace

Result<Reply> recovery_reply(const ha::RecoveryOutcome& recovery, bool legacy,
                             bool with_coordinates) {
  if (recovery.error) {
    std::vector<std::string> said = ha::notes_of(recovery);
    said.insert(said.begin(), recovery.error->message);
    return fail(recovery.error->kind, join(said, "; "));
  }
  const Account& account = recovery.outcome.account;
  Reply reply;
  reply.lines.push_back(to_string(*account.promoted));
  if (with_coordinates) reply.lines.push_back(to_string(account.coordinates));
  for (const LostReplica& replica : account.lost) {
    reply.notes.push_back(
        fmt::format("left behind: {}: {}", to_string(replica.key), replica.because));
  }
  const std::string& lost = account.lost_transactions;
  const bool is_loss = !lost.starts_with("nothing") && !lost.empty();
  if (is_loss) reply.notes.push_back("lost: " + lost);
  for (std::string& note : ha::notes_of(recovery))
    reply.notes.push_back(std::move(note));
  // Where a script would not see the lost rows either: orchestrator's command line shows errors
  // only.
  reply.failed = account.two_took_writes || (legacy ? is_loss : is_in_part(recovery));
  if (ha::is_unrecorded(recovery)) reply.refused = ErrorKind::Broken;
  if (!legacy) reply.text = outcome_text(recovery);
  reply.json = dump(outcome_json(recovery));
  return reply;
}

}  // namespace orch::cmd
