#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "core/ports/ha.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace orch::storage {

/// Who carries a recovery out: a process, and the term in which its node leads.
struct RecoveryOwner {
  NodeIdentity node{};
  std::string process{};  ///< as this_process() says it
  Term term{0};
};

/// What a recovery was asked, how far it is, and what it cannot read from the servers again.
struct RecoveryRun {
  std::string uid{};
  std::string kind{};   ///< "dead-master"
  std::string stage{};  ///< "healing"; kEndedStage in the end
  std::string command{};
  std::string request{};  ///< JSON
  InstanceKey failed{};
  InstanceKey designated{};  ///< empty when the planner chooses
  RecoveryOwner owner{};
  std::optional<TimePoint> alive_at{};  ///< when the owner last said that it lives
  InstanceKey winner{};
  std::string promotion_coordinates{};  ///< "bin.000001:4", before new writes
  std::string promotion_position{};     ///< what had been executed then
  std::string lost_transactions{};
  std::string facts{};  ///< the plan's other facts, JSON
};

inline constexpr std::string_view kEndedStage = "ended";

enum class JournalState { Intent, Done, Failed };
std::string_view to_string(JournalState state);  ///< "intent", "done", "failed"

/// One step of a recovery.
struct JournalEntry {
  std::string uid{};
  std::int64_t sequence{0};
  RecoveryOwner owner{};  ///< its process is not kept here
  InstanceKey server{};   ///< empty when no server is concerned: a hook
  std::string action{};
  std::string why{};
  bool changes_server{false};
  bool point_of_no_return{false};
  JournalState state{JournalState::Intent};
  std::string error{};
  std::optional<TimePoint> begun{};
  std::optional<TimePoint> ended{};
};

/// What recoveries are about to do and have done, so that another process can go on with one whose
/// own has died.
class JournalStore {
 public:
  JournalStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Inserts the run, or replaces everything that is known of it but its owner; says that its owner
  /// lives. Errors: Conflict, it has another owner by now.
  Result<> save_run(const RecoveryRun& run);
  [[nodiscard]] Result<std::optional<RecoveryRun>> find_run(const std::string& uid) const;
  /// Those that have not ended, oldest first.
  [[nodiscard]] Result<std::vector<RecoveryRun>> list_unfinished() const;
  /// The one that was begun last for a failed server.
  [[nodiscard]] Result<std::optional<RecoveryRun>> find_latest(const InstanceKey& failed,
                                                               const std::string& kind) const;
  /// Gives an unfinished run from one owner to another, unless somebody was faster: then false.
  Result<bool> take_over(const std::string& uid, const RecoveryOwner& from,
                         const RecoveryOwner& to);
  /// The owner lives. False: it is not the owner any more.
  Result<bool> touch(const std::string& uid, const NodeIdentity& owner);

  /// Writes a step's intent; its sequence number. Errors: Conflict, as save_run().
  Result<std::int64_t> begin(const JournalEntry& entry);
  /// Writes a step's outcome; "" is success.
  Result<> end(const std::string& uid, std::int64_t sequence, const std::string& error);
  /// In order.
  [[nodiscard]] Result<std::vector<JournalEntry>> list(const std::string& uid) const;

  /// Drops what ended, or was last heard of, longer ago than `age`.
  Result<std::int64_t> expire(std::chrono::days age);

 private:
  Result<> check_owner(const std::string& uid, const NodeIdentity& owner) const;

  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
