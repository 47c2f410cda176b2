#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "core/execute/executor.h"
#include "core/ports/ha.h"
#include "core/ports/server.h"
#include "storage/journal_store.h"

namespace orch::ha {

/// Keeps the journal of one recovery while its plan is carried out, and says now and then that its
/// owner lives. While the journal cannot be written, no server is changed any more, unless the
/// point of no return is behind: from there on it is only told.
class Journal final : public StepObserver {
 public:
  /// What an earlier process left, of a recovery that is resumed.
  struct Past {
    bool open{false};         ///< the recovery is registered
    bool past_return{false};  ///< a server was told to take writes
  };

  /// `watcher` learns everything, too. All outlive this.
  Journal(storage::JournalStore store, storage::RecoveryRun run, StepObserver& watcher, Past past);
  ~Journal() override;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  [[nodiscard]] const storage::RecoveryRun& run() const { return run_; }
  /// The recovery is registered, and its run saved: from now on everything is written.
  void open() { open_ = true; }
  [[nodiscard]] bool is_open() const { return open_; }
  Result<> save_stage(std::string_view stage);
  /// What the promotion lost, as is known at the end: kept with the next stage.
  void take_loss(const std::string& lost_transactions);
  /// Begins to say that the owner lives, until this goes.
  void keep_alive(std::chrono::milliseconds pause);

  void decided(const Run& run) override;
  void step_started(const Step& step) override;
  void step_ended(const Step& step, const Error* error, std::chrono::milliseconds took) override;

  /// One hook's intent, and its outcome ("" = success).
  Result<> hook_started(const std::string& hook);
  void hook_ended(const std::string& hook, const std::string& failure);

  /// Why no server may be changed any more; nothing while all is well, after the point of no
  /// return, and while what was done is undone.
  [[nodiscard]] std::optional<Error> objection() const;
  /// Whether another process carries the recovery on: then this one does nothing any more.
  [[nodiscard]] bool is_lost() const { return lost_; }
  /// The first failure to write, whatever it meant.
  [[nodiscard]] std::optional<Error> failure() const;
  /// From now on changes only undo what was done.
  void begin_undo() { undoing_ = true; }
  [[nodiscard]] bool is_undoing() const { return undoing_; }

  [[nodiscard]] bool is_past_return() const { return past_return_; }

 private:
  void note(const Result<>& written);
  Result<> begin(const std::string& name, const storage::JournalEntry& entry);
  void end(const std::string& name, const std::string& error);

  storage::JournalStore store_;
  storage::RecoveryRun run_;
  PlanFacts facts_;
  StepObserver& watcher_;
  bool open_;
  Mutex writing_;
  /// Server and action, or hook -> sequence.
  std::map<std::string, std::int64_t> begun_ ORCH_GUARDED_BY(writing_);
  std::atomic<bool> past_return_;
  std::atomic<bool> undoing_{false};
  std::atomic<bool> lost_{false};
  mutable Mutex mutex_;
  std::optional<Error> failure_ ORCH_GUARDED_BY(mutex_);

  std::mutex sleep_;
  std::condition_variable wake_;
  bool done_{false};
  std::thread heart_;
};

/// Leads from its making on, until the other did not for once or the journal is another process's.
/// A lease that lapses may be had again in the same term: a recovery that has stopped meanwhile
/// must not take itself for one that failed.
class JournalLeadership final : public Leadership {
 public:
  JournalLeadership(const Leadership& other, const Journal& journal)
      : other_(other), journal_(journal), term_(other.leading()) {}
  [[nodiscard]] std::optional<Term> leading() const override { return unbroken(other_.leading()); }
  [[nodiscard]] std::optional<Term> proven() const override { return unbroken(other_.proven()); }
  [[nodiscard]] bool is_elected() const override { return other_.is_elected(); }
  [[nodiscard]] bool shuts_out_deposed() const override { return other_.shuts_out_deposed(); }

 private:
  [[nodiscard]] std::optional<Term> unbroken(std::optional<Term> now) const {
    if (now != term_) broken_ = true;
    return broken_ || journal_.is_lost() ? std::nullopt : now;
  }

  const Leadership& other_;
  const Journal& journal_;
  const std::optional<Term> term_;
  mutable std::atomic<bool> broken_{false};
};

}  // namespace orch::ha
