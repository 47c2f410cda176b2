// What a member looks at all the time: whether it leads, and whether it should.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// For how long the log may take to reach the disk before the disk counts as broken.
constexpr std::chrono::seconds kSlowDisk{5};
constexpr std::chrono::seconds kLookEach{1};
/// How many election timeouts may pass without a leader before that is worth a word.
constexpr int kLeaderless = 10;

/// Between two looks of the engine's thread; for so long it may take for new what is older.
milliseconds pause_allowed(const Settings& settings) {
  return std::max(settings.election_timeout / 4, settings.heartbeat * 3 / 2);
}

}  // namespace

bool Member::should_not_lead() const {
  if (!trouble_.empty() || !broken_.empty()) return true;
  return steady_clock::now() < yields_until_ && !is_only_voter();
}

/// Runs before the loop waits, so that no change is missed.
void Member::observe() {
  if (phase_ != Phase::Running) return;
  const OrchRaftView view = ::orch_raft_view(engine_);
  const bool leads = view.leads != 0;
  notice_stall();
  if (leads != seen_leading_ || view.term != seen_term_) {
    led_term_ = 0;
    active_ = proving_ = stalled_ = false;
    lacking_.clear();
    if (leads || seen_leading_) {
      log::info("raft: {} {} in term {}", settings_.advertise,
                leads ? "was elected" : "does not lead any more", view.term);
    }
    seen_leading_ = leads;
    seen_term_ = view.term;
    if (leads) prove_lead(view.term);
  }
  if (!active_ || should_not_lead()) {
    led_term_ = 0;
  } else if (!stalled_) {
    // The others wait for at least the whole time before they elect another. libuv's clock is the
    // steady one, in milliseconds.
    const milliseconds all = settings_.election_timeout;
    const nanoseconds by_contact = milliseconds(view.contact) + all - pause_allowed(settings_);
    const nanoseconds by_loop = steady_clock::now().time_since_epoch() + all / 2;
    led_until_ = std::min(by_contact, by_loop).count();
    led_term_ = view.term;
  }
  publish(view);
}

/// Answers that wait from before a pause look as if they came now: to the engine, too, which then
/// says that a majority has just answered. A process may be stopped for any time.
void Member::notice_stall() {
  const SteadyPoint now = steady_clock::now();
  const bool stood_still =
      observed_at_ != SteadyPoint{} && now - observed_at_ > pause_allowed(settings_);
  observed_at_ = now;
  if (!stood_still) return;
  stalled_ = true;
  disk_fine_at_ = now;  // of the disk, too, there is no news
  ++proof_;             // what is being proven now was asked before
  proving_ = false;
}

/// What a new leader's predecessors had agreed on is only known when something of its own term is.
void Member::prove_lead(Term term) {
  proving_ = true;
  submit([this](std::uint64_t ticket) { return ::orch_raft_barrier(engine_, ticket); },
         [this, term, proof = ++proof_](int status) {
           if (term != seen_term_ || !seen_leading_ || proof != proof_) return;
           proving_ = false;
           if (status != 0) return;
           active_ = true;
           stalled_ = false;
         });
}

void Member::tick() {
  if (phase_ == Phase::Asking) return look_around();
  if (phase_ != Phase::Running) return;
  notice_stall();
  const OrchRaftView view = ::orch_raft_view(engine_);
  look_for_trouble(view);
  if (view.leads != 0 && (!active_ || stalled_) && !proving_ && view.term == seen_term_)
    prove_lead(view.term);
  const bool unfit = should_not_lead();
  ::orch_raft_abstain(engine_, unfit ? 1 : 0);
  if (unfit && view.leads != 0) leave_leadership();
  if (!unfit) compare_logs(view);
  hand_over_snapshot();
  if (!snapshot_waiters_.empty() && !takes_snapshot_ && ++snapshot_ticks_ > 3) {
    // Nothing has happened since the last one.
    ::orch_raft_snapshot_after(engine_, settings_.snapshot_after);
    for (const auto& waiter : std::exchange(snapshot_waiters_, {}))
      waiter->give({});
  }
  ask_to_join();
  observe();
}

void Member::look_for_trouble(const OrchRaftView& view) {
  const SteadyPoint now = steady_clock::now();
  if (view.has_no_room == 0 && view.stored == view.last) disk_fine_at_ = now;
  if (now - last_look_ < kLookEach) return;
  last_look_ = now;
  std::string trouble;
  const auto room = data_->free_bytes();
  if (room && *room < settings_.least_free_bytes) {
    trouble = fmt::format("only {} MiB are free at {}", *room >> 20U, settings_.data_dir);
  } else if (now - disk_fine_at_ > kSlowDisk) {
    trouble = fmt::format("{} takes no entries of the log", settings_.data_dir);
  }
  if (trouble.empty() != trouble_.empty()) {
    if (trouble.empty()) {
      log::info("raft: {} is well again", settings_.advertise);
    } else {
      log::error("raft: {} does not lead as long as {}", settings_.advertise, trouble);
    }
  }
  trouble_ = trouble;
}

/// To the first one that votes and says that it could lead. Among several that should not,
/// leadership would go round for ever, and raise the term each time. One of an earlier version
/// knows nothing of the question.
void Member::leave_leadership() {
  const SteadyPoint now = steady_clock::now();
  if (handing_over_ || now - last_leave_ < settings_.election_timeout) return;
  last_leave_ = now;
  for (const Server& server : read_servers()) {
    if (server.role != ORCH_RAFT_VOTER || server.id == id_) continue;
    transport_->ask(std::string(address_in(server.name)), std::string(kCouldLead),
                    [this, heir = server.id, term = seen_term_](const Result<std::string>& answer) {
                      if (!answer || *answer == kCannotLead || term != seen_term_) return;
                      if (phase_ == Phase::Running) hand_over_to(heir);
                    });
  }
}

void Member::hand_over_to(std::uint64_t heir) {
  if (!handing_over_ && seen_leading_ && should_not_lead()) transfer_to(heir);
}

void Member::transfer_to(std::uint64_t heir) {
  handing_over_ = true;
  submit([&](std::uint64_t ticket) { return ::orch_raft_transfer(engine_, heir, ticket); },
         [this](int) { handing_over_ = false; });
}

std::vector<Server> Member::read_servers() const {
  std::vector<Server> servers;
  const unsigned count = ::orch_raft_view(engine_).servers;
  for (unsigned i = 0; i < count; ++i) {
    const OrchRaftServer server = ::orch_raft_server(engine_, i);
    servers.push_back({server.id, server.address, server.role});
  }
  return servers;
}

bool Member::is_only_voter() const {
  const unsigned count = ::orch_raft_view(engine_).servers;
  for (unsigned i = 0; i < count; ++i) {
    const OrchRaftServer server = ::orch_raft_server(engine_, i);
    if (server.id != id_ && server.role == ORCH_RAFT_VOTER) return false;
  }
  return true;
}

std::string Member::name_of(std::uint64_t id) const {
  if (id == 0) return "";
  for (const Server& server : read_servers()) {
    if (server.id == id) return std::string(address_in(server.name));
  }
  return "";
}

void Member::publish(const OrchRaftView& view) {
  std::vector<Server> servers = read_servers();
  Status status;
  status.self = settings_.advertise;
  status.state = view.leads != 0 ? "Leader" : view.candidate != 0 ? "Candidate" : "Follower";
  status.leader = name_of(view.leader);
  status.term = view.term;
  status.committed = view.committed;
  status.applied = view.applied;
  status.group = group_;
  bool member = false;
  for (const Server& server : servers) {
    member |= server.id == id_ && server.role == ORCH_RAFT_VOTER;
    // A former life of a node stays listed until the new one has caught up.
    if (server.role == ORCH_RAFT_SPARE) continue;
    status.peers.push_back({std::string(address_in(server.name)), server.role == ORCH_RAFT_VOTER});
  }
  status.trouble = !broken_.empty()    ? broken_
                   : !trouble_.empty() ? trouble_
                   : view.last < lost_until_
                       ? "has lost the end of its log, and waits for a leader to fill it in"
                   : !outside_.empty() ? outside_
                   : !member           ? "has no vote in the group; asks its nodes to be taken in"
                   : view.leader == 0  ? leaderless_text()
                                       : "";
  const MutexLock lock(mutex_);
  status_ = std::move(status);
  published_at_ = steady_clock::now();
  servers_ = std::move(servers);
}

/// For a member that nobody has led for long, in which time several elections would have gone by.
std::string Member::leaderless_text() const {
  if (leader_known_at_ == SteadyPoint{}) return "";
  const auto span = steady_clock::now() - leader_known_at_;
  if (span < kLeaderless * settings_.election_timeout + 2 * kLookEach) return "";
  return fmt::format(
      "has heard of no leader for {} s: more than half of the nodes that vote must run ('orch raft "
      "recover' tells what is left when they are lost for good)",
      std::chrono::duration_cast<std::chrono::seconds>(span).count());
}

std::optional<Term> Member::led_term() const {
  const Term term = led_term_;
  if (term == 0) return std::nullopt;
  if (steady_clock::now().time_since_epoch().count() >= led_until_) return std::nullopt;
  // Both are of one moment only if the term is the same still.
  return led_term_ == term ? std::optional<Term>(term) : std::nullopt;
}

Status Member::status() const {
  SteadyPoint published_at;
  Status status = [&] {
    const MutexLock lock(mutex_);
    published_at = published_at_;
    return status_;
  }();
  // A thread that is held up hears nothing of the others, who may have another leader by now.
  const auto age = steady_clock::now() - published_at;
  status.held_up = published_at != SteadyPoint{} && age > settings_.election_timeout;
  const bool hears_nobody = status.state == "Follower" && !status.leader.empty() && status.held_up;
  // The engine says that it leads for an election timeout after the others have gone, and before
  // the first entry of its term: `leader-check` does not, and the two must not contradict.
  const bool leads_no_more = status.state == "Leader" && !led_term();
  if (hears_nobody || leads_no_more) {
    status.state = "Candidate";
    status.leader.clear();
  }
  if (status.held_up && status.state == "Candidate") {
    const std::string why = machine_.waits_for();
    status.trouble = fmt::format("has been held up for {} ms{}",
                                 std::chrono::duration_cast<milliseconds>(age).count(),
                                 why.empty() ? ", by its backend or its disk" : ": " + why);
  }
  return status;
}

std::vector<Server> Member::servers() const {
  const MutexLock lock(mutex_);
  return servers_;
}

}  // namespace orch::ha::raft
