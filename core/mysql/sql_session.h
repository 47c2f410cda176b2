#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/mysql/result_set.h"

namespace orch {

/// The server's refusal of one statement. The session goes on.
struct Refusal {
  std::size_t index{0};  ///< of the statement in its packet
  unsigned code{0};      ///< the server's error number
  Error error{};
};

/// The answers to the statements of one packet. An error ends a packet: when `refused` is set,
/// there is one result for each statement before it, and those behind it were not run.
struct Answers {
  std::vector<ResultSet> results{};
  std::optional<Refusal> refused{};
  std::optional<Error> lost{};  ///< query_each() only: the session ended behind the results
};

/// One login at one server. Implemented by Connection; tests use tests/support/scripted_session.h.
class SqlSession {
 public:
  virtual ~SqlSession() = default;

  /// Sends the statements as one packet and reads all answers. Errors (Unreachable, Broken) mean
  /// that the session is of no use any more. Never outlives `deadline`.
  Result<Answers> query_many(std::span<const std::string> statements, SteadyPoint deadline);
  /// As query_many(), but keeps what was answered before the session ended.
  virtual Result<Answers> query_each(std::span<const std::string> statements,
                                     SteadyPoint deadline) = 0;

  /// What the server called itself when it greeted, without MariaDB's "5.5.5-" in front.
  [[nodiscard]] virtual const std::string& server_version() const = 0;
};

/// One statement; the server's refusal is an error here.
Result<ResultSet> query(SqlSession& session, const std::string& statement, SteadyPoint deadline);

}  // namespace orch
