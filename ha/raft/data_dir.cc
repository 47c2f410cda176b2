#include "ha/raft/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"

namespace orch::ha::raft {

namespace {

namespace fs = std::filesystem;

Failure directory_problem(const std::string& path, int code) {
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  return fail(denied ? ErrorKind::Denied : ErrorKind::InvalidInput,
              fmt::format("raft data directory {}: {}", path, std::strerror(code)));
}

}  // namespace

Result<std::unique_ptr<DataDir>> DataDir::open(const std::string& path) {
  if (path.empty()) return fail(ErrorKind::InvalidInput, "raft needs a data directory");
  std::error_code problem;
  fs::create_directories(path + "/log", problem);
  if (problem) return directory_problem(path, problem.value());
  const std::string lock_file = path + "/lock";
  const int lock = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return directory_problem(path, errno);
  std::unique_ptr<DataDir> made(new DataDir(path, lock));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::Conflict,
                fmt::format("raft data directory {}: another process uses it", path));
  }
  if (::access(made->log_.c_str(), W_OK | X_OK) != 0) return directory_problem(path, errno);
  if (fs::exists(path + "/raft_store.db", problem) && made->is_pristine()) {
    log::warning(
        "raft data directory {} holds orchestrator's log (raft_store.db), which orch does not "
        "read: "
        "this node starts as a new one",
        path);
  }
  return made;
}

DataDir::~DataDir() {
  ::close(lock_);
}

bool DataDir::is_pristine() const {
  std::error_code problem;
  return !fs::exists(log_ + "/metadata1", problem) && !fs::exists(log_ + "/metadata2", problem);
}

Result<std::optional<std::uint64_t>> DataDir::joined_as() const {
  std::ifstream file(path_ + "/node");
  if (!file) return std::optional<std::uint64_t>();
  std::string text;
  std::getline(file, text);
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) {
    return fail(ErrorKind::Broken, fmt::format("{}/node does not hold a node's number", path_));
  }
  return std::optional<std::uint64_t>(id);
}

Result<> DataDir::write_joined_as(std::uint64_t id) const {
  const std::string name = path_ + "/node";
  const std::string draft = name + ".new";
  const std::string text = fmt::format("{:016x}\n", id);
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return directory_problem(path_, errno);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int code = errno;
  ::close(file);
  if (!written) return directory_problem(path_, code);
  if (::rename(draft.c_str(), name.c_str()) != 0) return directory_problem(path_, errno);
  const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

std::optional<std::uint64_t> DataDir::free_bytes() const {
  struct statvfs room {};
  if (::statvfs(log_.c_str(), &room) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

}  // namespace orch::ha::raft
