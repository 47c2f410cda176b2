#include "storage/process_token.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "storage/node_store.h"

namespace orch::storage {

namespace {

constexpr std::string_view kMark = "orch";

/// When the process was started, in ticks since the machine was; nothing when there is none.
/// Another process may have got its number since.
std::optional<std::uint64_t> start_of(std::uint64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name in brackets may hold blanks and brackets; the start is the 20th field behind it.
  constexpr std::size_t kPlace = 19;
  const std::size_t bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = words(std::string_view(line).substr(bracket + 1));
  return fields.size() > kPlace ? parse_uint(fields[kPlace]) : std::nullopt;
}

/// Where process numbers mean what they mean here: this boot of this machine, and the container in
/// it. Machines and containers may share a host name. "" when the system does not tell.
std::string place() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::error_code none;
  const std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", none).string();
  const std::size_t bracket = space.find('[');
  if (!std::getline(file, boot) || none || bracket == std::string::npos) return "";
  return replace_all(boot, "-", "") + "." + space.substr(bracket + 1, space.size() - bracket - 2);
}

}  // namespace

Result<std::string> make_process_token() {
  ORCH_ASSIGN(const std::string random, make_token());
  const auto pid = static_cast<std::uint64_t>(::getpid());
  return fmt::format("{}-{}-{}-{}-{}", kMark, place(), pid, start_of(pid).value_or(0),
                     random.substr(0, 40));
}

bool is_process_gone(std::string_view token) {
  const std::vector<std::string_view> parts = split(token, '-');
  if (parts.size() != 5 || parts[0] != kMark || parts[1].empty() || parts[1] != place()) {
    return false;
  }
  const std::optional<std::uint64_t> pid = parse_uint(parts[2]);
  const std::optional<std::uint64_t> start = parse_uint(parts[3]);
  if (!pid || !start || *start == 0) return false;
  return start_of(*pid) != start;
}

}  // namespace orch::storage
