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

}  // namespace

std::string format_problem(const ConfigProblem& problem) {
  std::string text;
  if (!problem.file.empty()) text += problem.file + ":";
  if (problem.line > 0) text += fmt::format("{}:", problem.line);
  if (problem.column > 0) text += fmt::format("{}:", problem.column);
  if (!text.empty()) text += ' ';
  text += problem.severity == Severity::Error ? "error: " : "warning: ";
  if (!problem.key.empty()) text += problem.key + ": ";
  return text += problem.message;
}

std::string legacy_text(const ConfigProblem& problem) {
  const bool names_no_key = problem.message.find("regular expression") != std::string::npos;
  if (!problem.in_reading) {
    return names_no_key && !problem.key.empty() ? problem.key + ": " + problem.message
                                                : problem.message;
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
