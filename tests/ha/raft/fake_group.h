#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ha/raft/group.h"

namespace orch::ha::raft {

/// Nodes without a network: what the one that leads proposes, all of them apply at once.
class FakeGroup {
 public:
  class Node final : public Group {
   public:
    Node(FakeGroup& all, std::size_t number) : all_(all), number_(number) {}

    [[nodiscard]] std::optional<Term> leading() const override {
      return all_.leader == number_ ? std::optional(all_.term) : std::nullopt;
    }
    Result<std::string> propose(std::string command, std::chrono::milliseconds /*limit*/) override {
      if (all_.before) std::exchange(all_.before, {})();
      if (!leading()) return fail(ErrorKind::Refused, "this node does not lead");
      if (all_.silent) return fail(ErrorKind::Unreachable, "no majority answers");
      return all_.commit(command, number_);
    }
    Result<Term> prove(std::chrono::milliseconds /*limit*/) override {
      if (!leading() || all_.silent) return fail(ErrorKind::Unreachable, "no majority answers");
      return all_.term;
    }
    [[nodiscard]] Status status() const override {
      Status status;
      status.self = name(number_);
      if (all_.leader) status.leader = name(*all_.leader);
      status.term = all_.term;
      status.state = leading() ? "Leader" : all_.leader ? "Follower" : "Candidate";
      status.held_up = all_.held_up;
      for (std::size_t i = 0; i < all_.machines.size(); ++i)
        status.peers.push_back({.address = name(i)});
      return status;
    }
    Result<> hand_over(const std::string& address) override {
      all_.handed_to.push_back(address);
      return {};
    }
    Result<> yield(std::chrono::milliseconds /*span*/) override {
      all_.yields.push_back(number_);
      return {};
    }
    Result<> add(const std::string& /*address*/) override { return {}; }
    Result<> remove(const std::string& /*address*/) override { return {}; }
    Result<> take_snapshot() override { return {}; }
    Result<> renew_certificates() override { return {}; }
    [[nodiscard]] Result<std::string> ask(const std::string& address,
                                          const std::string& question) const override {
      const auto known = all_.answers.find({address, question});
      if (known == all_.answers.end()) return fail(ErrorKind::Unreachable, address + " is away");
      return known->second;
    }

   private:
    static std::string name(std::size_t number) {
      return "node-" + std::to_string(number) + ":10008";
    }
    FakeGroup& all_;
    std::size_t number_;
  };

  void join(StateMachine& machine) { machines.push_back(&machine); }

  /// Puts a command into the log, as if a leader had done so. What `asks` answers.
  Result<std::string> commit(const std::string& command, std::size_t asks) {
    log.push_back(command);
    Result<std::string> answer = std::string("nobody was asked");
    for (std::size_t i = 0; i < machines.size(); ++i) {
      Result<std::string> given = machines[i]->apply(log.size(), command);
      if (!given) return given;
      if (i == asks) answer = std::move(given);
    }
    return answer;
  }

  std::vector<StateMachine*> machines{};
  std::vector<std::string> log{};
  std::optional<std::size_t> leader{0};
  Term term{1};
  bool silent{false};
  bool held_up{false};
  std::vector<std::string> handed_to{};
  std::map<std::pair<std::string, std::string>, std::string> answers{};  ///< to node and question
  std::vector<std::size_t> yields{};                                     ///< who did
  std::function<void()> before{};  ///< is done once, just before the next proposal
};

}  // namespace orch::ha::raft
