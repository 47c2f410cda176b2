#include "cmd/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch::cmd {

namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// stderr has no further place to complain to.
void tell(std::string_view text) {
  [[maybe_unused]] const bool told = write_all(STDERR_FILENO, text);
}

std::size_t terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - 1U : 79U;
}

}  // namespace

bool print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return true;
  complain("the answer could not be written to standard output");
  return false;
}

void complain(std::string_view text) {
  tell(fmt::format("orch: {}\n", replace_all(printable(text), "\n", " ")));
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidInput:
      return 2;
    case ErrorKind::NotFound:
      return 3;
    case ErrorKind::Unreachable:
      return 4;
    case ErrorKind::Denied:
      return 5;
    case ErrorKind::Refused:
      return 6;
    case ErrorKind::Conflict:
      return 7;
    case ErrorKind::Broken:
      return 1;
  }
  return 1;
}

TerminalProgress::TerminalProgress(bool speaks)
    : terminal_(speaks && ::isatty(STDERR_FILENO) == 1), speaks_(speaks) {}

void TerminalProgress::show(std::string_view line) {
  if (!terminal_ || (line.empty() && !shown_)) return;
  tell(fmt::format("\r\x1B[K{}", printable(line.substr(0, terminal_width()))));
  shown_ = !line.empty();
}

void TerminalProgress::say(std::string_view line) {
  if (!speaks_) return;
  show("");
  tell(fmt::format("{}\n", printable(line)));
}

void TerminalProgress::note(std::string_view line) {
  show("");
  complain(line);
}

}  // namespace orch::cmd
