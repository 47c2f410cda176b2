#include "cmd/serve/statement_tally.h"

#include <algorithm>
#include <array>

namespace orch::cmd {

namespace {

/// What a statement of a sort is: its verb, what follows somewhere behind it, and orchestrator's
/// name. The first that fits counts.
struct StatementKind {
  std::string_view verb{};
  std::string_view words{};  ///< whole words
  std::string_view name{};
};

constexpr std::string_view kChange = "analysis.change.write";
constexpr std::string_view kChangeAttempt = "analysis.change.write.attempt";

constexpr std::array<StatementKind, 10> kStatementKinds{{
    {"insert", "into database_instance_analysis_changelog", kChange},
    {"insert", "into audit", "audit.write"},
    {"insert", "into database_instance_tls", "instance_tls.write"},
    {"insert", "into hostname_resolve", "resolve.write_resolved"},
    {"insert", "into hostname_unresolve", "resolve.write_unresolved"},
    {"select", "from database_instance_tls", "instance_tls.read"},
    {"select", "from database_instance", "instance.read"},
    {"select", "from hostname_resolve where", "resolve.read_resolved"},
    {"select", "from hostname_resolve", "resolve.read_resolved_all"},
    {"select", "from hostname_unresolve", "resolve.read_unresolved"},
}};

bool holds_words(std::string_view sql, std::string_view words) {
  for (std::size_t at = sql.find(words); at != std::string_view::npos;
       at = sql.find(words, at + 1)) {
    const std::size_t end = at + words.size();
    if (end == sql.size() || sql[end] == ' ' || sql[end] == '\n') return true;
  }
  return false;
}

}  // namespace

StatementTally::StatementTally() {
  for (const StatementKind& kind : kStatementKinds)
    counts_[std::string(kind.name)] = 0;
  counts_[std::string(kChangeAttempt)] = 0;
}

void StatementTally::add(std::string_view sql, bool failed) {
  sql = sql.substr(std::min(sql.find_first_not_of(" \n"), sql.size()));
  for (const StatementKind& kind : kStatementKinds) {
    if (!sql.starts_with(kind.verb) || !holds_words(sql, kind.words)) continue;
    const MutexLock lock(mutex_);
    if (kind.name == kChange) ++counts_.find(kChangeAttempt)->second;
    if (!failed) ++counts_.find(kind.name)->second;
    return;
  }
}

StatementTally::Counts StatementTally::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

}  // namespace orch::cmd
