// How a node without a log finds its group: founding.h says when it begins one.

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/founding.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

namespace {

constexpr std::string_view kState = "state";
constexpr std::string_view kHasLog = "data";
constexpr std::string_view kHasNone = "fresh";
constexpr std::string_view kJoin = "join ";
/// A question: the number of that process, which two that run the same log do not share.
constexpr std::string_view kProcess = "process";
constexpr std::string_view kNotForEverybody = "is not for everybody";
constexpr std::string_view kToBeAdded = " is to be added first";
constexpr std::string_view kElsewhere = " is in the group as ";
constexpr std::chrono::seconds kJoinEach{1};
/// For how many election timeouts a node hears of no leader before it asks whether it still
/// belongs.
constexpr int kPatience = 10;
/// For how many a node that is alone on its list hears first whether others want it: they try four
/// times in each.
constexpr int kListens = 2;
/// How many of those that its list does not name a node believes that they want it: without a
/// secret, strangers may name as many as they like.
constexpr std::size_t kMostWanted = 16;

/// Of a node or a group.
bool is_number(std::string_view answer) {
  return answer.size() == 16 &&
         answer.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_another_group(std::string_view own, std::string_view answer) {
  // One of an earlier version does not know the question.
  return is_number(answer) && !own.empty() && answer != own;
}

Result<> Member::begin_pristine() {
  ORCH_ASSIGN(const auto joined, data_->joined_as());
  // Its log may have been lost since, and with it what it voted for under that number.
  if (joined) return join_anew();
  for (const std::string& peer : settings_.peers) {
    if (peer != settings_.advertise) peered_.try_emplace(peer);
  }
  listens_until_ = std::chrono::steady_clock::now() + kListens * settings_.election_timeout;
  look_around();
  return {};
}

/// A list may lack those that this node belonged to when it still had its log. Those that live want
/// to speak with it all the time, under the number that it had: then it asks them, too.
void Member::notice_wanted(const std::string& address) {
  if (phase_ != Phase::Asking || address == settings_.advertise || !parse_endpoint(address)) return;
  const bool is_named = std::ranges::find(settings_.peers, address) != settings_.peers.end();
  if (is_named || wanted_by_.size() >= kMostWanted) return;
  if (wanted_by_.insert(address).second && peered_.try_emplace(address).second) {
    log::warning("raft: {} takes {} for a node of its group, which RaftNodes does not say", address,
                 settings_.advertise);
  }
}

void Member::look_around() {
  if (peered_.empty()) return decide();
  for (auto& [address, peer] : peered_) {
    if (peer.asked) continue;
    peer.asked = true;
    transport_->ask(address, std::string(kState),
                    [this, to = address](const Result<std::string>& answer) {
                      Peered& asked = peered_[to];
                      asked.asked = false;
                      asked.has_data.reset();
                      asked.problem = answer ? "" : answer.error().message;
                      if (answer && *answer == kHasLog) asked.has_data = true;
                      if (answer && *answer == kHasNone) asked.has_data = false;
                      if (phase_ == Phase::Asking) decide();
                    });
  }
}

void Member::decide() {
  const bool alone = peered_.empty();
  if (alone && std::chrono::steady_clock::now() < listens_until_) return;
  Neighbourhood seen{1 + peered_.size(), 1, 0};
  std::vector<std::string> silent;
  std::vector<std::string> problems;
  for (const auto& [address, peer] : peered_) {
    if (!peer.has_data) {
      silent.push_back(address);
      if (!peer.problem.empty()) problems.push_back(peer.problem);
    } else {
      ++(*peer.has_data ? seen.with_log : seen.fresh);
    }
  }
  switch (how_to_begin(seen)) {
    case Founding::Join:
      return become_newcomer();
    case Founding::Begin:
      return begin_group();
    case Founding::Wait:
      break;
  }
  const std::string waits = fmt::format(
      "waits for the other nodes to begin a group: no answer from {}{}; take out of RaftNodes, "
      "on all nodes, what is not to come",
      join(silent, ", "), problems.empty() ? "" : fmt::format(" ({})", join(problems, "; ")));
  if (std::exchange(waits_for_, silent) != silent)
    log::info("raft: {} {}", settings_.advertise, waits);
  const MutexLock lock(mutex_);
  status_.trouble = waits;
}

void Member::begin_group() {
  peered_.clear();
  // In one order on all nodes.
  std::vector<std::string> founders = settings_.peers;
  if (founders.empty()) founders = {settings_.advertise};
  std::sort(founders.begin(), founders.end());
  if (founders.size() == 1) {
    log::info("raft: {} begins a group of its own: its list names no other, and none wants it",
              settings_.advertise);
  }
  const auto opened = open_engine(first_id_of(settings_.advertise), founders);
  if (!opened) break_down(opened.error().message);
}

void Member::become_newcomer() {
  peered_.clear();
  log::warning("raft: the group of {} has a log, and this node has none: it joins as a new one",
               settings_.advertise);
  const auto joined = join_anew();
  if (!joined) break_down(joined.error().message);
}

Result<> Member::join_anew() {
  ORCH_ASSIGN(const std::uint64_t id, fresh_id());
  ORCH_TRY(data_->write_joined_as(id));
  return open_engine(id, {});
}

/// As long as this node has no vote, as far as it knows: a leader may have gone while it took it
/// in. And when it hears of no leader: one that was removed meanwhile is told nothing any more.
void Member::ask_to_join() {
  const SteadyPoint now = std::chrono::steady_clock::now();
  if (now - last_join_request_ < kJoinEach) return;
  const std::vector<Server> servers = read_servers();
  const bool votes = std::ranges::any_of(servers, [this](const Server& server) {
    return server.id == id_ && server.role == ORCH_RAFT_VOTER;
  });
  if (leader_known_at_ == SteadyPoint{}) leader_known_at_ = now;
  if (votes && ::orch_raft_view(engine_).leader != 0) {
    leader_known_at_ = now;
    outside_.clear();
  }
  if (votes && !hears_of_no_leader()) return;
  last_join_request_ = now;
  look_for_namesake();
  for (const std::string& peer : known_addresses()) {
    if (peer == settings_.advertise) continue;
    if (group_.empty()) {
      ask_to_be_taken_in(peer);
      continue;
    }
    transport_->ask(peer, std::string(kGroupKnown), [this, peer](const auto& answer) {
      if (!answer || phase_ != Phase::Running) return;
      if (is_another_group(group_, *answer)) return notice_another_group(peer, *answer);
      ask_to_be_taken_in(peer);
    });
  }
}

/// For so long that it may have been left out.
bool Member::hears_of_no_leader() const {
  return leader_known_at_ != SteadyPoint{} && std::chrono::steady_clock::now() - leader_known_at_ >=
                                                  kPatience * settings_.election_timeout;
}

/// Those of the list, and those it knew when it still heard of them.
std::set<std::string> Member::known_addresses() const {
  std::set<std::string> known(settings_.peers.begin(), settings_.peers.end());
  known.insert(wanted_by_.begin(), wanted_by_.end());
  if (phase_ != Phase::Running) return known;
  for (const Server& server : read_servers())
    known.emplace(address_in(server.name));
  return known;
}

/// A copy of a node, or one that was given its address by mistake: others hear of it, and reach the
/// one that is there.
void Member::look_for_namesake() {
  transport_->ask(settings_.advertise, std::string(kProcess), [this](const auto& number) {
    // One that is not reached may still be where the others reach it.
    if (!number || !is_number(*number) || phase_ != Phase::Running) return;
    if (*number == fmt::format("{:016x}", proposer_)) return;
    const std::string why = fmt::format(
        "another node answers at {}: no two may have the same RaftAdvertise, and a copy of a node "
        "needs an empty RaftDataDir, too",
        settings_.advertise);
    if (why != outside_) log::error("raft: {}", why);
    outside_ = why;
  });
}

void Member::ask_to_be_taken_in(const std::string& peer) {
  transport_->ask(peer, fmt::format("{}{:016x} {}", kJoin, id_, settings_.advertise),
                  [this, peer](const Result<std::string>& answer) {
                    log::debug("raft: asked {} to be taken in: {}", peer,
                               answer ? *answer : answer.error().message);
                    if (answer) stay_outside(peer, *answer);
                  });
}

void Member::learn_group() {
  const auto number = machine_.group_number();
  if (!number || *number == group_) return;
  group_ = *number;
  transport_->belong_to(group_);
}

/// Two groups at the same addresses, or a disk of another one: what they hold has nothing to do
/// with each other.
void Member::notice_another_group(const std::string& address, const std::string& number) {
  const std::string why = fmt::format(
      "is of group {}, and {} of group {}: they do not speak with each other; the one "
      "that is wrong here needs an empty RaftDataDir, or another list of nodes",
      group_, address, printable(number));
  if (std::exchange(strangers_[address], number) != number)
    log::error("raft: {} {}", settings_.advertise, why);
  if (::orch_raft_view(engine_).leader == 0) outside_ = why;
}

/// What to do about it depends on the log that this node has: a founder's number is its address.
void Member::stay_outside(const std::string& leader, std::string_view answer) {
  const std::string& self = settings_.advertise;
  std::string why;
  if (answer.ends_with(kToBeAdded)) {
    why = fmt::format(
        "is not in the group, says {}, which leads it: {}'orch raft add {}' there "
        "takes it in",
        leader, id_ == first_id_of(self) ? "with an empty RaftDataDir, " : "", self);
  } else if (const std::size_t at = answer.find(kElsewhere); at != std::string_view::npos) {
    const std::string known = printable(answer.substr(at + kElsewhere.size()));
    why = fmt::format(
        "is in the group as {0}, says {1}, which leads it: 'orch raft remove {0}' and "
        "'orch raft add {2}' there tell it of the new address",
        known, leader, self);
  } else {
    return;
  }
  if (why != outside_) log::error("raft: {} {}", self, why);
  outside_ = std::move(why);
}

std::string Member::on_question(std::string_view question, const Transport::Asker& asker) {
  if (phase_ == Phase::Closing) return "ends";
  const bool runs = phase_ == Phase::Running;
  if (question == kState) {
    return std::string(runs && ::orch_raft_view(engine_).last > 1 ? kHasLog : kHasNone);
  }
  if (question.rfind(kJoin, 0) == 0) return on_join_request(question.substr(kJoin.size()), asker);
  // Who is yet to join asks no more than that.
  if (!asker.known) return std::string(kNotForEverybody);
  if (question == kGroupKnown) return group_;
  if (question == kProcess) return fmt::format("{:016x}", proposer_);
  if (question == kLeaderKnown) return status().leader;
  if (question == kCouldLead) return std::string(should_not_lead() ? kCannotLead : "yes");
  if (question == kIdentity) return fmt::format("{:016x}", runs ? id_ : 0);
  if (question.starts_with(kLogEnd)) return on_log_question(question.substr(kLogEnd.size()));
  if (question.rfind(kProgram, 0) == 0 && settings_.answer) {
    return settings_.answer(question.substr(kProgram.size()));
  }
  return "unknown question";
}

std::string Member::on_join_request(std::string_view rest, const Transport::Asker& asker) {
  if (phase_ != Phase::Running || !active_ || settings_.recovers) return "does not lead";
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return "no such request";
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + space, id, 16);
  if (error != std::errc() || end != rest.data() + space || id == 0) return "no such request";
  const std::string address(rest.substr(space + 1));
  if (!asker.is_at(address)) return std::string(kNotForEverybody);
  bool known = false;
  for (const Server& server : read_servers()) {
    if (server.id == id && server.role == ORCH_RAFT_VOTER) {
      const std::string_view there = address_in(server.name);
      if (there == address) return "is one of the group";
      return fmt::format("{}{}{}", address, kElsewhere, there);
    }
    known |= address_in(server.name) == address;
  }
  // Nobody comes in just by knocking.
  if (!known) return address + std::string(kToBeAdded);
  ask_back(address, id);
  return "will be taken in";
}

/// Without certificates anybody may name any address, and by mistake two may have one: the node
/// that is reached there tells whether it is the one that asks.
void Member::ask_back(const std::string& address, std::uint64_t id) {
  if (!asked_back_.insert(address).second) return;
  transport_->ask(address, std::string(kIdentity), [this, address, id](const auto& number) {
    asked_back_.erase(address);
    if (phase_ != Phase::Running || !active_) return;
    if (number && *number == fmt::format("{:016x}", id)) {
      claimed_.erase(address);
      return joining_(address, id);
    }
    const std::string why = !number ? number.error().message
                            : is_number(*number)
                                ? fmt::format(
                                      "another node than the one that asks is there, {}: no "
                                      "two may have that as RaftAdvertise",
                                      *number)
                                : "its node does not tell its number: " + printable(*number);
    if (std::exchange(claimed_[address], why) != why)
      log::warning("raft: {} is not taken in: {}", address, why);
  });
}

}  // namespace orch::ha::raft
