#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/base/result.h"

namespace orch::cmd {

// A command and its answer between two processes, as lines of JSON: what the route orch/command
// takes and gives. An answer is lines of progress and in the end one with the reply or the error.

/// What one process asks another to run.
struct CommandRequest {
  std::string command{};
  Args args{};
  std::string user{};  ///< who asks, as the asking process's host knows
  bool colour{false};  ///< people will read the answer on a terminal
};

std::string to_text(const CommandRequest& request);
/// Errors: InvalidInput.
Result<CommandRequest> parse_command_request(std::string_view text);

enum class ProgressKind { Show, Say, Note };  ///< as the functions of Progress
std::string progress_line(ProgressKind kind, std::string_view text);
std::string reply_line(const Result<Reply>& reply);

/// Hands a line of progress on; an empty line is a sign of life only. The reply, when the line is
/// the last; a line of no use is an error Broken in its place.
std::optional<Result<Reply>> read_answer_line(std::string_view line, Progress& progress);

/// "Refused"; as errors are named in JSON.
std::string_view kind_name(ErrorKind kind);

}  // namespace orch::cmd
