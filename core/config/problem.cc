#include "core/config/problem.h"

#include <algorithm>

#include <fmt/format.h>

namespace orch {

namespace {

std::string place(const ConfigProblem& problem) {
  std::string text;
  if (problem.line > 0) text = fmt::format("line {}", problem.line);
  if (problem.column > 0) text += fmt::format(" column {}", problem.column);
  return text;
}

/// "FILE:LINE:COLUMN: "
std::string file_and_line(const ConfigProblem& problem) {
  std::string text;
  if (!problem.file.empty()) text += problem.file + ":";
  if (problem.line > 0) text += fmt::format("{}:", problem.line);
  if (problem.column > 0) text += fmt::format("{}:", problem.column);
  return text.empty() ? text : text + ' ';
}

}  // namespace

std::string format_problem(const ConfigProblem& problem) {
  std::string text = file_and_line(problem);
  text += problem.severity == Severity::Error ? "error: " : "warning: ";
  if (!problem.key.empty()) text += problem.key + ": ";
  return text += problem.message;
}

std::string legacy_text(const ConfigProblem& problem) {
  if (!problem.in_reading) {
    // What orchestrator says itself tells where to look; what only we refuse does not.
    const bool tells = problem.key.empty() ||
                       problem.message.find(problem.key) != std::string::npos ||
                       problem.message.starts_with("Failed to parse");
    return tells ? problem.message
                 : fmt::format("{}{}: {}", file_and_line(problem), problem.key, problem.message);
  }
  std::string text = "Cannot read config file: " + problem.file;
  if (const std::string where = place(problem); !where.empty()) text += " " + where + ":";
  if (!problem.key.empty()) text += " " + problem.key + ":";
  return text + " " + problem.message;
}

bool has_errors(const std::vector<ConfigProblem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const ConfigProblem& problem) {
    return problem.severity == Severity::Error;
  });
}

}  // namespace orch
