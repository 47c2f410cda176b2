#include "ha/raft/node.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/loop.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// More would stall the loop, and with it the heartbeats.
constexpr std::size_t kLongestCommand = 4U << 20U;
constexpr std::chrono::seconds kChangeLimit{60};
constexpr std::chrono::seconds kFindingLimit{10};
constexpr std::chrono::seconds kSnapshotLimit{60};
/// Whoever asks waits for it, and a node that answers at all does so at once.
constexpr milliseconds kAnswerLimit{1000};
/// A server whose log lacks no more than this has caught up.
constexpr std::uint64_t kNearlyThere = 16;

}  // namespace

Result<> check_settings(const Settings& settings) {
  ORCH_TRY(parse_endpoint(settings.bind));
  ORCH_ASSIGN(const Endpoint own, parse_endpoint(settings.advertise));
  if (own.host.empty() || own.host == "0.0.0.0" || own.host == "::") {
    return fail(ErrorKind::InvalidInput,
                fmt::format("raft: other nodes cannot reach this one at '{}': it must name a host",
                            settings.advertise));
  }
  for (const std::string& peer : settings.peers)
    ORCH_TRY(parse_endpoint(peer));
  if (!settings.peers.empty() && std::find(settings.peers.begin(), settings.peers.end(),
                                           settings.advertise) == settings.peers.end()) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("raft: the list of nodes is without this one, {}", settings.advertise));
  }
  std::vector<std::string> peers = settings.peers;
  std::ranges::sort(peers);
  if (const auto twice = std::ranges::adjacent_find(peers); twice != peers.end()) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("raft: the list of nodes has {} twice", *twice));
  }
  const bool sane = settings.heartbeat >= milliseconds(5) &&
                    settings.election_timeout >= 3 * settings.heartbeat &&
                    settings.election_timeout <= milliseconds(60000);
  if (!sane) {
    return fail(
        ErrorKind::InvalidInput,
        fmt::format("raft: an election timeout of {} ms and a heartbeat of {} ms: the heartbeat "
                    "is 5 ms at least, the timeout 3 heartbeats at least and a minute at most",
                    settings.election_timeout.count(), settings.heartbeat.count()));
  }
  return {};
}

Node::Node(Settings settings, StateMachine& machine)
    : settings_(std::move(settings)), machine_(machine), loop_(std::make_unique<Loop>()) {
  member_ = std::make_unique<Member>(
      *loop_, settings_, machine,
      [this](const std::string& address, std::uint64_t id) { queue_newcomer(address, id); });
}

Result<std::unique_ptr<Node>> Node::start(Settings settings, StateMachine& machine) {
  ORCH_TRY(check_settings(settings));
  // A peer that went away is an error, and no signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Node> node(new Node(std::move(settings), machine));
  auto started = std::make_shared<Answer<>>();
  node->engine_ = std::thread([raw = node.get(), started] { raw->run(started); });
  node->admission_ = std::thread([raw = node.get()] { raw->admit_newcomers(); });
  // No deadline: a large log takes as long as it takes.
  while (true) {
    const auto result = started->wait_until(steady_clock::now() + std::chrono::hours(1));
    if (!result) continue;
    if (!*result) return fail(result->error());
    return node;
  }
}

void Node::run(const SharedAnswer<>& started) {
  auto opened = member_->open();
  if (!opened) member_->close();
  const bool goes_on = opened.has_value();
  if (goes_on) started->give({});
  loop_->run();
  if (!goes_on) started->give(std::move(opened));
}

Node::~Node() {
  {
    const MutexLock lock(mutex_);
    ends_ = true;
  }
  woken_.notify_all();
  if (leading() && status().peers.size() > 1) {
    const auto handed = hand_over("");
    if (!handed) log::info("raft: {}", handed.error().message);
  }
  machine_.wait_no_more();
  loop_->post([this] { member_->close(); });
  if (admission_.joinable()) admission_.join();
  if (engine_.joinable()) engine_.join();
}

template <typename T>
Result<T> Node::call(std::function<void(Member&, const SharedAnswer<T>&)> task,
                     SteadyPoint deadline) const {
  auto answer = std::make_shared<Answer<T>>();
  const bool posted =
      loop_->post([this, task = std::move(task), answer] { task(*member_, answer); });
  if (!posted) return fail(ErrorKind::Unreachable, "this node ends");
  auto result = answer->wait_until(deadline);
  if (result) return std::move(*result);
  const Status own = status();
  return fail(ErrorKind::Unreachable,
              fmt::format("{}: {}", settings_.advertise,
                          own.held_up && !own.trouble.empty()
                              ? own.trouble
                              : "no majority of the nodes answered in time"));
}

std::optional<Term> Node::leading() const {
  return member_->led_term();
}

Status Node::status() const {
  return member_->status();
}

Result<std::string> Node::propose(std::string command, milliseconds limit) {
  if (command.size() > kLongestCommand) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("a command of {} bytes is too long for the log", command.size()));
  }
  auto result = call<std::string>(
      [command = std::move(command)](Member& member, const SharedAnswer<std::string>& answer) {
        member.propose(command, answer);
      },
      steady_clock::now() + limit);
  return result;
}

Result<Term> Node::prove(milliseconds limit) {
  // The answer must be older than no election.
  const milliseconds most = settings_.election_timeout * 3 / 4;
  return call<Term>([](Member& member, const SharedAnswer<Term>& answer) { member.prove(answer); },
                    steady_clock::now() + std::min(limit, most));
}

Result<> Node::hand_over(const std::string& address) {
  const SteadyPoint deadline = steady_clock::now() + 3 * settings_.election_timeout;
  ORCH_TRY(
      call<void>([address](Member& member,
                           const SharedAnswer<>& answer) { member.hand_over(address, answer); },
                 deadline));
  return address == settings_.advertise ? Result<>() : await_leader(address, deadline);
}

/// Whoever asked for it may ask any node next.
Result<> Node::await_leader(const std::string& leader, SteadyPoint deadline) {
  while (true) {
    const std::string elected = leader.empty() ? status().leader : leader;
    std::vector<std::string> unaware;
    if (!elected.empty() && elected != settings_.advertise) {
      unaware = unaware_of(elected, deadline);
      if (unaware.empty()) return {};
    }
    if (steady_clock::now() < deadline && pause()) continue;
    if (unaware.empty()) return fail(ErrorKind::Unreachable, "it is not known who leads now");
    return fail(ErrorKind::Unreachable,
                fmt::format("the leadership was handed to {}, but {} {} not know it as leader yet",
                            elected, join(unaware, ", "), unaware.size() == 1 ? "does" : "do"));
  }
}

std::vector<std::string> Node::unaware_of(const std::string& leader, SteadyPoint deadline) const {
  const Status own = status();
  std::vector<std::pair<std::string, SharedAnswer<std::string>>> asked;
  std::vector<std::string> unaware;
  if (own.leader != leader) unaware.push_back(own.self);
  for (const Peer& peer : own.peers) {
    if (peer.address == own.self) continue;
    auto answer = std::make_shared<Answer<std::string>>();
    const bool posted = loop_->post(
        [this, to = peer.address, answer] { member_->ask(to, std::string(kLeaderKnown), answer); });
    if (posted) asked.emplace_back(peer.address, std::move(answer));
  }
  for (const auto& [address, answer] : asked) {
    const auto known = answer->wait_until(deadline);
    const bool is_silent = !known || !*known;
    // One that is away will learn it when it is back; the new leader itself must be there.
    if (is_silent ? address == leader : **known != leader) unaware.push_back(address);
  }
  return unaware;
}

Result<> Node::yield(milliseconds span) {
  return call<void>(
      [span](Member& member, const SharedAnswer<>& answer) { member.yield(span, answer); },
      steady_clock::now() + settings_.election_timeout);
}

Result<std::string> Node::ask(const std::string& address, const std::string& question) const {
  const SteadyPoint deadline = steady_clock::now() + kAnswerLimit;
  auto answer = std::make_shared<Answer<std::string>>();
  const bool posted = loop_->post([this, address, text = std::string(kProgram) + question, answer] {
    member_->ask(address, text, answer);
  });
  if (!posted) return fail(ErrorKind::Unreachable, "this node ends");
  auto said = answer->wait_until(deadline);
  if (said) return std::move(*said);
  return fail(ErrorKind::Unreachable,
              fmt::format("{} has not answered within {} ms", address, kAnswerLimit.count()));
}

Result<> Node::renew_certificates() {
  return call<void>(
      [](Member& member, const SharedAnswer<>& answer) { member.renew_certificates(answer); },
      steady_clock::now() + kFindingLimit);
}

Result<> Node::take_snapshot() {
  return call<void>(
      [](Member& member, const SharedAnswer<>& answer) { member.take_snapshot(answer); },
      steady_clock::now() + kSnapshotLimit);
}

// Who belongs to the group

std::optional<Server> Node::find(std::uint64_t id) const {
  for (Server& server : member_->servers()) {
    if (server.id == id) return std::move(server);
  }
  return std::nullopt;
}

bool Node::pause() {
  const MutexLock lock(mutex_);
  if (!ends_) woken_.wait_for(mutex_, milliseconds(20));
  return !ends_;
}

/// One step; another one that goes on already is waited for.
Result<> Node::change(const Change& step, SteadyPoint deadline) {
  while (true) {
    auto changed = call<void>(
        [step](Member& member, const SharedAnswer<>& answer) { member.change(step, answer); },
        deadline);
    const bool busy = !changed && changed.error().kind == ErrorKind::Conflict;
    if (!busy || steady_clock::now() > deadline || !pause()) return changed;
  }
}

Result<> Node::promote(std::uint64_t id, SteadyPoint deadline) {
  using Kind = Change::Kind;
  const auto role = [&] {
    const auto server = find(id);
    return server ? server->role : ORCH_RAFT_SPARE;
  };
  if (role() == ORCH_RAFT_SPARE) {
    ORCH_TRY(change({Kind::Assign, id, "", ORCH_RAFT_STANDBY}, deadline));
  }
  // A vote of one that knows nothing would only make a majority harder to get.
  while (true) {
    ORCH_ASSIGN(const std::uint64_t lacks,
                call<std::uint64_t>(
                    [id](Member& member, const SharedAnswer<std::uint64_t>& answer) {
                      member.lag(id, answer);
                    },
                    deadline));
    if (lacks <= kNearlyThere) break;
    if (came_back_as_another(id)) {
      return fail(ErrorKind::Unreachable, "it has lost its log once more, and is another one now");
    }
    if (steady_clock::now() > deadline || !pause()) {
      return fail(ErrorKind::Unreachable, "it does not catch up with the log");
    }
  }
  if (role() == ORCH_RAFT_VOTER) return {};
  return change({Kind::Assign, id, "", ORCH_RAFT_VOTER}, deadline);
}

Result<> Node::check_group(const std::string& address, SteadyPoint deadline) {
  ORCH_ASSIGN(const std::string number,
              call<std::string>(
                  [address](Member& member, const SharedAnswer<std::string>& answer) {
                    member.ask(address, std::string(kGroupKnown), answer);
                  },
                  deadline));
  const std::string own = status().group;
  if (!is_another_group(own, number)) return {};
  return fail(ErrorKind::Refused,
              fmt::format("{} has the log of another group ({}, and this is {}): start it with an "
                          "empty data directory",
                          address, number, own));
}

/// Each step leaves a group that can go on without the node, whether it has died or not; and the
/// address stays listed, so that what was cut off is taken up when the node asks again.
Result<> Node::admit(const std::string& address, std::uint64_t id, SteadyPoint deadline) {
  using Kind = Change::Kind;
  const MutexLock lock(changing_);
  const auto former_lives = [&] {
    std::vector<Server> found;
    for (Server& server : member_->servers()) {
      if (server.id != id && address_in(server.name) == address) found.push_back(std::move(server));
    }
    return found;
  };
  // Nobody loses its vote to one that is not there, or not any more.
  ORCH_ASSIGN(const std::uint64_t there,
              number_at(address, std::min(deadline, steady_clock::now() + kFindingLimit)));
  if (there != id) return fail(ErrorKind::Conflict, "another node is there by now");
  for (const Server& former : former_lives()) {
    if (former.role == ORCH_RAFT_SPARE) continue;
    ORCH_TRY(change({Kind::Assign, former.id, "", ORCH_RAFT_SPARE}, deadline));
  }
  if (!find(id)) {
    ORCH_TRY(change({Kind::Add, id, name_of_life(address, id), ORCH_RAFT_SPARE}, deadline));
  }
  ORCH_TRY(promote(id, deadline));
  for (const Server& former : former_lives()) {
    ORCH_TRY(change({Kind::Remove, former.id, "", ORCH_RAFT_SPARE}, deadline));
  }
  log::info("raft: {} is one of the group", address);
  return {};
}

/// The number under which a node waits to be taken in. It may not have found the group yet.
Result<std::uint64_t> Node::number_at(const std::string& address, SteadyPoint deadline) {
  while (true) {
    ORCH_ASSIGN(const std::string number,
                call<std::string>(
                    [address](Member& member, const SharedAnswer<std::string>& answer) {
                      member.ask(address, std::string(kIdentity), answer);
                    },
                    deadline));
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), id, 16);
    if (error != std::errc() || end != number.data() + number.size()) {
      return fail(ErrorKind::Broken, fmt::format("{} does not tell its number", address));
    }
    if (id != 0) return id;
    if (steady_clock::now() > deadline || !pause()) break;
  }
  return fail(
      ErrorKind::Refused,
      fmt::format("{} has not found the group: its list must name the nodes of it", address));
}

Result<> Node::add(const std::string& address) {
  ORCH_TRY(parse_endpoint(address));
  ORCH_TRY(prove(settings_.election_timeout));
  const SteadyPoint now = steady_clock::now();
  ORCH_ASSIGN(const std::uint64_t id, number_at(address, now + kFindingLimit));
  ORCH_TRY(check_group(address, now + kFindingLimit));
  const auto known = find(id);
  if (known && address_in(known->name) != address) {
    return fail(
        ErrorKind::Refused,
        fmt::format("{} is in the group already, as {}: if that is not where others reach it any "
                    "more, remove that first",
                    address, address_in(known->name)));
  }
  if (id == first_id_of(address) && !known) {
    return fail(
        ErrorKind::Refused,
        fmt::format("{} has a group of its own: start it with this group's nodes in its list, and "
                    "an empty data directory",
                    address));
  }
  return admit(address, id, now + kChangeLimit);
}

Result<> Node::remove(const std::string& address) {
  using Kind = Change::Kind;
  const SteadyPoint deadline = steady_clock::now() + kChangeLimit;
  const MutexLock lock(changing_);
  const std::vector<Server> servers = member_->servers();
  const auto stays = [&](const Server& server) {
    return server.role == ORCH_RAFT_VOTER && address_in(server.name) != address;
  };
  bool found = false;
  for (const Server& server : servers) {
    if (address_in(server.name) != address) continue;
    if (std::ranges::none_of(servers, stays)) {
      return fail(
          ErrorKind::Refused,
          fmt::format("{} is the only node that votes: without it there is no group", address));
    }
    found = true;
    ORCH_TRY(change({Kind::Remove, server.id, "", ORCH_RAFT_SPARE}, deadline));
  }
  if (found) return {};
  return fail(ErrorKind::NotFound, fmt::format("{} is no node of the group", address));
}

bool Node::came_back_as_another(std::uint64_t id) {
  const MutexLock lock(mutex_);
  const auto own = std::ranges::find(newcomers_, id, &Newcomer::id);
  if (own == newcomers_.end()) return false;
  return std::any_of(own + 1, newcomers_.end(),
                     [own](const Newcomer& later) { return later.address == own->address; });
}

void Node::queue_newcomer(const std::string& address, std::uint64_t id) {
  {
    const MutexLock lock(mutex_);
    for (const Newcomer& newcomer : newcomers_) {
      if (newcomer.id == id) return;
    }
    newcomers_.push_back({address, id});
  }
  woken_.notify_all();
}

void Node::admit_newcomers() {
  while (true) {
    Newcomer newcomer;
    {
      const MutexLock lock(mutex_);
      while (newcomers_.empty() && !ends_)
        woken_.wait(mutex_);
      if (ends_) return;
      newcomer = newcomers_.front();
    }
    const SteadyPoint deadline = steady_clock::now() + kChangeLimit;
    auto admitted = check_group(newcomer.address, deadline);
    if (admitted) admitted = admit(newcomer.address, newcomer.id, deadline);
    if (!admitted) {
      log::warning("raft: {} is not taken in yet: {}", newcomer.address, admitted.error().message);
    }
    const MutexLock lock(mutex_);
    newcomers_.pop_front();
  }
}

}  // namespace orch::ha::raft
