#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ha/hook_lists.h"
#include "ha/journal.h"
#include "ha/recovery_work.h"

namespace orch::ha {

/// The steps of a recovery that was cut off, as far as they were begun.
using EarlierSteps = std::vector<storage::JournalEntry>;

/// One recovery while its plan is carried out. Stands between the planner and the executor: opens
/// the recovery (registration, hooks that may say no) before the first step that changes a server
/// and not earlier, ends it when the journal fails, publishes the new master as soon as it stands.
class Attempt {
 public:
  /// `open` registers the recovery and runs the hooks that come first: whether it ran any, so that
  /// servers must be looked at again. `publish` tells the world.
  struct Doors {
    std::function<Result<bool>()> open{};
    std::function<void(const InstanceKey& master, const Topology& now)> publish{};
  };

  Attempt(const RecoveryWork& work, Journal& journal, Planner planner, Doors doors,
          EarlierSteps earlier);

  /// What the executor asks.
  [[nodiscard]] Decision next(const Progress& so_far, const Topology& fresh);

  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] bool is_published() const { return published_; }
  /// Whether a server that was told to take writes is silent, so that nobody can go on.
  [[nodiscard]] bool is_in_doubt() const { return in_doubt_; }

 private:
  [[nodiscard]] Decision decide(const Progress& so_far, const Topology& fresh);
  [[nodiscard]] std::optional<Decision> undo_earlier(const Error& because, const Progress& so_far,
                                                     const Topology& fresh);
  void add_left(Error& error, const Progress& so_far, const Topology& fresh) const;
  enum class Whose { Everybody, NotMoved };
  [[nodiscard]] Progress with_earlier(const Progress& so_far, Whose whose) const;
  [[nodiscard]] std::optional<Decision> start_left_behind(Account& account, const Progress& so_far,
                                                          const Topology& fresh);
  void publish_if_it_stands(const Topology& fresh);
  [[nodiscard]] std::optional<Run> read_credentials_again(const Topology& fresh);
  void use_credentials(Run& run, const Progress& so_far) const;

  const RecoveryWork& work_;
  Journal& journal_;
  Planner planner_;
  Doors doors_;
  EarlierSteps earlier_;
  PlanFacts facts_;  ///< of the run that was cut off
  std::optional<Error> giving_up_{};
  bool undone_earlier_{false};
  bool started_left_{false};
  bool open_{false};
  bool published_{false};
  bool read_again_{false};
  bool in_doubt_{false};
};

/// Whether it failed as this node does not reach servers: a refusal would be another node's, too.
[[nodiscard]] inline bool fails_for_sight(const Outcome& outcome) {
  return outcome.error && outcome.error->kind == ErrorKind::Unreachable;
}

/// The servers, as long as the journal allows that they are changed.
class JournalServers final : public ForwardingServers {
 public:
  JournalServers(Servers& servers, const Journal& journal)
      : ForwardingServers(servers), journal_(journal) {}

  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override {
    if (auto objection = journal_.objection()) return fail(*std::move(objection));
    return ForwardingServers::apply(as_probed, change, deadline);
  }
  Result<> fence(const Instance& as_probed, SteadyPoint deadline) override {
    if (auto objection = journal_.objection()) return fail(*std::move(objection));
    return ForwardingServers::fence(as_probed, deadline);
  }

 private:
  const Journal& journal_;
};

}  // namespace orch::ha
