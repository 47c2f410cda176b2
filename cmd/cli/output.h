#pragma once

#include <string>
#include <string_view>

#include "cmd/command/services.h"
#include "core/base/error.h"

namespace orch::cmd {

/// Writes all of it to stdout. False, and a complaint, when it could not be written: a full disk, a
/// closed pipe.
bool print(std::string_view text);
/// One line to stderr: "orch: <text>".
void complain(std::string_view text);

/// What a script sees of an error: see verb_overview().
int exit_code(ErrorKind kind);

/// One line on stderr that is written over, when stderr is a terminal; said lines always.
class TerminalProgress final : public Progress {
 public:
  /// `speaks`: whether lines that stay are printed at all.
  explicit TerminalProgress(bool speaks);
  void show(std::string_view line) override;
  void say(std::string_view line) override;
  void note(std::string_view line) override;

 private:
  bool terminal_{false};
  bool speaks_{false};
  bool shown_{false};
};

}  // namespace orch::cmd
