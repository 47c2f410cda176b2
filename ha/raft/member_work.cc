// What others ask of a member.

#include <utility>

#include <fmt/format.h>

#include "ha/raft/endpoint.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

void Member::submit(const std::function<int(std::uint64_t ticket)>& request, Done done) {
  const std::uint64_t ticket = ++last_ticket_;
  // Before the request: it may end at once.
  calls_.emplace(ticket, std::move(done));
  const int status = request(ticket);
  if (status == 0) return;
  const auto call = calls_.find(ticket);
  if (call == calls_.end()) return;
  const Done refused = std::move(call->second);
  calls_.erase(call);
  refused(status);
}

Failure Member::not_leading() const {
  const std::string leader =
      phase_ == Phase::Running ? name_of(::orch_raft_view(engine_).leader) : std::string();
  if (leader.empty() || leader == settings_.advertise) {
    return fail(ErrorKind::Refused,
                fmt::format("{} does not lead, and knows no node that does", settings_.advertise));
  }
  return fail(ErrorKind::Refused,
              fmt::format("{} does not lead, {} does", settings_.advertise, leader));
}

Error Member::explain(int status) const {
  if (::orch_raft_is_not_leader(status) != 0) return not_leading().error;
  if (::orch_raft_is_outcome_unknown(status) != 0) {
    return {ErrorKind::Unreachable,
            fmt::format("{} lost the leadership: what was asked may have happened or not",
                        settings_.advertise)};
  }
  if (::orch_raft_is_no_space(status) != 0) {
    return {ErrorKind::Refused, "too few nodes have room on their disks"};
  }
  if (::orch_raft_is_busy(status) != 0) {
    return {ErrorKind::Conflict, "another change of the group goes on"};
  }
  return {ErrorKind::Unreachable, fmt::format("raft: {}", ::orch_raft_explain(status))};
}

void Member::propose(std::string command, const SharedAnswer<std::string>& answer) {
  if (phase_ != Phase::Running || !active_) return answer->give(not_leading());
  const std::uint64_t number = ++last_number_;
  const std::string bytes = pack_proposal({proposer_, number, command});
  proposals_.emplace(number, answer);
  submit(
      [&](std::uint64_t ticket) {
        return ::orch_raft_apply(engine_, bytes.data(), bytes.size(), ticket);
      },
      [this, number](int status) {
        const auto waiting = proposals_.extract(number);
        if (waiting.empty()) return;
        if (status != 0) return waiting.mapped()->give(fail(explain(status)));
        // Else it was given when the command was applied, unless this node is broken.
        waiting.mapped()->give(fail(ErrorKind::Broken, broken_));
      });
}

void Member::prove(const SharedAnswer<Term>& answer) {
  if (phase_ != Phase::Running || !active_) return answer->give(not_leading());
  submit([this](std::uint64_t ticket) { return ::orch_raft_barrier(engine_, ticket); },
         [this, answer, term = seen_term_](int status) {
           if (status != 0) return answer->give(fail(explain(status)));
           const OrchRaftView view = ::orch_raft_view(engine_);
           if (view.leads == 0 || view.term != term || should_not_lead()) {
             return answer->give(not_leading());
           }
           answer->give(term);
         });
}

void Member::hand_over(const std::string& address, const SharedAnswer<>& answer) {
  if (phase_ != Phase::Running || !seen_leading_) return answer->give(not_leading());
  std::uint64_t heir = 0;
  if (!address.empty()) {
    for (const Server& server : read_servers()) {
      if (server.role == ORCH_RAFT_VOTER && address_in(server.name) == address) heir = server.id;
    }
    if (heir == 0) {
      return answer->give(
          fail(ErrorKind::NotFound, fmt::format("{} is no node that votes", address)));
    }
    if (heir == id_) return answer->give({});
  }
  if (is_only_voter()) {
    return answer->give(fail(ErrorKind::Refused, "there is no other node that votes"));
  }
  submit([&](std::uint64_t ticket) { return ::orch_raft_transfer(engine_, heir, ticket); },
         [this, answer, heir, address](int status) {
           if (status != 0) return answer->give(fail(explain(status)));
           const std::uint64_t leader = ::orch_raft_view(engine_).leader;
           if (leader != 0 && leader != id_ && (heir == 0 || leader == heir)) {
             return answer->give({});
           }
           answer->give(fail(ErrorKind::Unreachable,
                             address.empty() ? "no other node took the leadership"
                                             : address + " did not take the leadership"));
         });
}

void Member::yield(std::chrono::milliseconds span, const SharedAnswer<>& answer) {
  if (phase_ != Phase::Running) return answer->give(not_leading());
  if (is_only_voter()) {
    return answer->give(fail(ErrorKind::Refused, "there is no other node that votes"));
  }
  yields_until_ = std::chrono::steady_clock::now() + span;
  led_term_ = 0;
  last_leave_ = {};
  tick();
  answer->give({});
}

void Member::change(const Change& change, const SharedAnswer<>& answer) {
  if (phase_ != Phase::Running || !active_) return answer->give(not_leading());
  submit(
      [&](std::uint64_t ticket) {
        switch (change.kind) {
          case Change::Kind::Add:
            return ::orch_raft_add(engine_, change.id, change.name.c_str(), ticket);
          case Change::Kind::Assign:
            return ::orch_raft_assign(engine_, change.id, change.role, ticket);
          case Change::Kind::Remove:
            break;
        }
        return ::orch_raft_remove(engine_, change.id, ticket);
      },
      [this, answer](int status) {
        if (status != 0) return answer->give(fail(explain(status)));
        publish(::orch_raft_view(engine_));
        answer->give({});
      });
}

void Member::lag(std::uint64_t id, const SharedAnswer<std::uint64_t>& answer) {
  if (phase_ != Phase::Running || !active_) return answer->give(not_leading());
  answer->give(::orch_raft_view(engine_).last - ::orch_raft_match(engine_, id));
}

void Member::ask(const std::string& address, const std::string& question,
                 const SharedAnswer<std::string>& answer) {
  if (phase_ == Phase::Closing) return answer->give(not_leading());
  transport_->ask(address, question,
                  [answer](const Result<std::string>& reply) { answer->give(reply); });
}

void Member::renew_certificates(const SharedAnswer<>& answer) {
  if (phase_ == Phase::Closing || !transport_) return answer->give({});
  answer->give(transport_->renew_certificates());
}

}  // namespace orch::ha::raft
