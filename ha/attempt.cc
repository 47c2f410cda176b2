#include "ha/attempt.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/plan/recovery/promotion.h"
#include "core/plan/undo.h"
#include "ha/plan_facts.h"

namespace orch::ha {

namespace {

bool changes_anything(const Run& run) {
  return std::any_of(run.steps.begin(), run.steps.end(), [](const Step& step) {
    return changes_server(step) || std::holds_alternative<RunFenceHooks>(step.action);
  });
}

/// Reads every server again, and decides anew.
Run look_again(const Topology& fresh) {
  Run run;
  for (const Instance& instance : fresh.instances())
    run.steps.push_back({instance.key, Reprobe{}, "hooks may have taken long", {}, false});
  return run;
}

/// What the run that was cut off did to servers, as if this one had done it: so that it can be
/// undone.
struct Replay {
  std::vector<Instance> before{};
  std::vector<StepResult> steps{};
};

/// As describe() says it, but for the limit.
const std::string kFenceText = describe(Action{Fence{}}).substr(0, 14);

void replay(const storage::JournalEntry& entry, Replay& replay) {
  const auto server = std::find_if(replay.before.begin(), replay.before.end(),
                                   [&](const Instance& i) { return i.key == entry.server; });
  if (server == replay.before.end()) return;
  const auto is = [&](const Change& change) {
    return entry.action == describe(Action{change});
  };
  const auto add = [&](Change change) {
    replay.steps.push_back({{entry.server, std::move(change), entry.why, {}, false}, std::nullopt});
  };
  if (is(SetReadOnly{true}) || entry.action.starts_with(kFenceText)) {
    server->server.read_only = false;
    add(SetReadOnly{true});
  } else if (is(StopReplication{}) && is_replica(*server)) {
    server->replication.io_state = server->replication.sql_state = ThreadState::Running;
    add(StopReplication{});
  } else if (is(StopReplication{ReplicationThreads::Receiver}) && is_replica(*server)) {
    server->replication.io_state = ThreadState::Running;
    add(StopReplication{ReplicationThreads::Receiver});
  }
}

/// Whether the run that was cut off made that server read-only, and did not undo it. With
/// `perhaps`, also when nobody knows how that ended.
bool made_read_only(const EarlierSteps& earlier, const InstanceKey& server, bool perhaps) {
  using storage::JournalState;
  bool is_read_only = false;
  for (const storage::JournalEntry& entry : earlier) {
    const bool counts =
        entry.state == JournalState::Done || (perhaps && entry.state == JournalState::Intent);
    if (entry.server != server || !counts) continue;
    const bool on = entry.action == describe(Action{Change{SetReadOnly{true}}}) ||
                    entry.action.starts_with(kFenceText);
    const bool off = entry.action == describe(Action{Change{SetReadOnly{false}}}) &&
                     entry.state == JournalState::Done;
    is_read_only = on || (is_read_only && !off);
  }
  return is_read_only;
}

/// Who still stands as the run that was cut off had left it. What this run stopped itself, the
/// executor tells.
std::vector<std::string> left_stopped(const Progress& known, const Progress& so_far,
                                      const Topology& fresh) {
  std::vector<std::string> left;
  for (const Instance& found : so_far.at_start.instances()) {
    const Instance* before = known.at_start.find(found.key);
    const Instance* now = fresh.find(found.key);
    if (before == nullptr || now == nullptr || !answers(*now)) continue;
    const std::string threads = stopped_threads(*before, *now);
    if (threads.empty() || !stopped_threads(found, *now).empty()) continue;
    left.push_back(to_string(found.key) + " is left with " + threads + " stopped");
  }
  return left;
}

}  // namespace

Attempt::Attempt(const RecoveryWork& work, Journal& journal, Planner planner, Doors doors,
                 EarlierSteps earlier)
    : work_(work),
      journal_(journal),
      planner_(std::move(planner)),
      doors_(std::move(doors)),
      earlier_(std::move(earlier)),
      facts_(read_facts(journal.run())) {
  open_ = journal_.is_open();
  facts_.failed_is_read_only = made_read_only(earlier_, work_.failed, false);
  for (const storage::JournalEntry& entry : earlier_) {
    if (entry.point_of_no_return) facts_.told_to_write.push_back(entry.server);
  }
}

Decision Attempt::next(const Progress& so_far, const Topology& fresh) {
  publish_if_it_stands(fresh);
  if (auto run = read_credentials_again(fresh)) return *std::move(run);
  Decision decision = decide(so_far, fresh);
  if (auto* failed = std::get_if<GiveUp>(&decision)) {
    Progress known = so_far;
    known.facts = facts_;
    in_doubt_ = in_doubt(known, fresh).has_value();
    add_left(failed->because, so_far, fresh);
  }
  Run* run = std::get_if<Run>(&decision);
  if (run != nullptr) use_credentials(*run, so_far);
  if (open_ || run == nullptr || !changes_anything(*run)) return decision;
  auto opened = doors_.open();
  if (!opened) return GiveUp{std::move(opened).error(), {}};
  open_ = true;
  if (*opened) return look_again(fresh);
  return decision;
}

/// What the run that was cut off did and nobody can undo; whoever looks after the servers must know
/// (REC-33).
void Attempt::add_left(Error& error, const Progress& so_far, const Topology& fresh) const {
  if (earlier_.empty()) return;
  const Instance* failed = fresh.find(work_.failed);
  if (failed != nullptr && made_read_only(earlier_, failed->key, true)) {
    if (!answers(*failed)) {
      error.message += "; " + to_string(failed->key) + " does not answer, and " +
                       (facts_.failed_is_read_only ? "was" : "may have been") +
                       " made read-only before this was cut off: it is left so";
    } else if (failed->server.read_only) {
      error.message += "; " + to_string(failed->key) + " is left read-only";
    }
  }
  for (const std::string& left :
       left_stopped(with_earlier(so_far, Whose::Everybody), so_far, fresh))
    error.message += "; " + left;
}

/// The process that was cut off had read them and kept them to itself; the new master may have
/// forgotten its own.
std::optional<Run> Attempt::read_credentials_again(const Topology& fresh) {
  if (read_again_ || earlier_.empty() || work_.kind != RecoveryKind::GracefulTakeover) {
    return std::nullopt;
  }
  read_again_ = true;
  Run run;
  for (const Instance& instance : fresh.instances()) {
    if (!answers(instance) || instance.key == work_.failed) continue;
    run.steps.push_back({instance.key,
                         ReadCredentials{},
                         "they were lost with the process that had "
                         "read them",
                         {},
                         false});
  }
  if (run.steps.empty()) return std::nullopt;
  return run;
}

/// Another server's, where the one that is named does not know them.
void Attempt::use_credentials(Run& run, const Progress& so_far) const {
  if (!read_again_) return;
  const auto is_read = [](const Action& action) {
    return std::holds_alternative<ReadCredentials>(action);
  };
  for (Step& step : run.steps) {
    if (!step.credentials_from) continue;
    const StepResult* read = latest(so_far, *step.credentials_from, is_read);
    if (read != nullptr && !read->error) continue;
    for (const StepResult& other : so_far.steps) {
      if (is_read(other.step.action) && !other.error) step.credentials_from = other.step.server;
    }
  }
}

Decision Attempt::decide(const Progress& so_far, const Topology& fresh) {
  Progress known = so_far;
  known.facts = facts_;
  remember(known.facts, so_far.facts);
  if (!giving_up_) {
    if (auto objection = journal_.objection()) {
      giving_up_ = std::move(objection);
      journal_.begin_undo();
    }
  }
  if (giving_up_) known.facts.giving_up = giving_up_;
  Progress told = known;
  // Whom it does not move, it leaves as the run that was cut off had found it.
  if (!earlier_.empty()) told.at_start = with_earlier(so_far, Whose::NotMoved).at_start;
  Decision decision = planner_(told, fresh);
  const GiveUp* give_up = std::get_if<GiveUp>(&decision);
  if (give_up != nullptr && !earlier_.empty() && !undone_earlier_) {
    undone_earlier_ = true;
    if (auto undo = undo_earlier(give_up->because, known, fresh)) return *std::move(undo);
    Account left;
    if (auto start = start_left_behind(left, known, fresh)) return *std::move(start);
  }
  auto* done = std::get_if<Done>(&decision);
  if (done != nullptr && !earlier_.empty()) {
    if (auto start = start_left_behind(done->account, known, fresh)) return *std::move(start);
  }
  return decision;
}

/// As if this run had done what the one that was cut off did to those servers.
Progress Attempt::with_earlier(const Progress& so_far, Whose whose) const {
  Replay replayed;
  for (const Instance& server : so_far.at_start.instances()) {
    if (whose == Whose::Everybody || server.replication.source == work_.failed) {
      replayed.before.push_back(server);
    }
  }
  for (const storage::JournalEntry& entry : earlier_)
    replay(entry, replayed);
  std::vector<Instance> all(so_far.at_start.instances().begin(), so_far.at_start.instances().end());
  std::move(replayed.before.begin(), replayed.before.end(), std::back_inserter(all));
  Progress known = so_far;
  known.at_start = Topology(std::move(all));
  known.steps = std::move(replayed.steps);
  known.steps.insert(known.steps.end(), so_far.steps.begin(), so_far.steps.end());
  return known;
}

/// Those that the run that was cut off stopped, and that nobody moved, are started again; who
/// stands still then is named.
std::optional<Decision> Attempt::start_left_behind(Account& account, const Progress& so_far,
                                                   const Topology& fresh) {
  const Progress known = with_earlier(so_far, Whose::NotMoved);
  if (!std::exchange(started_left_, true)) {
    Run run{undo_thread_steps(known, fresh, account.lost), {}};
    if (!run.steps.empty()) return run;
  }
  for (std::string& left : left_stopped(known, so_far, fresh))
    account.notes.push_back(std::move(left));
  return std::nullopt;
}

std::optional<Decision> Attempt::undo_earlier(const Error& because, const Progress& so_far,
                                              const Topology& fresh) {
  const bool past_return =
      std::any_of(earlier_.begin(), earlier_.end(),
                  [](const storage::JournalEntry& entry) { return entry.point_of_no_return; });
  if (past_return) return std::nullopt;
  Progress known = with_earlier(so_far, Whose::Everybody);
  if (known.steps.size() == so_far.steps.size()) return std::nullopt;
  known.facts.giving_up = because;
  giving_up_ = because;
  return planner_(known, fresh);
}

void Attempt::publish_if_it_stands(const Topology& fresh) {
  if (published_ || !open_ || !replaces_master(work_.kind)) return;
  const std::optional<InstanceKey> winner = read_facts(journal_.run()).winner;
  const Instance* master = winner ? fresh.find(*winner) : nullptr;
  if (master == nullptr || !is_writable_top(*master)) return;
  published_ = true;
  doors_.publish(*winner, fresh);
}

}  // namespace orch::ha
