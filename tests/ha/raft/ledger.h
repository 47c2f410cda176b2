#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/mutex.h"
#include "core/base/text.h"
#include "ha/raft/group.h"

namespace orch::ha::raft::test {

/// Remembers what it was told, as a private database does: it outlives its node.
class Ledger final : public StateMachine {
 public:
  Result<std::string> apply(Index index, std::string_view command) override {
    if (pause_ms_ > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms_.exchange(0)));
    const MutexLock lock(mutex_);
    if (!problem_.empty()) return fail(ErrorKind::Broken, problem_);
    if (index <= applied_) return std::string("again");
    applied_ = index;
    entries_.emplace(index, command);
    return "did " + std::string(command);
  }
  Result<std::string> snapshot(const std::function<void()>& pinned) override {
    std::string text = as_text();
    pinned();
    std::this_thread::sleep_for(std::chrono::milliseconds(write_ms_));
    return text;
  }
  [[nodiscard]] std::string as_text() const {
    const MutexLock lock(mutex_);
    std::string text = std::to_string(applied_) + "\n";
    for (const auto& [index, command] : entries_)
      text += fmt::format("{} {}\n", index, command);
    return text;
  }
  Result<> restore(std::string_view snapshot) override {
    const MutexLock lock(mutex_);
    ++restored_;
    entries_.clear();
    applied_ = 0;
    for (const std::string_view line : split(snapshot, '\n')) {
      const std::size_t space = line.find(' ');
      const auto index = parse_uint(line.substr(0, space));
      if (!index) continue;
      if (space == std::string_view::npos) {
        applied_ = *index;
      } else {
        entries_.emplace(*index, line.substr(space + 1));
      }
    }
    return {};
  }
  [[nodiscard]] Result<Index> applied() const override {
    const MutexLock lock(mutex_);
    return applied_;
  }
  Result<> reset() override {
    const MutexLock lock(mutex_);
    entries_.clear();
    applied_ = 0;
    return {};
  }
  /// The latest command of 16 letters.
  [[nodiscard]] Result<std::string> group_number() const override {
    const MutexLock lock(mutex_);
    std::string number;
    for (const auto& [index, command] : entries_) {
      if (command.size() == 16) number = command;
    }
    return number;
  }

  /// The next command takes that long, and holds up the node.
  void pause_for(std::chrono::milliseconds span) { pause_ms_ = span.count(); }
  /// So long it takes to write a snapshot out, from now on.
  void write_for(std::chrono::milliseconds span) { write_ms_ = span.count(); }
  void break_with(const std::string& problem) {
    const MutexLock lock(mutex_);
    problem_ = problem;
  }
  [[nodiscard]] std::vector<std::string> commands() const {
    const MutexLock lock(mutex_);
    std::vector<std::string> commands;
    for (const auto& [index, command] : entries_)
      commands.push_back(command);
    return commands;
  }
  [[nodiscard]] std::map<Index, std::string> entries() const {
    const MutexLock lock(mutex_);
    return entries_;
  }
  [[nodiscard]] int restored() const {
    const MutexLock lock(mutex_);
    return restored_;
  }

 private:
  mutable Mutex mutex_;
  std::map<Index, std::string> entries_ ORCH_GUARDED_BY(mutex_);
  Index applied_ ORCH_GUARDED_BY(mutex_){0};
  int restored_ ORCH_GUARDED_BY(mutex_){0};
  std::string problem_ ORCH_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> pause_ms_{0};
  std::atomic<std::int64_t> write_ms_{0};
};

}  // namespace orch::ha::raft::test
