#include "cmd/serve/service.h"

// Among whom this node takes its place, and by what means.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "cmd/command/raft.h"
#include "cmd/serve/second_opinion.h"
#include "cmd/version.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/lease_coordination.h"
#include "ha/raft/node.h"
#include "ha/raft/raft_coordination.h"
#include "storage/lease_store.h"
#include "storage/open.h"

namespace orch::cmd {

namespace {

/// Others to ask whether they see what this node sees.
constexpr std::size_t kFewestToAsk = 2;
constexpr std::chrono::milliseconds kAgreePatience{3000};
constexpr std::size_t kSample = 5;

}  // namespace

Result<> Service::take_place() {
  if (config().raft.raft_enabled) return join_group();
  coordination_ = std::make_unique<ha::LeaseCoordination>(
      *database_, *lease_database_,
      ha::Lease::Settings{.self = self_, .duration = config().service.lease_milliseconds}, leads_);
  return {};
}

Result<> Service::join_group() {
  const RaftSettings& raft = config().raft;
  const storage::OpenOptions open{.version = fmt::format("orch-{}", version())};
  ORCH_ASSIGN(snapshot_database_, storage::open_backend(config().backend, open, clock_));
  decisions_ = std::make_unique<ha::raft::State>(
      *lease_database_, clock_,
      [this](const std::set<InstanceKey>& keys) {
        const MutexLock lock(mutex_);
        forgotten_.insert(keys.begin(), keys.end());
      },
      ha::raft::State::kPatience, snapshot_database_.get());
  // Of a time without raft: an epoch that no term of the group may be compared with.
  ORCH_TRY(storage::LeaseStore(*database_).forget());
  ha::raft::Settings settings = raft_settings(raft);
  settings.broken = [this](const std::string& why) {
    break_down(why);
  };
  settings.answer = [this](std::string_view question) -> std::string {
    if (question == kHostName) return self_.hostname;
    if (question == kIsWell) return std::string(is_well() ? kWell : "");
    const MutexLock lock(questions_mutex_);
    return questioned_ == nullptr ? std::string() : answer_question(*questioned_, question);
  };
  settings.busy = [this] {
    const MutexLock lock(questions_mutex_);
    return questioned_ != nullptr && recovers();
  };
  ORCH_ASSIGN(node_, ha::raft::Node::start(std::move(settings), *decisions_));
  asked_node_ = node_.get();
  coordination_ = std::make_unique<ha::raft::RaftCoordination>(
      *database_, *node_,
      ha::raft::RaftCoordination::Settings{
          .election_timeout = raft.raft_election_timeout_milliseconds,
          .heartbeat = raft.raft_heartbeat_milliseconds});
  return {};
}

/// Whether the others may count on it: one that could not lead is of no use when it has to.
bool Service::is_well() const {
  const ha::raft::Group* const node = asked_node_;
  return unwell_for() < ha::kUnwell && (node == nullptr || node->status().trouble.empty());
}

/// FailureDetectionQuorum: by itself with three nodes.
bool Service::asks_others() const {
  const std::string quorum = to_lower(config().raft.failure_detection_quorum);
  const std::size_t others = coordination_->others().size();
  return quorum != "off" && (quorum.empty() ? others >= kFewestToAsk : others > 0);
}

/// What this node sees with its own eyes needs no other's; that it sees nothing does (HA-15).
Result<> Service::others_agree(const Analysis& analysis) {
  if (analysis.facts.reachable || !asks_others()) return {};
  return agree_on_death(
      analysis.key, coordination_->others(),
      [this](const auto& node, const auto& question) { return coordination_->ask(node, question); },
      kAgreePatience);
}

/// Beside the requests: one that does not answer must not hold them up.
void Service::look_after_members(bool leads) {
  std::vector<std::string> healthy;
  if (leads && coordination_->group() != nullptr)
    healthy = cmd::healthy_members(*coordination_->group());
  const MutexLock lock(mutex_);
  healthy_ = std::move(healthy);
}

std::vector<std::string> Service::healthy_members() const {
  const MutexLock lock(mutex_);
  return healthy_;
}

Result<Neighbours> Service::read_neighbours() const {
  Neighbours found;
  ORCH_ASSIGN(found.leader, coordination_->leader());
  if (const ha::raft::Group* group = coordination_->group(); group != nullptr)
    found.leader_url = raft_status_json(*asked_, *group)["LeaderURI"].get<std::string>();
  ORCH_ASSIGN(found.nodes, asked_->store<storage::NodeStore>().list_active());
  return found;
}

/// A leader that the network has cut off from most servers, but not from the other nodes, heals
/// nothing: one of those takes its place.
void Service::give_way_if_blind(const EngineFigures& figures) {
  if (figures.dead_servers < 2 || 2 * figures.dead_servers <= figures.servers) return;
  if (chores_.waiting() + chores_.running() > 0) return;  // it is asked again soon
  beside([this] { give_way(engine_->unreached(kSample)); });
}

bool Service::give_way(std::vector<InstanceKey> unseen) {
  if (!asks_others()) return false;
  unseen.resize(std::min(unseen.size(), kSample));
  const auto better =
      who_reaches(unseen, coordination_->others(), [this](const auto& node, const auto& question) {
        return coordination_->ask(node, question);
      });
  if (!better) return false;
  std::vector<std::string> names;
  for (const InstanceKey& key : unseen)
    names.push_back(to_string(key));
  log::warning("this node does not reach {}, and most other nodes do: {} is to lead",
               fmt::join(names, ", "), *better);
  const Result<> handed = coordination_->group()->hand_over(*better);
  note_problem(handed, "leadership");
  return handed.has_value();
}

/// What the group forgot must not be written again by what was read of it. A node that leads has
/// seen to that before it asked for it.
void Service::let_go_of_forgotten() {
  std::set<InstanceKey> keys;
  {
    const MutexLock lock(mutex_);
    keys.swap(forgotten_);
  }
  if (keys.empty() || leading()) return;
  let_go(keys);
  for (const InstanceKey& key : keys) {
    const auto forgotten = own_->instances().forget(key);
    if (!forgotten) log::error("backend: {}", forgotten.error().message);
  }
}

/// The main thread waits for signals.
void Service::break_down(const std::string& why) {
  log::write(LogLevel::Fatal, why);
  {
    const MutexLock lock(mutex_);
    broken_ = why;
  }
  ::kill(::getpid(), SIGTERM);
}

std::optional<std::string> Service::broken() const {
  const MutexLock lock(mutex_);
  return broken_;
}

}  // namespace orch::cmd
