// Whether the nodes that a leader feeds still have what they acknowledged.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

namespace {

/// In election timeouts: how often nodes are asked, and leadership is given away for one of them.
constexpr int kCompareEach = 2;
constexpr int kGiveAwayEach = 10;
/// How often a node must be found to lack entries.
constexpr int kCertain = 2;

}  // namespace

/// The engine believes for as long as it leads what a node once acknowledged, and never feeds one
/// again that came back without that, on an old disk or a damaged one (0.22.1). Another leader
/// begins by asking.
void Member::compare_logs(const OrchRaftView& view) {
  if (!active_) return;
  const SteadyPoint now = std::chrono::steady_clock::now();
  give_away_for_the_lacking(view);
  if (now - last_compared_ < kCompareEach * settings_.election_timeout) return;
  last_compared_ = now;
  for (const Server& server : read_servers()) {
    const Index acknowledged = ::orch_raft_match(engine_, server.id);
    if (server.id == id_ || server.role == ORCH_RAFT_SPARE || acknowledged == 0) continue;
    transport_->ask(
        std::string(address_in(server.name)),
        fmt::format("{}{:016x} {} {}", kLogEnd, server.id, seen_term_, acknowledged),
        [this, server, acknowledged, term = seen_term_](const Result<std::string>& answer) {
          // One of an earlier version does not know the question.
          const auto last = answer ? parse_uint(*answer) : std::nullopt;
          if (!last || !active_ || term != seen_term_) return;
          if (*last >= acknowledged) {
            lacking_.erase(server.id);
          } else if (++lacking_[server.id] == kCertain) {
            log::error(
                "raft: {} has lost the end of its log: it acknowledged entry {}, and has {}; it is "
                "fed again as soon as another node leads",
                address_in(server.name), acknowledged, *last);
          }
        });
  }
}

/// To a node that votes and has all entries. Not while something goes on that the next leader would
/// have to take up.
void Member::give_away_for_the_lacking(const OrchRaftView& view) {
  const SteadyPoint now = std::chrono::steady_clock::now();
  const bool certain =
      std::ranges::any_of(lacking_, [](const auto& each) { return each.second >= kCertain; });
  if (!certain || now - last_given_away_ < kGiveAwayEach * settings_.election_timeout) return;
  if (settings_.busy && settings_.busy()) return;
  last_given_away_ = now;
  for (const Server& server : read_servers()) {
    const bool is_whole =
        !lacking_.contains(server.id) && ::orch_raft_match(engine_, server.id) >= view.committed;
    if (server.id == id_ || server.role != ORCH_RAFT_VOTER || !is_whole) continue;
    transport_->ask(std::string(address_in(server.name)), std::string(kCouldLead),
                    [this, server, term = seen_term_](const Result<std::string>& answer) {
                      if (!answer || *answer == kCannotLead || term != seen_term_) return;
                      if (phase_ != Phase::Running || !active_ || handing_over_) return;
                      log::info("raft: {} is to lead, so that all nodes are fed", server.name);
                      transfer_to(server.id);
                    });
  }
}

/// To "ID TERM INDEX" of a leader: where the log of this node ends; "" when that is about another.
/// What it acknowledged in the leader's own term nobody has taken out since.
std::string Member::on_log_question(std::string_view rest) {
  const auto pieces = split(rest, ' ');
  const auto term = pieces.size() == 3 ? parse_uint(pieces[1]) : std::nullopt;
  const auto acknowledged = pieces.size() == 3 ? parse_uint(pieces[2]) : std::nullopt;
  if (phase_ != Phase::Running || !term || !acknowledged) return "";
  const OrchRaftView view = ::orch_raft_view(engine_);
  if (pieces[0] != fmt::format("{:016x}", id_) || *term != view.term) return "";
  if (view.last < *acknowledged && lost_until_ < *acknowledged)
    lose_end(*acknowledged,
             fmt::format("it acknowledged entry {}, and has {}", *acknowledged, view.last));
  return std::to_string(view.last);
}

void Member::lose_end(Index until, const std::string& how) {
  log::error(
      "raft: {} has lost the end of its log: {}: it neither leads nor votes until another "
      "node has filled it in",
      settings_.advertise, how);
  lost_until_ = until;
  ::orch_raft_wait_for(engine_, until);
}

}  // namespace orch::ha::raft
