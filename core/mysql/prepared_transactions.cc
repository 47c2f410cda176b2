#include "core/mysql/prepared_transactions.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>

namespace orch {

namespace {

/// InnoDB answers INNODB_TRX out of a cache, which it renews only when nobody has read it for a
/// tenth of a second (MySQL manual, "Persistence and Consistency of InnoDB Transaction and Locking
/// Information"): whoever asks more often sees for ever what there was.
constexpr std::chrono::milliseconds kPause{120};

constexpr std::string_view kRecover = "XA RECOVER CONVERT XID";
constexpr std::string_view kRecoverPlain = "XA RECOVER";  // MariaDB knows no CONVERT XID
constexpr std::string_view kOfNoSession =
    "SELECT trx_id AS data FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0";

Result<std::optional<std::set<std::string>>> ask_for_prepared(SqlSession& session,
                                                              std::string_view question,
                                                              SteadyPoint deadline) {
  const std::string text(question);
  ORCH_ASSIGN(const Answers answers, session.query_many({&text, 1}, deadline));
  if (answers.refused || answers.results.empty()) return std::optional<std::set<std::string>>();
  const ResultSet& found = answers.results.front();
  std::set<std::string> ids;
  for (std::size_t i = 0; i < found.rows.size(); ++i)
    ids.insert(Row(found, i).text("data"));
  return std::optional<std::set<std::string>>(std::move(ids));
}

}  // namespace

Result<std::set<std::string>> prepared_transactions(SqlSession& session, SteadyPoint deadline) {
  for (const std::string_view question : {kRecover, kRecoverPlain, kOfNoSession}) {
    ORCH_ASSIGN(std::optional<std::set<std::string>> found,
                ask_for_prepared(session, question, deadline));
    if (found) return *std::move(found);
  }
  return std::set<std::string>();
}

Result<> await_prepared_transactions(SqlSession& session, bool none_at_all,
                                     std::chrono::milliseconds patience, SteadyPoint deadline) {
  const SteadyPoint end = std::min(deadline, std::chrono::steady_clock::now() + patience);
  ORCH_ASSIGN(std::set<std::string> waited_for, prepared_transactions(session, deadline));
  while (!waited_for.empty()) {
    if (std::chrono::steady_clock::now() + kPause >= end) {
      return fail(ErrorKind::Conflict,
                  std::to_string(waited_for.size()) + " prepared XA transaction" +
                      (waited_for.size() == 1 ? "" : "s") +
                      " could be committed there whatever read_only says: commit or roll back "
                      "first what XA RECOVER lists");
    }
    std::this_thread::sleep_for(kPause);
    ORCH_ASSIGN(std::set<std::string> now, prepared_transactions(session, deadline));
    if (none_at_all) {
      waited_for = std::move(now);
    } else {
      std::erase_if(waited_for, [&](const std::string& id) { return !now.contains(id); });
    }
  }
  return {};
}

}  // namespace orch
