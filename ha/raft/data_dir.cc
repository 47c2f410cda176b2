#include "ha/raft/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"

namespace orch::ha::raft {

namespace {

namespace fs = std::filesystem;

constexpr const char* kHalfRecovered = "/half-recovered";

Failure directory_problem(const std::string& path, int code) {
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  return fail(denied ? ErrorKind::Denied : ErrorKind::InvalidInput,
              fmt::format("raft data directory {}: {}", path, std::strerror(code)));
}

/// A number as the engine writes it: little endian.
std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = size; i-- > 0;)
    number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

/// As the engine sums up: a CRC-32 that reads the bits of a byte from the left.
std::uint32_t sum_of(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (const char byte : bytes) {
    sum ^= std::uint32_t{static_cast<unsigned char>(byte)} << 24U;
    for (int bit = 0; bit < 8; ++bit)
      sum = (sum & 0x80000000U) != 0 ? sum << 1U ^ 0x04c11db7U : sum << 1U;
  }
  return sum;
}

/// A segment is its format's number, and batches: two checksums, of the head and of the data, how
/// many entries there are, two words for each with its size at the end, and all of their data. What
/// was only made room for is zero. Wrong bytes the engine sees itself, and reads no further.
bool ends_within_entry(std::string_view segment) {
  constexpr std::size_t kWord = 8;
  if (segment.empty()) return false;
  if (segment.size() < kWord) return true;
  std::size_t at = kWord;
  while (true) {
    const std::string_view rest = segment.substr(at);
    if (rest.find_first_not_of('\0') == std::string_view::npos) return false;
    if (rest.size() < 2 * kWord) return true;
    const std::uint64_t entries = number_at(rest, kWord, kWord);
    if (entries > rest.size() / (2 * kWord) - 1) return true;
    std::uint64_t size = 2 * kWord * (entries + 1);
    const std::string_view head = rest.substr(kWord, size - kWord);
    if (entries == 0 || sum_of(head) != number_at(rest, 0, kWord / 2)) return false;
    for (std::uint64_t i = 1; i <= entries; ++i)
      size += number_at(rest, 2 * kWord * i + kWord + kWord / 2, kWord / 2);
    if (size > rest.size()) return true;
    at += size;
  }
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

Result<> DataDir::check_whole() const {
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(log_, problem)) {
    const std::string name = entry.path().filename();
    const bool closed = name.find_first_not_of("0123456789-") == std::string::npos;
    if (!closed && !name.starts_with("open-")) continue;
    if (!entry.is_regular_file(problem)) {
      return fail(ErrorKind::Broken,
                  fmt::format("raft data directory {}: log/{} is no file", path_, name));
    }
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file) return directory_problem(entry.path(), errno);
    if (!ends_within_entry(bytes)) continue;
    return fail(ErrorKind::Broken,
                fmt::format("raft data directory {}: log/{} was cut off within an entry: this node "
                            "has lost the end of its log (with an empty directory it begins as a "
                            "new one)",
                            path_, name));
  }
  if (problem) return directory_problem(log_, problem.value());
  return {};
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
  return write(path_ + "/node", fmt::format("{:016x}\n", id));
}

Result<> DataDir::write(const std::string& name, const std::string& text) const {
  const std::string draft = name + ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return directory_problem(path_, errno);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int code = errno;
  ::close(file);
  if (!written) return directory_problem(path_, code);
  if (::rename(draft.c_str(), name.c_str()) != 0) return directory_problem(path_, errno);
  sync();
  return {};
}

void DataDir::sync() const {
  const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

bool DataDir::is_half_recovered() const {
  std::error_code problem;
  return fs::exists(path_ + kHalfRecovered, problem);
}

Result<> DataDir::mark_half_recovered(bool half) const {
  const std::string name = path_ + kHalfRecovered;
  if (half) return write(name, "orch raft recover\n");
  if (::unlink(name.c_str()) != 0 && errno != ENOENT) return directory_problem(path_, errno);
  sync();
  return {};
}

std::optional<std::uint64_t> DataDir::free_bytes() const {
  struct statvfs room {};
  if (::statvfs(log_.c_str(), &room) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

}  // namespace orch::ha::raft
