#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "ha/coordination.h"
#include "ha/raft/group.h"
#include "ha/raft/shared_database.h"
#include "storage/database.h"

namespace orch::ha::raft {

/// Leads when the group says so and the own backend is well.
class ProvenLeadership final : public Leadership {
 public:
  ProvenLeadership(Group& group, std::chrono::milliseconds limit) : group_(group), limit_(limit) {}
  [[nodiscard]] std::optional<Term> leading() const override {
    return unwell_ ? std::nullopt : group_.leading();
  }
  [[nodiscard]] std::optional<Term> proven() const override;
  [[nodiscard]] bool is_elected() const override { return true; }
  [[nodiscard]] bool shuts_out_deposed() const override { return true; }
  void set_unwell(bool unwell) { unwell_ = unwell; }

 private:
  Group& group_;
  const std::chrono::milliseconds limit_;
  std::atomic<bool> unwell_{false};
};

/// "Leads" while this node belongs to a majority that has a leader.
class InQuorum final : public Leadership {
 public:
  explicit InQuorum(const Group& group) : group_(group) {}
  [[nodiscard]] std::optional<Term> leading() const override;

 private:
  const Group& group_;
};

/// Gives the group a number that no other has: its nodes tell it each other, and speak with nobody
/// of another group. `shared` writes what the group agrees on. The first number stays: one that
/// was not heard to be agreed on may be all the same, and nodes know it then.
Result<> number_group(storage::Database& shared);
/// Gives it another, as it is begun anew.
Result<> renumber_group(storage::Database& shared);

/// Where nodes of the group answer requests, by their addresses, as far as `own` has heard.
Result<std::map<std::string, std::string>> urls_of_nodes(storage::Database& own);

/// Several nodes, each on a backend of its own, that agree by raft.
class RaftCoordination final : public Coordination {
 public:
  struct Settings {
    std::chrono::milliseconds election_timeout{800};
    std::chrono::milliseconds heartbeat{100};
  };
  RaftCoordination(storage::Database& own, Group& group, const Settings& settings);

  [[nodiscard]] const Leadership& leadership() const override { return leadership_; }
  [[nodiscard]] const Leadership& watching() const override { return in_quorum_; }
  [[nodiscard]] const Leadership& asked() const override { return leadership_; }
  [[nodiscard]] storage::Database& database() override { return shared_; }
  [[nodiscard]] bool has_own_backend() const override { return true; }
  [[nodiscard]] std::optional<std::string> answers_elsewhere() const override;
  [[nodiscard]] Result<std::optional<Leader>> leader() const override;
  [[nodiscard]] std::vector<std::string> others() const override;
  [[nodiscard]] Result<std::string> ask(const std::string& other,
                                        const std::string& question) const override {
    return group_.ask(other, question);
  }

  Result<> attempt(std::chrono::milliseconds unwell) override;
  [[nodiscard]] std::chrono::milliseconds period() const override { return settings_.heartbeat; }
  Result<> look_up_nodes() override;
  void announce(const std::string& url) override;
  Result<> resign() override;
  Result<> grab() override;
  Result<> vacate() override { return group_.hand_over(""); }
  [[nodiscard]] Group* group() override { return &group_; }

 private:
  /// Where the node with this address answers; "" when it never said so.
  [[nodiscard]] Result<std::string> url_of(const std::string& address) const;

  storage::Database& own_;
  Group& group_;
  const Settings settings_;
  SharedDatabase shared_;
  ProvenLeadership leadership_;
  InQuorum in_quorum_;
  std::optional<Term> numbered_in_{};  ///< the term that this node leads in, with a number
  mutable Mutex mutex_;
  std::string url_ ORCH_GUARDED_BY(mutex_);
  /// The term that this node leads in, once the group knows its URL.
  std::optional<Term> told_in_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha::raft
