#include "storage/process_token.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "storage/node_store.h"

namespace orch::storage {

namespace {

// 64 hex digits, as other programs that share the backend expect: the place, the number of the
// process, its start, and the rest by chance.
constexpr std::size_t kPlaceDigits = 40;
constexpr std::size_t kPidDigits = 6;
constexpr std::size_t kStartDigits = 12;

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
  if (!std::getline(file, boot) || none) return "";
  const std::size_t bracket = space.find('[');
  if (bracket == std::string::npos) return "";
  const auto inode = parse_uint(space.substr(bracket + 1, space.size() - bracket - 2));
  if (!inode) return "";
  const std::string text = fmt::format("{}{:08x}", replace_all(boot, "-", ""), *inode);
  return text.size() == kPlaceDigits ? text : "";
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number, 16);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace

Result<std::string> make_process_token() {
  ORCH_ASSIGN(std::string random, make_token());
  const auto pid = static_cast<std::uint64_t>(::getpid());
  const std::optional<std::uint64_t> start = start_of(pid);
  const std::string known =
      start ? place() + fmt::format("{:0{}x}{:0{}x}", pid, kPidDigits, *start, kStartDigits) : "";
  if (known.size() != kPlaceDigits + kPidDigits + kStartDigits) return random;
  return known + random.substr(known.size());
}

bool is_process_gone(std::string_view token) {
  const std::string here = place();
  if (here.empty() || !token.starts_with(here)) return false;
  token.remove_prefix(here.size());
  if (token.size() < kPidDigits + kStartDigits) return false;
  const std::optional<std::uint64_t> pid = parse_hex(token.substr(0, kPidDigits));
  const std::optional<std::uint64_t> start = parse_hex(token.substr(kPidDigits, kStartDigits));
  if (!pid || !start) return false;
  return start_of(*pid) != start;
}

}  // namespace orch::storage
