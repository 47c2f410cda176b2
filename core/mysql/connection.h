#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/mysql/result_set.h"
#include "core/mysql/sql_session.h"

namespace orch {

/// The client library's global state; also ignores SIGPIPE, which a TLS link to a server that
/// went away would raise. To be made before any thread starts; lasts until the process ends.
class MySqlLibrary {
 public:
  MySqlLibrary();
  MySqlLibrary(const MySqlLibrary&) = delete;
  MySqlLibrary& operator=(const MySqlLibrary&) = delete;
};

enum class TlsPolicy {
  Never,
  Mixed,   ///< plain; with TLS when the server asks for it (3159) or denies access (1045)
  Always,  ///< an unencrypted session is an error
};

struct TlsOptions {
  TlsPolicy policy{TlsPolicy::Never};
  std::string ca_file{};
  std::string cert_file{};
  std::string key_file{};
  bool skip_verify{false};  ///< neither the certificate's chain nor its name is looked at
};

struct ConnectOptions {
  std::string host{};  ///< name or address
  std::uint16_t port{3306};
  std::string user{};
  Secret password{};
  std::string database{};  ///< "" for none
  TlsOptions tls{};
  /// Bound on reaching the server and logging in, within the deadline. Zero: the deadline alone.
  std::chrono::milliseconds connect_timeout{0};
  /// Largest packet that is taken; zero or less: 64 MiB.
  std::int64_t max_packet{-1};
  /// ResultSet::affected_rows counts the rows that an UPDATE found, not those that it changed.
  bool count_found_rows{false};
};

/// A login at a MySQL or MariaDB server over TCP. One thread at a time. Every wait ends at the
/// deadline of its call, whatever the server does. Errors name host:port and say what to do.
class Connection final : public SqlSession {
 public:
  /// Errors: Unreachable (name, network, timeout, server too busy), Denied (account, TLS wanted by
  /// the server), Broken (not a MySQL server, TLS that does not work), InvalidInput (certificate
  /// files, no user).
  static Result<Connection> connect(const ConnectOptions& options, SteadyPoint deadline);

  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection() override;

  Result<Answers> query_each(std::span<const std::string> statements,
                             SteadyPoint deadline) override;
  /// One statement; the server's refusal is an error too: see kind_of_server_error().
  Result<ResultSet> query(const std::string& statement, SteadyPoint deadline);

  [[nodiscard]] const std::string& server_version() const override;
  [[nodiscard]] bool uses_tls() const;
  /// False after a call that failed for more than the statement's sake.
  [[nodiscard]] bool usable() const;
  /// For poll(); of no use while a call is under way.
  [[nodiscard]] int socket() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

/// What an error number of a server or of the client library means to a caller; numbers not known
/// here are Refused.
ErrorKind kind_of_server_error(unsigned code);

}  // namespace orch
