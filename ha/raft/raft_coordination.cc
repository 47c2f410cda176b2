#include "ha/raft/raft_coordination.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "ha/raft/endpoint.h"
#include "ha/raft/state.h"
#include "storage/statements.h"

namespace orch::ha::raft {

namespace {

using std::chrono::milliseconds;

/// For a command to be agreed on and carried out: more than an election takes.
constexpr int kCommandPatience = 5;
/// For how many election timeouts an unwell node stays behind the others.
constexpr int kYieldFor = 5;

}  // namespace

std::optional<Term> ProvenLeadership::proven() const {
  if (!leading()) return std::nullopt;
  const Result<Term> term = group_.prove(limit_);
  return term ? std::optional<Term>(*term) : std::nullopt;
}

std::optional<Term> InQuorum::leading() const {
  const Status status = group_.status();
  // A leader that hears nothing of a majority still calls itself so for a while.
  if (status.state == "Leader") return group_.leading();
  if (status.state != "Follower" || status.leader.empty()) return std::nullopt;
  return status.term;
}

Result<> number_group(storage::Database& shared) {
  ORCH_ASSIGN(const std::uint64_t number, fresh_id());
  ORCH_TRY(storage::add_row(shared, "orch_raft_node", {"address", "url"},
                            {std::string(kGroupRow), fmt::format("{:016x}", number)}));
  return {};
}

Result<> renumber_group(storage::Database& shared) {
  ORCH_ASSIGN(const std::uint64_t number, fresh_id());
  return storage::save_rows(shared, "orch_raft_node", {"address"}, {"address", "url"},
                            {{std::string(kGroupRow), fmt::format("{:016x}", number)}});
}

Result<std::map<std::string, std::string>> urls_of_nodes(storage::Database& own) {
  std::map<std::string, std::string> urls;
  ORCH_TRY(own.select("select address, url from orch_raft_node where address <> ?",
                      {std::string(kGroupRow)},
                      [&urls](const storage::Row& row) { urls[row.text(0)] = row.text(1); }));
  return urls;
}

RaftCoordination::RaftCoordination(storage::Database& own, Group& group, const Settings& settings)
    : own_(own),
      group_(group),
      settings_(settings),
      shared_(own, group, settings.election_timeout * kCommandPatience),
      // A leader that hears nothing for as long as that is one no more.
      leadership_(group, settings.election_timeout - settings.heartbeat),
      in_quorum_(group) {}

Result<std::string> RaftCoordination::url_of(const std::string& address) const {
  ORCH_ASSIGN(
      std::optional<std::string> url,
      storage::select_text(own_, "select url from orch_raft_node where address = ?", {address}));
  return std::move(url).value_or("");
}

std::optional<std::string> RaftCoordination::answers_elsewhere() const {
  if (group_.leading()) return std::nullopt;
  const Status status = group_.status();
  if (status.leader.empty() || status.leader == status.self) return "";
  return url_of(status.leader).value_or("");
}

Result<std::optional<Leader>> RaftCoordination::leader() const {
  const Status status = group_.status();
  if (status.leader.empty()) return std::optional<Leader>();
  return std::optional<Leader>({.node = {status.leader, ""}});
}

std::vector<std::string> RaftCoordination::others() const {
  std::vector<std::string> found;
  const Status status = group_.status();
  for (const Peer& peer : status.peers) {
    if (peer.address != status.self && peer.votes) found.push_back(peer.address);
  }
  return found;
}

Result<> RaftCoordination::attempt(milliseconds unwell) {
  const bool too_long = unwell >= kUnwell;
  leadership_.set_unwell(too_long);
  if (too_long) return group_.yield(settings_.election_timeout * kYieldFor);
  const std::optional<Term> term = group_.leading();
  if (term && numbered_in_ != term) {
    // One that began before there were numbers has none.
    ORCH_ASSIGN(const std::string number, url_of(std::string(kGroupRow)));
    if (number.empty()) ORCH_TRY(number_group(shared_));
    numbered_in_ = term;
  }
  std::string url;
  {
    const MutexLock lock(mutex_);
    if (told_in_ == term) return {};
    url = url_;
  }
  if (url.empty() || !term) return {};
  const std::string self = group_.status().self;
  ORCH_ASSIGN(const std::string known, url_of(self));
  if (known != url) {
    ORCH_TRY(storage::save_rows(shared_, "orch_raft_node", {"address"}, {"address", "url"},
                                {{self, url}}));
    ORCH_TRY(look_up_nodes());
  }
  const MutexLock lock(mutex_);
  if (url == url_) told_in_ = term;
  return {};
}

Result<> RaftCoordination::look_up_nodes() {
  ORCH_ASSIGN(auto urls, urls_of_nodes(own_));
  group_.remember_urls(std::move(urls));
  return {};
}

void RaftCoordination::announce(const std::string& url) {
  const MutexLock lock(mutex_);
  url_ = url;
  told_in_.reset();
}

Result<> RaftCoordination::resign() {
  leadership_.set_unwell(true);
  const Status status = group_.status();
  const auto voters = std::ranges::count_if(status.peers, &Peer::votes);
  return group_.leading() && voters > 1 ? group_.hand_over("") : Result<>();
}

Result<> RaftCoordination::grab() {
  return fail(ErrorKind::Refused,
              "with raft the nodes elect a leader: leadership cannot be grabbed "
              "(raft-yield, or reelect, has another one elected)");
}

}  // namespace orch::ha::raft
