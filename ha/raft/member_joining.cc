// How a node without a log finds its group.
//
// A group begins when all nodes of the list say that they have no log, or a majority does and the
// others stay silent for a while: each of them then writes the same first entry. A node that hears
// of a log must not do so: its disk may have been lost, and with it what it voted for and
// acknowledged. It joins as somebody new, under a number of its own, which takes the place of its
// former self.

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

namespace {

constexpr std::string_view kState = "state";
constexpr std::string_view kIdentity = "identity";
constexpr std::string_view kJoin = "join ";
constexpr std::chrono::seconds kJoinEach{1};
/// For how many election timeouts a new group waits for all of its nodes.
constexpr int kPatience = 10;

}  // namespace

Result<> Member::begin_pristine() {
  ORCH_TRY(machine_.reset());
  ORCH_ASSIGN(const auto joined, data_->joined_as());
  if (joined) return open_engine(*joined, {});
  for (const std::string& peer : settings_.peers) {
    if (peer != settings_.advertise) peered_.try_emplace(peer);
  }
  if (peered_.empty()) return open_engine(first_id_of(settings_.advertise), {settings_.advertise});
  asking_since_ = std::chrono::steady_clock::now();
  look_around();
  return {};
}

void Member::look_around() {
  for (auto& [address, peer] : peered_) {
    if (peer.asked) continue;
    peer.asked = true;
    transport_->ask(address, std::string(kState),
                    [this, to = address](const Result<std::string>& answer) {
                      Peered& asked = peered_[to];
                      asked.asked = false;
                      if (answer) asked.has_data = *answer == "data";
                      if (phase_ == Phase::Asking) decide();
                    });
  }
}

void Member::decide() {
  std::size_t fresh = 1;
  std::vector<std::string> silent;
  for (const auto& [address, peer] : peered_) {
    if (!peer.has_data) {
      silent.push_back(address);
    } else if (*peer.has_data) {
      return become_newcomer();
    } else {
      ++fresh;
    }
  }
  const bool waited =
      std::chrono::steady_clock::now() - asking_since_ > kPatience * settings_.election_timeout;
  if (silent.empty() || (waited && fresh > settings_.peers.size() / 2)) {
    peered_.clear();
    // In one order on all nodes.
    std::vector<std::string> founders = settings_.peers;
    std::sort(founders.begin(), founders.end());
    const auto opened = open_engine(first_id_of(settings_.advertise), founders);
    if (!opened) break_down(opened.error().message);
    return;
  }
  const MutexLock lock(mutex_);
  status_.trouble =
      "waits for the other nodes to begin a group: no answer from " + join(silent, ", ");
}

void Member::become_newcomer() {
  peered_.clear();
  log::warning("raft: the group of {} has a log, and this node has none: it joins as a new one",
               settings_.advertise);
  const auto joined = [this]() -> Result<> {
    ORCH_ASSIGN(const std::uint64_t id, fresh_id());
    ORCH_TRY(data_->write_joined_as(id));
    return open_engine(id, {});
  }();
  if (!joined) break_down(joined.error().message);
}

/// As long as the group's list, as far as this node knows it, is without this node.
void Member::ask_to_join() {
  const SteadyPoint now = std::chrono::steady_clock::now();
  if (now - last_join_request_ < kJoinEach) return;
  for (const Server& server : read_servers()) {
    if (server.id == id_) return;
  }
  last_join_request_ = now;
  for (const std::string& peer : settings_.peers) {
    if (peer == settings_.advertise) continue;
    transport_->ask(peer, fmt::format("{}{:016x} {}", kJoin, id_, settings_.advertise),
                    [peer](const Result<std::string>& answer) {
                      log::debug("raft: asked {} to be taken in: {}", peer,
                                 answer ? *answer : answer.error().message);
                    });
  }
}

std::string Member::on_question(std::string_view question) {
  if (phase_ == Phase::Closing) return "ends";
  const bool runs = phase_ == Phase::Running;
  if (question == kState) {
    return runs && ::orch_raft_view(engine_).last > 1 ? "data" : "fresh";
  }
  if (question == kIdentity) return fmt::format("{:016x}", runs ? id_ : 0);
  if (question.rfind(kJoin, 0) == 0) return on_join_request(question.substr(kJoin.size()));
  return "unknown question";
}

std::string Member::on_join_request(std::string_view rest) {
  if (phase_ != Phase::Running || !active_) return "does not lead";
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return "no such request";
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + space, id, 16);
  if (error != std::errc() || end != rest.data() + space || id == 0) return "no such request";
  const std::string address(rest.substr(space + 1));
  bool known = false;
  for (const Server& server : read_servers()) {
    if (server.id == id && server.role == ORCH_RAFT_VOTER) return "is one of the group";
    known |= address_in(server.name) == address;
  }
  // Nobody comes in just by knocking.
  if (!known) return fmt::format("{} is to be added first", address);
  joining_(address, id);
  return "will be taken in";
}

}  // namespace orch::ha::raft
