#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "ha/raft/command.h"
#include "ha/raft/group.h"
#include "storage/database.h"

namespace orch::ha::raft {

/// The address under which orch_raft_node holds the number of the group: in a table that nodes of
/// earlier versions have, too.
inline constexpr std::string_view kGroupRow = "group";

/// The decisions of a group (tables.h) in one node's database. How far the node is stands in the
/// same database and is written in the same transaction, so that nothing is carried out twice.
class State final : public StateMachine {
 public:
  /// Is told of servers whose records were deleted: whoever watches them would bring them back.
  /// Must not block.
  using Forgotten = std::function<void(const std::set<InstanceKey>& keys)>;

  static constexpr std::chrono::seconds kPatience{30};

  /// `database`: best a connection that nobody else holds up.
  /// For how long it may be away: as long as a node whose backend is gone stays.
  /// `reader`: another connection to the same, for snapshots; without one, what is to be applied
  /// waits while a snapshot is read.
  State(storage::Database& database, const Clock& clock, Forgotten forgotten = {},
        std::chrono::milliseconds patience = kPatience, storage::Database* reader = nullptr)
      : database_(database),
        reader_(reader != nullptr ? *reader : database),
        clock_(clock),
        forgotten_(std::move(forgotten)),
        patience_(patience) {}

  /// Makes sure that the database and the log belong together. Where they do not, the decisions in
  /// the database are thrown away, and that is told: this node is new to the group, and is fed by
  /// its log or by the other nodes. Errors: Denied for the directory; the database's.
  Result<> attach(const std::string& directory) override;
  /// The same, without a word. Whether they did not.
  Result<bool> pair(const std::string& directory);

  /// While there is no room on the backend's disk it waits, for as long as it takes: the group goes
  /// on without this node, which hears nothing meanwhile.
  Result<std::string> apply(Index index, std::string_view command) override;
  [[nodiscard]] std::string waits_for() const override;
  void wait_no_more() override { ends_ = true; }
  Result<std::string> snapshot(const std::function<void()>& pinned) override;
  Result<> reset() override;
  /// One that this database is past already changes nothing.
  Result<> restore(std::string_view snapshot) override;

  [[nodiscard]] Result<Index> applied() const override;
  [[nodiscard]] Result<std::string> group_number() const override;

 private:
  Result<> carry_out(Index index, const Result<Command>& command, std::string& answer,
                     std::set<InstanceKey>& gone);
  void wait_for(std::string what);

  storage::Database& database_;
  storage::Database& reader_;
  const Clock& clock_;
  const Forgotten forgotten_;
  const std::chrono::milliseconds patience_;
  std::atomic<bool> ends_{false};
  mutable Mutex mutex_;
  std::string waits_for_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha::raft
