#include "storage/mysql.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/mysql/change_statements.h"
#include "core/mysql/connection.h"

namespace orch::storage {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A connection that was idle for longer is tried before it is relied on.
constexpr std::chrono::seconds kTrusted{2};
/// How long at most is waited for what passes: conflicts, and a server that is away. Whoever holds
/// a lease or a recovery must learn soon that it does not.
constexpr milliseconds kPatience{5000};
constexpr milliseconds kFirstPause{3};
constexpr milliseconds kLongestPause{200};

/// What a failure says about another try.
enum class Trouble {
  Lasting,   ///< it would fail again
  Conflict,  ///< the transaction gave way to somebody else's, and is undone
  ReadOnly,  ///< this server takes no writes just now; one behind the same address may
  Away,      ///< this server takes nothing just now, or cannot be reached
};

Trouble trouble_of(unsigned code) {
  switch (code) {
    case 1020:  // the row was changed since it was read (MariaDB)
    case 1205:  // lock wait timeout
    case 1213:  // deadlock; a conflict that Galera found
    case 3101:  // a conflict that Group Replication found
      return Trouble::Conflict;
    case 1290:  // read_only
    case 1836:  // read_only (MariaDB)
    case 3100:  // Group Replication cannot commit: the member is leaving
      return Trouble::ReadOnly;
    case 1040:  // too many connections
    case 1047:  // Galera without a quorum, or catching up
    case 1053:  // shutting down
    case 1180:  // Galera lost its quorum while it committed
    case 1927:  // connection was killed (MariaDB)
      return Trouble::Away;
    default:
      return Trouble::Lasting;
  }
}

/// One row of a buffered answer.
class MySqlRow final : public Row {
 public:
  explicit MySqlRow(const std::vector<ResultSet::Value>& values) : values_(values) {}

  [[nodiscard]] bool is_null(std::size_t column) const override {
    return column >= values_.size() || !values_[column];
  }
  [[nodiscard]] std::int64_t integer(std::size_t column) const override {
    const std::string_view text = trim(view(column));
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  [[nodiscard]] std::string_view view(std::size_t column) const override {
    return is_null(column) ? std::string_view() : std::string_view(*values_[column]);
  }

 private:
  const std::vector<ResultSet::Value>& values_;
};

void append_value(std::string& sql, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sql += fmt::format("{}", *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sql += fmt::format("{}", *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sql += sql_quoted(*text);
  } else {
    sql += "null";
  }
}

/// The statement with its arguments in place of the question marks, but for those in quotes.
Result<std::string> with_arguments(std::string_view sql, std::span<const SqlValue> arguments) {
  std::string text;
  std::size_t next = 0;
  bool quoted = false;
  for (const char c : sql) {
    if (c == '\'') quoted = !quoted;
    if (c != '?' || quoted) {
      text += c;
    } else if (next == arguments.size()) {
      return fail(ErrorKind::InvalidInput, "a statement wants more arguments than it is given");
    } else {
      append_value(text, arguments[next++]);
    }
  }
  return text;
}

class MySqlDatabase final : public Database {
 public:
  MySqlDatabase(ConnectOptions options, std::string schema, milliseconds read_timeout,
                std::chrono::seconds lifetime)
      : options_(std::move(options)),
        schema_(std::move(schema)),
        name_(fmt::format("{}:{}", options_.host, options_.port)),
        read_timeout_(read_timeout),
        lifetime_(lifetime) {}

  using Database::execute;
  using Database::select;

  [[nodiscard]] const Dialect& dialect() const override { return dialect_; }
  [[nodiscard]] const std::string& name() const override { return name_; }

  Result<> open() {
    const std::lock_guard lock(mutex_);
    ORCH_TRY(connect());
    return {};
  }

  Result<> select(std::string_view sql, std::span<const SqlValue> arguments,
                  const std::function<void(const Row&)>& each) override {
    const std::lock_guard lock(mutex_);
    ORCH_ASSIGN(const ResultSet answer,
                with_patience([&] { return run(sql, arguments); }, Kind::Reading));
    for (const std::vector<ResultSet::Value>& values : answer.rows)
      each(MySqlRow(values));
    return {};
  }

  Result<std::int64_t> execute(std::string_view sql, std::span<const SqlValue> arguments) override {
    const std::lock_guard lock(mutex_);
    ORCH_ASSIGN(const ResultSet answer,
                with_patience([&] { return run(sql, arguments); }, Kind::Writing));
    return static_cast<std::int64_t>(answer.affected_rows);
  }

  Result<> execute_script(std::string_view sql) override {
    const std::lock_guard lock(mutex_);
    while (!sql.empty()) {
      const std::size_t end = sql.find(';');
      const std::string_view statement = trim(sql.substr(0, end));
      if (!statement.empty()) ORCH_TRY(execute(statement, {}));
      sql = end == std::string_view::npos ? std::string_view() : sql.substr(end + 1);
    }
    return {};
  }

  Result<> transaction(const std::function<Result<>()>& work) override {
    const std::lock_guard lock(mutex_);
    if (in_transaction_) return work();
    return with_patience([&] { return try_transaction("start transaction", work); },
                         Kind::Transaction);
  }

  Result<> reading(const std::function<Result<>()>& work) override {
    const std::lock_guard lock(mutex_);
    if (in_transaction_) return work();
    const auto attempt = [&]() -> Result<> {
      // Of the next transaction alone, whatever the server's default is.
      ORCH_TRY(run("set transaction isolation level repeatable read", {}));
      return try_transaction("start transaction with consistent snapshot, read only", work);
    };
    return with_patience(attempt, Kind::Transaction);
  }

  [[nodiscard]] std::int64_t last_insert_id() const override {
    const std::lock_guard lock(mutex_);
    std::int64_t id = 0;
    auto* self = const_cast<MySqlDatabase*>(this);  // NOLINT: asking the server changes nothing
    if (auto answer = self->run("select last_insert_id()", {}); answer && !answer->empty()) {
      id = MySqlRow(answer->rows.front()).integer(0);
    }
    return id;
  }

 private:
  [[nodiscard]] SteadyPoint deadline() const { return steady_clock::now() + read_timeout_; }

  [[nodiscard]] Error told(Error error) const {
    error.message = fmt::format("backend database {}", error.message);
    return error;
  }

  enum class Kind {
    Reading,
    Writing,  ///< not repeated when the connection broke, and nobody knows whether it was done
    Transaction,
  };

  /// Does it again while it may go better. A server that is away for long is not waited for by each
  /// caller anew: the time counts from when it was first missed.
  template <typename Attempt>
  auto with_patience(const Attempt& attempt, Kind kind) -> decltype(attempt()) {
    if (in_transaction_) return attempt();
    const SteadyPoint begun = steady_clock::now();
    const milliseconds patience = std::min(read_timeout_, kPatience);
    for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
      doomed_.reset();
      unanswered_ = false;
      auto outcome = attempt();
      const SteadyPoint now = steady_clock::now();
      if (outcome) {
        if (missed_ != Trouble::ReadOnly || kind != Kind::Reading) missed_ = Trouble::Lasting;
        return outcome;
      }
      if (trouble_ == Trouble::Lasting || (unanswered_ && kind == Kind::Writing)) return outcome;
      if (trouble_ != Trouble::Conflict && missed_ == Trouble::Lasting) {
        missed_ = trouble_;
        missed_since_ = now;
      }
      const SteadyPoint since = trouble_ == Trouble::Conflict ? begun : missed_since_;
      if (now - since >= patience) return outcome;
      // Not in step with whoever it gave way to.
      std::uniform_int_distribution<std::int64_t> some(pause.count() / 2, pause.count());
      std::this_thread::sleep_for(milliseconds(some(random_)));
    }
  }

  Result<> try_transaction(std::string_view begin, const std::function<Result<>()>& work) {
    ORCH_TRY(run(begin, {}));
    in_transaction_ = true;
    Result<> outcome = work();
    // Whatever `work` made of it: nothing of the transaction is left.
    if (doomed_) outcome = fail(*doomed_);
    const Trouble trouble = doomed_ ? trouble_ : Trouble::Lasting;
    if (outcome) {
      if (auto committed = run("commit", {}); !committed) {
        outcome = fail(std::move(committed).error());
      }
    } else {
      trouble_ = trouble;
    }
    const Trouble why = trouble_;
    doomed_.reset();
    // With the connection the transaction is gone, too.
    if (!outcome && connection_ && connection_->usable()) {
      if (auto undone = run("rollback", {}); !undone) connection_.reset();
    }
    trouble_ = why;
    in_transaction_ = false;
    return outcome;
  }

  Result<> connect() {
    connection_.reset();
    auto connection = Connection::connect(options_, deadline());
    if (!connection) return fail(told(std::move(connection).error()));
    const std::string quoted = "`" + replace_all(schema_, "`", "``") + "`";
    const std::string lock_wait =
        fmt::format("set session innodb_lock_wait_timeout = {}",
                    std::max<std::int64_t>(
                        1, std::chrono::floor<std::chrono::seconds>(read_timeout_ / 2).count()));
    for (const std::string& statement :
         {std::string("set session sql_mode = 'PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION', time_zone "
                      "= '+00:00', autocommit = 1"),
          lock_wait, "use " + quoted}) {
      auto done = connection->query(statement, deadline());
      if (!done && statement.starts_with("use ") && done.error().kind == ErrorKind::NotFound) {
        done = connection->query("create database if not exists " + quoted, deadline());
        if (done) done = connection->query(statement, deadline());
      }
      if (!done) return fail(told(std::move(done).error()));
    }
    connection_ = *std::move(connection);
    used_ = opened_ = steady_clock::now();
    return {};
  }

  /// A connection that answers, as far as that can be known.
  Result<> ensure_connected() {
    if (connection_ && connection_->usable()) {
      const SteadyPoint now = steady_clock::now();
      const bool worn = lifetime_.count() > 0 && now - opened_ >= lifetime_;
      if (in_transaction_ || (!worn && now - used_ < kTrusted)) return {};
      if (!worn && connection_->query("do 1", deadline())) return {};
    }
    if (in_transaction_) {
      return fail(told({ErrorKind::Unreachable, name_ + ": the connection was lost in the middle "
                                                        "of a transaction, which is undone"}));
    }
    return connect();
  }

  Result<ResultSet> run(std::string_view sql, std::span<const SqlValue> arguments) {
    if (doomed_) return fail(*doomed_);
    trouble_ = Trouble::Lasting;
    ORCH_ASSIGN(const std::string text, with_arguments(sql, arguments));
    auto answer = ask(text);
    if (!answer && in_transaction_ && trouble_ != Trouble::Lasting) doomed_ = answer.error();
    return answer;
  }

  Result<ResultSet> ask(const std::string& text) {
    if (auto connected = ensure_connected(); !connected) {
      const ErrorKind kind = connected.error().kind;
      if (kind != ErrorKind::Denied && kind != ErrorKind::InvalidInput) trouble_ = Trouble::Away;
      return fail(std::move(connected).error());
    }
    const std::array<std::string, 1> packet{text};
    auto answers = connection_->query_many(packet, deadline());
    used_ = steady_clock::now();
    if (!answers) {
      trouble_ = Trouble::Away;
      unanswered_ = true;
      return fail(told(std::move(answers).error()));
    }
    if (answers->refused) {
      trouble_ = trouble_of(answers->refused->code);
      // A new connection may lead to another server.
      const bool elsewhere = trouble_ == Trouble::ReadOnly || trouble_ == Trouble::Away;
      if (elsewhere) connection_.reset();
      return fail(told(std::move(answers->refused->error)));
    }
    if (answers->results.empty()) return fail(told({ErrorKind::Broken, name_ + ": no answer"}));
    return std::move(answers->results.front());
  }

  const ConnectOptions options_;
  const std::string schema_;
  const std::string name_;
  const milliseconds read_timeout_;
  const std::chrono::seconds lifetime_;  ///< 0: for as long as it works
  const Dialect dialect_{Dialect::Kind::MySql};
  // Recursive, as work inside a transaction comes back here.
  mutable std::recursive_mutex mutex_;
  std::optional<Connection> connection_;
  SteadyPoint used_{};
  SteadyPoint opened_{};
  bool in_transaction_{false};
  Trouble trouble_{Trouble::Lasting};  ///< of the latest statement that failed
  bool unanswered_{false};             ///< the connection broke after a statement was sent
  std::optional<Error> doomed_{};      ///< why the transaction at hand is undone already
  Trouble missed_{Trouble::Lasting};   ///< what the server has been missed for, since then
  SteadyPoint missed_since_{};
  std::minstd_rand random_{std::random_device{}()};
};

TlsOptions tls_of(const BackendSettings& settings) {
  const bool wanted = settings.mysql_orchestrator_use_mutual_tls ||
                      !settings.mysql_orchestrator_ssl_ca_file.empty();
  return {.policy = wanted ? TlsPolicy::Always : TlsPolicy::Never,
          .ca_file = settings.mysql_orchestrator_ssl_ca_file,
          .cert_file = settings.mysql_orchestrator_ssl_cert_file,
          .key_file = settings.mysql_orchestrator_ssl_private_key_file,
          .skip_verify = settings.mysql_orchestrator_ssl_skip_verify};
}

}  // namespace

Result<std::unique_ptr<Database>> open_mysql(const BackendSettings& settings,
                                             milliseconds read_timeout) {
  if (settings.mysql_orchestrator_host.empty() || settings.mysql_orchestrator_database.empty()) {
    return fail(ErrorKind::InvalidInput,
                "BackendDB is mysql: set MySQLOrchestratorHost and MySQLOrchestratorDatabase, or "
                "BackendDB to sqlite and SQLite3DataFile to a file");
  }
  auto database = std::make_unique<MySqlDatabase>(
      ConnectOptions{.host = settings.mysql_orchestrator_host,
                     .port = static_cast<std::uint16_t>(settings.mysql_orchestrator_port),
                     .user = settings.mysql_orchestrator_user,
                     .password = settings.mysql_orchestrator_password,
                     .tls = tls_of(settings),
                     .connect_timeout = settings.mysql_connect_timeout_seconds,
                     .max_packet = settings.mysql_orchestrator_max_allowed_packet,
                     .count_found_rows = true},
      settings.mysql_orchestrator_database, read_timeout,
      settings.mysql_connection_lifetime_seconds);
  ORCH_TRY(database->open());
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace orch::storage
