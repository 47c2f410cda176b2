#include "storage/sqlite.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "storage/room.h"

namespace orch::storage {

namespace {

/// Statements kept prepared; beyond that all are dropped and prepared anew when needed.
constexpr std::size_t kMostStatements = 64;

constexpr const char* kNoDatabase =
    "is not a SQLite database; check SQLite3DataFile, or move the file away";

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// Why a file could not be opened, as far as the file system tells.
std::string why_not_opened(const std::string& file, int system_error) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path path(file);
  if (fs::is_directory(path, ignored)) return "it is a directory; name a file in it";
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code hidden;
  if (!fs::exists(parent, hidden) && !hidden) {
    return fmt::format("the directory {} does not exist; create it", parent.string());
  }
  if (!hidden && !fs::is_directory(parent, ignored)) {
    return fmt::format("{} is not a directory", parent.string());
  }
  // Where no new file may be made, the library looks for an old one to read, and finds none.
  if (system_error == ENOENT && ::access(parent.c_str(), W_OK) != 0) system_error = errno;
  if (system_error == EROFS) {
    return "its file system is read-only; name a file on another in SQLite3DataFile";
  }
  if (system_error == EACCES || system_error == EPERM) {
    return "permission denied; give this user read and write access to the file and its directory";
  }
  if (system_error != 0) return std::generic_category().message(system_error);
  return "it cannot be opened; check the path and its permissions";
}

/// A file on the disk; a URI may say more about it, and a database in memory has none.
bool is_plain_path(std::string_view file) {
  return file != ":memory:" && !file.starts_with("file:");
}

/// The beginning of the file: SQLite's header, or nothing. Read through SQLite's own descriptor: to
/// open and close the file beside it would drop the locks of all connections that this process has
/// (sqlite.org/howtocorrupt.html, 2.2).
std::string read_header(sqlite3* connection) {
  constexpr int kHeaderSize = 100;
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr) {
    return {};
  }
  std::string header(kHeaderSize, '\0');
  if (file->pMethods->xRead(file, header.data(), kHeaderSize, 0) != SQLITE_OK) return {};
  return header;
}

std::uint64_t number_at(std::string_view header, std::size_t place, std::size_t bytes) {
  std::uint64_t number = 0;
  for (const char c : header.substr(place, bytes))
    number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

/// Whether the file is shorter than its header says. SQLite itself would notice when it comes to a
/// page that is missing, in the middle of something.
bool is_cut_off(sqlite3* connection, const std::string& file) {
  const std::string header = read_header(connection);
  if (header.size() < 100 || !header.starts_with("SQLite format 3")) return false;
  const std::uint64_t page_size = number_at(header, 16, 2) == 1 ? 65'536 : number_at(header, 16, 2);
  const bool counts = number_at(header, 24, 4) == number_at(header, 92, 4);
  const auto is_short = [&] {
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(file, none);
    return !none && counts && size < number_at(header, 28, 4) * page_size;
  };
  const auto is_in_work = [&](const char* ending) {
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(file + ending, none);
    return !none && size > 0;
  };
  // While somebody moves a log into the file, the header may be ahead of it.
  return is_short() && !is_in_work("-wal") && !is_in_work("-journal") && is_short();
}

/// What is wrong with the file before SQLite looks at it.
Result<> check_file(const std::string& file) {
  std::error_code none;
  const std::filesystem::file_status status = std::filesystem::status(file, none);
  if (!std::filesystem::exists(status) || std::filesystem::is_directory(status)) return {};
  if (!std::filesystem::is_regular_file(status)) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("backend database {} is a device, pipe or socket; name a regular file "
                            "in SQLite3DataFile",
                            file));
  }
  // SQLite takes exactly one byte for an empty file, and writes over it.
  if (const std::uintmax_t size = std::filesystem::file_size(file, none); !none && size == 1) {
    return fail(ErrorKind::Broken, "backend database " + file + " " + kNoDatabase);
  }
  return {};
}

/// What SQLite would notice late.
Result<> check_length(sqlite3* connection, const std::string& file) {
  if (!is_cut_off(connection, file)) return {};
  return fail(
      ErrorKind::Broken,
      fmt::format("backend database {} is damaged or truncated: its end is missing; restore it "
                  "from a backup, or move it away and let discovery fill a new one",
                  file));
}

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}

  [[nodiscard]] bool is_null(std::size_t column) const override {
    return sqlite3_column_type(statement_, static_cast<int>(column)) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t integer(std::size_t column) const override {
    return sqlite3_column_int64(statement_, static_cast<int>(column));
  }
  [[nodiscard]] std::string_view view(std::size_t column) const override {
    const auto* text =
        reinterpret_cast<const char*>(sqlite3_column_text(statement_, static_cast<int>(column)));
    if (text == nullptr) return {};
    return {text,
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, static_cast<int>(column)))};
  }

 private:
  sqlite3_stmt* statement_;
};

int bind(sqlite3_stmt* statement, int place, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return sqlite3_bind_int64(statement, place, *integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return sqlite3_bind_double(statement, place, *real);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, place, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  return sqlite3_bind_null(statement, place);
}

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::string file, Connection connection, std::chrono::milliseconds busy_timeout)
      : file_(std::move(file)), connection_(std::move(connection)), busy_timeout_(busy_timeout) {}

  ~SqliteDatabase() override { shorten_log(); }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  using Database::execute;
  using Database::select;

  [[nodiscard]] const Dialect& dialect() const override { return dialect_; }
  [[nodiscard]] const std::string& name() const override { return file_; }

  Result<> select(std::string_view sql, std::span<const SqlValue> arguments,
                  const std::function<void(const Row&)>& each) override {
    const std::lock_guard lock(mutex_);
    return run(sql, arguments, each);
  }

  Result<std::int64_t> execute(std::string_view sql, std::span<const SqlValue> arguments) override {
    const std::lock_guard lock(mutex_);
    ORCH_TRY(run(sql, arguments, [](const Row&) {}));
    return std::int64_t{sqlite3_changes64(connection_.get())};
  }

  Result<> execute_script(std::string_view sql) override {
    const std::lock_guard lock(mutex_);
    while (!sql.empty()) {
      ORCH_ASSIGN(const Statement statement, prepare(sql));
      if (statement) ORCH_TRY(step_through(statement.get(), [](const Row&) {}));
    }
    return {};
  }

  Result<> transaction(const std::function<Result<>()>& work) override {
    // IMMEDIATE: the write lock is waited for here, where nothing has been read yet that another
    // process could make stale.
    return run_between("begin immediate", work);
  }
  Result<> reading(const std::function<Result<>()>& work) override {
    return run_between("begin", work);
  }

  [[nodiscard]] std::int64_t last_insert_id() const override {
    const std::lock_guard lock(mutex_);
    return sqlite3_last_insert_rowid(connection_.get());
  }

  /// What went wrong, by number, and what to do about it.
  [[nodiscard]] Error error(int code) const {
    const auto told = [this](ErrorKind kind, std::string_view what) {
      return Error{kind, fmt::format("backend database {} {}", file_, what)};
    };
    switch (code & 0xff) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return told(ErrorKind::Unreachable,
                    fmt::format("has been locked by another process for {} ms; find out which one "
                                "holds it, or try again",
                                busy_timeout_.count()));
      case SQLITE_READONLY:
        return told(ErrorKind::Denied,
                    "is read-only; make the file and its directory writable for this user");
      case SQLITE_PERM:
      case SQLITE_AUTH:
        return told(ErrorKind::Denied, "cannot be used: permission denied");
      case SQLITE_CANTOPEN:
        return told(
            ErrorKind::Unreachable,
            "cannot be opened: " + why_not_opened(file_, sqlite3_system_errno(connection_.get())));
      case SQLITE_NOTADB:
        return told(ErrorKind::Broken, kNoDatabase);
      case SQLITE_CORRUPT:
        return told(ErrorKind::Broken,
                    "is damaged or truncated; restore it from a backup, or move it away and let "
                    "discovery fill a new one");
      case SQLITE_FULL:
        return told(ErrorKind::Broken, kNoRoom);
      case SQLITE_IOERR:
        if (sqlite3_system_errno(connection_.get()) == ENOSPC) {
          return told(ErrorKind::Broken, kNoRoom);
        }
        return told(
            ErrorKind::Broken,
            fmt::format("cannot be read or written: {}; check the disk",
                        std::generic_category().message(sqlite3_system_errno(connection_.get()))));
      default:
        return told(ErrorKind::Broken,
                    fmt::format("refused a statement: {}", sqlite3_errmsg(connection_.get())));
    }
  }

 private:
  Result<> run_between(std::string_view begin, const std::function<Result<>()>& work) {
    const std::lock_guard lock(mutex_);
    if (in_transaction_) return work();
    ORCH_TRY(execute(begin));
    in_transaction_ = true;
    Result<> outcome = work();
    if (outcome) {
      if (Result<std::int64_t> committed = execute("commit"); !committed) {
        outcome = fail(std::move(committed).error());
      }
    }
    in_transaction_ = false;
    // Some failures (a full disk) have rolled back by themselves.
    if (!outcome && sqlite3_get_autocommit(connection_.get()) == 0) {
      if (const Result<std::int64_t> undone = execute("rollback"); !undone) {
        return fail(std::move(outcome).error().within("after " + undone.error().message));
      }
    }
    return outcome;
  }

  /// Moves a long write-ahead log into the file, unless somebody else is at work, who will do it.
  void shorten_log() {
    constexpr std::uintmax_t kLongLog = 256U << 10U;
    const char* log = sqlite3_filename_wal(sqlite3_db_filename(connection_.get(), "main"));
    if (log == nullptr) return;
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(log, none);
    if (none || size <= kLongLog) return;
    statements_.clear();
    sqlite3_busy_timeout(connection_.get(), 0);
    sqlite3_wal_checkpoint_v2(connection_.get(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                              nullptr);
  }

  Result<> run(std::string_view sql, std::span<const SqlValue> arguments,
               const std::function<void(const Row&)>& each) {
    // Taken out while it runs, so that a statement may be run again from within `each`.
    Statement statement;
    std::string text(sql);
    if (auto kept = statements_.extract(text); !kept.empty()) {
      statement = std::move(kept.mapped());
    } else {
      ORCH_ASSIGN(statement, prepare(sql));
    }
    if (!statement) return fail(ErrorKind::InvalidInput, "an empty statement");
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const int code = bind(statement.get(), static_cast<int>(i) + 1, arguments[i]);
      if (code != SQLITE_OK) return fail(error(code));
    }
    const Result<> outcome = step_through(statement.get(), each);
    if (!outcome) return outcome;
    sqlite3_reset(statement.get());
    sqlite3_clear_bindings(statement.get());
    if (statements_.size() >= kMostStatements) statements_.clear();
    statements_.emplace(std::move(text), std::move(statement));
    return {};
  }

  /// Prepares the first statement of `sql` and takes it off; an empty one where only blanks and
  /// comments are left.
  Result<Statement> prepare(std::string_view& sql) {
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                        &raw, &rest);
    Statement statement(raw);
    if (code != SQLITE_OK) return fail(error(code));
    sql.remove_prefix(static_cast<std::size_t>(rest - sql.data()));
    return statement;
  }

  /// Steps once, and again while somebody else has the lock: in a few places (a change of the
  /// journal mode is one) SQLite answers "busy" at once instead of waiting for its timeout.
  int first_step(sqlite3_stmt* statement) {
    constexpr int kPauseMilliseconds = 2;
    const SteadyPoint deadline = std::chrono::steady_clock::now() + busy_timeout_;
    int code = sqlite3_step(statement);
    while ((code & 0xff) == SQLITE_BUSY && !in_transaction_ &&
           std::chrono::steady_clock::now() < deadline) {
      sqlite3_reset(statement);
      sqlite3_sleep(kPauseMilliseconds);
      code = sqlite3_step(statement);
    }
    return code;
  }

  Result<> step_through(sqlite3_stmt* statement, const std::function<void(const Row&)>& each) {
    const SqliteRow row(statement);
    int code = first_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement))
      each(row);
    if (code == SQLITE_DONE) return {};
    return fail(error(code));
  }

  const std::string file_;
  const Dialect dialect_{Dialect::Kind::Sqlite};
  // Recursive, since work inside a transaction and callbacks of a select come back here; held
  // across the statement, since one connection does one thing at a time.
  mutable std::recursive_mutex mutex_;
  Connection connection_;
  const std::chrono::milliseconds busy_timeout_;
  std::unordered_map<std::string, Statement> statements_;
  bool in_transaction_{false};
};

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const std::string& file,
                                              std::chrono::milliseconds busy_timeout) {
  if (file.empty()) {
    return fail(ErrorKind::InvalidInput, "SQLite3DataFile is empty; name a file in it");
  }
  if (is_plain_path(file)) ORCH_TRY(check_file(file));
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI |
                                       SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   nullptr);
  if (raw == nullptr) return fail(ErrorKind::Broken, "no memory to open " + file);
  auto database = std::make_unique<SqliteDatabase>(file, Connection(raw), busy_timeout);
  if (code != SQLITE_OK) return fail(database->error(code));
  if (is_plain_path(file)) ORCH_TRY(check_length(raw, file));
  if (sqlite3_db_readonly(raw, "main") == 1) return fail(database->error(SQLITE_READONLY));
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  // Of this connection, unlike the journal mode. In WAL mode NORMAL loses at most the latest
  // commits in a power cut, never consistency.
  ORCH_TRY(database->execute("pragma synchronous = normal"));
  // A command writes a row or two and is gone. Emptying the write-ahead log at every end would cost
  // it three waits for the disk, so the log is left for the next process, which reads all of it: it
  // is emptied when it has grown.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace orch::storage
