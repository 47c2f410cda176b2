#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace orch::ha::raft {

/// Where a node keeps its log; this process's alone.
class DataDir {
 public:
  /// Makes it if it is not there. Errors: Denied when it cannot be written to, Conflict when
  /// another process has it.
  static Result<std::unique_ptr<DataDir>> open(const std::string& path);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  /// The folder of the engine's own files.
  [[nodiscard]] const std::string& log() const { return log_; }
  /// There is no log yet, or no more.
  [[nodiscard]] bool is_pristine() const;
  /// The engine does not survive a file of the log that ends within an entry. Errors: Broken, with
  /// the file.
  [[nodiscard]] Result<> check_whole() const;
  /// The number that this node joined a group with; nothing for one that began with its group.
  [[nodiscard]] Result<std::optional<std::uint64_t>> joined_as() const;
  Result<> write_joined_as(std::uint64_t id) const;
  /// begin_anew() has begun here and not ended.
  [[nodiscard]] bool is_half_recovered() const;
  Result<> mark_half_recovered(bool half) const;
  /// Nothing when the system does not tell.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes() const;

 private:
  Result<> write(const std::string& name, const std::string& text) const;
  void sync() const;

  DataDir(std::string path, int lock) : path_(std::move(path)), log_(path_ + "/log"), lock_(lock) {}

  std::string path_;
  std::string log_;
  int lock_;
};

}  // namespace orch::ha::raft
