#include "core/base/process.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <vector>

#include "core/base/text.h"

namespace orch {

namespace {

std::string first_word_of(const std::string& file) {
  std::ifstream stream(file);
  std::string word;
  stream >> word;
  return word.empty() ? "-" : word;
}

/// "pid:[4026531836]"; another container has another.
std::string process_namespace() {
  std::array<char, 128> text{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", text.data(), text.size());
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "-";
}

/// When the process began, in ticks since the machine's start; "" when there is none, or only what
/// its parent has not collected.
std::string begin_of(const std::string& process) {
  std::ifstream stream("/proc/" + process + "/stat");
  std::string line;
  std::getline(stream, line);
  const std::size_t name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields = words(std::string_view(line).substr(name_end + 1));
  constexpr std::size_t kState = 0;
  constexpr std::size_t kBegin = 19;
  if (fields.size() <= kBegin || fields[kState] == "Z" || fields[kState] == "X") return "";
  return fields[kBegin];
}

std::string here() {
  return first_word_of("/proc/sys/kernel/random/boot_id") + ' ' + process_namespace();
}

}  // namespace

std::string this_process() {
  const std::string id = std::to_string(::getpid());
  return here() + ' ' + id + ' ' + begin_of(id);
}

std::optional<bool> process_lives(std::string_view process) {
  const std::vector<std::string> parts = words(process, " ");
  if (parts.size() != 4 || parts[0] + ' ' + parts[1] != here()) return std::nullopt;
  if (!parse_uint(parts[2])) return std::nullopt;
  return begin_of(parts[2]) == parts[3];
}

}  // namespace orch
