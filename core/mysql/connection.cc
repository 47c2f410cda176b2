#include "core/mysql/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <mysql.h>

#include "core/base/name_lookup.h"
#include "core/base/text.h"
#include "core/model/instance_key.h"

// Exported by the library (client plug-ins use it), and in none of its installed headers.
extern "C" int ma_pvio_register_callback(my_bool add, void (*callback)(int mode, MYSQL* mysql,
                                                                       const unsigned char* data,
                                                                       std::size_t size));

namespace orch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostColumns = 4096;       // the servers' own limit
constexpr std::size_t kMostRows = 1'000'000;     // in one result
constexpr std::size_t kMostBytes = 128U << 20U;  // in the answers to one packet
constexpr std::size_t kMostExtraResults = 64;    // of a procedure
constexpr unsigned long kDefaultMaxPacket = 64UL << 20U;

/// How long the library may wait on behalf of the call under way in this thread.
struct Wait {
  SteadyPoint deadline{};
  MYSQL* mysql{nullptr};
  bool greeted{false};   ///< the client speaks only after a greeting that it understood
  std::string begins{};  ///< the first bytes that came
  bool expects_tls{false};
  const std::string* certificate_name{nullptr};  ///< what a certificate must be made out to
  bool timed_out{false};
  int socket_error{0};  ///< why the network refused, which the library does not tell
};

Wait*& current_wait() {
  thread_local Wait* wait = nullptr;
  return wait;
}

/// Gives the library's waits the deadline of the call under way.
class WaitScope {
 public:
  explicit WaitScope(Wait& wait) { current_wait() = &wait; }
  ~WaitScope() { current_wait() = nullptr; }
  WaitScope(const WaitScope&) = delete;
  WaitScope& operator=(const WaitScope&) = delete;
};

constexpr int kWritten = 1;  // the library's callback mode

/// A server may send an error where its greeting belongs. One of number 65535 reports progress, and
/// for that libmariadb (3.3, ma_net_safe_read()) looks into a version's text that there is not yet,
/// and waits for more.
void read_greeting(Wait& wait, MYSQL* mysql, std::string_view bytes) {
  constexpr std::size_t kHeader = 4;
  constexpr std::string_view kProgress = "\xff\xff\xff";
  constexpr std::size_t kEnough = kHeader + kProgress.size();
  if (wait.begins.size() == kEnough) return;
  wait.begins += bytes.substr(0, kEnough - wait.begins.size());
  const std::string_view payload =
      std::string_view(wait.begins).substr(std::min(kHeader, wait.begins.size()));
  if (payload.empty() || payload.front() != kProgress.front()) return;
  if (mysql->server_version == nullptr) mysql->server_version = ::strdup("");  // the library's now
  if (payload == kProgress) ::shutdown(::mysql_get_socket(mysql), SHUT_RDWR);
}

/// The library would do its TLS handshakes with blocking reads. Called after each packet that is
/// read or written in clear, the last of which says that TLS comes next, this makes them wait in
/// wait_for_socket() too. And as we connect to an address, the certificate would be compared with
/// that; the library looks at its own copy of the name after the handshake.
void after_packet(int mode, MYSQL* mysql, const unsigned char* data, std::size_t size) {
  Wait* wait = current_wait();
  if (wait == nullptr || wait->mysql != mysql) return;
  if (mode == kWritten) wait->greeted = true;
  const bool failed = static_cast<std::make_signed_t<std::size_t>>(size) < 0;
  const bool greets = mysql->server_version == nullptr || !wait->begins.empty();
  if (mode != kWritten && greets && !failed) {
    read_greeting(*wait, mysql, {reinterpret_cast<const char*>(data), size});
  }
  if (!wait->expects_tls) return;
  const my_socket socket = ::mysql_get_socket(mysql);
  if (const int flags = ::fcntl(socket, F_GETFL); flags >= 0 && (flags & O_NONBLOCK) == 0) {
    ::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
  }
  if (wait->certificate_name == nullptr || mysql->host == nullptr) return;
  if (char* name = ::strdup(wait->certificate_name->c_str()); name != nullptr) {
    std::free(mysql->host);  // NOLINT: the library's own, from strdup
    mysql->host = name;
    wait->certificate_name = nullptr;
  }
}

/// What did not arrive yet is not to arrive any more: when a network that was cut heals, another
/// node may lead for long and have decided otherwise. The library closes the socket next.
void take_back(my_socket socket) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/// Stands in for the library's poll(), in every place where it waits for the network (TLS
/// handshakes too). Without a call under way (closing) nothing is waited for.
int wait_for_socket(my_socket socket, my_bool for_reading, int /*library_timeout*/) {
  Wait* wait = current_wait();
  if (wait == nullptr) {
    errno = ETIMEDOUT;
    return 0;
  }
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(wait->deadline - steady_clock::now()).count();
    if (left <= 0) {
      wait->timed_out = true;
      take_back(socket);
      errno = ETIMEDOUT;
      return 0;
    }
    pollfd entry{
        .fd = socket, .events = for_reading != 0 ? short{POLLIN} : short{POLLOUT}, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) {
      socklen_t size = sizeof wait->socket_error;
      if ((entry.revents & POLLERR) != 0 &&
          ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &wait->socket_error, &size) == 0 &&
          wait->socket_error != 0) {
        errno = wait->socket_error;
        return -1;
      }
      return ready;
    }
    if (ready < 0 && errno != EINTR) return ready;
  }
}

bool is_client_side(unsigned code) {
  return (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000) ||
         (code >= 1153 && code <= 1161);
}
/// The server says it and hangs up.
bool ends_session(unsigned code) {
  return code == 1053 || code == 1927 || code == 4031;
}

std::string without_replication_prefix(const char* version) {
  std::string text = printable(version != nullptr ? version : "");
  if (text.starts_with("5.5.5-")) text.erase(0, 6);
  return text;
}

std::string server_text(MYSQL* mysql) {
  std::string text = printable(std::string_view(::mysql_error(mysql)).substr(0, 500));
  std::ranges::replace(text, '\n', ' ');
  return text;
}

/// Only once: the library's end leaves its list of callbacks freed and in use.
struct LibraryLife {
  LibraryLife() {
    std::signal(SIGPIPE, SIG_IGN);
    ::mysql_library_init(0, nullptr, nullptr);
    ::ma_pvio_register_callback(1, &after_packet);
  }
  ~LibraryLife() { ::mysql_library_end(); }
  LibraryLife(const LibraryLife&) = delete;
  LibraryLife& operator=(const LibraryLife&) = delete;
};

}  // namespace

MySqlLibrary::MySqlLibrary() {
  static const LibraryLife life;
}

struct Connection::State {
  explicit State(const ConnectOptions& options)
      : where(to_string(InstanceKey{options.host, options.port})) {}
  ~State() {
    if (mysql == nullptr) return;
    // With nothing more to be sent or awaited, closing cannot block.
    if (broken && ::mysql_get_socket(mysql) != MARIADB_INVALID_SOCKET) {
      ::shutdown(::mysql_get_socket(mysql), SHUT_RDWR);
    }
    ::mysql_close(mysql);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  struct Attempt {
    std::unique_ptr<State> state{};  ///< null when refused
    unsigned code{0};
    Error error{};
  };
  static Attempt log_in(const ConnectOptions& options, const std::string& address, bool tls,
                        SteadyPoint deadline);
  static Attempt log_in_anywhere(const ConnectOptions& options,
                                 const std::vector<std::string>& addresses, bool tls,
                                 SteadyPoint deadline);

  Failure lost(const Wait& wait, std::string_view while_doing);
  Failure absurd(std::string_view what);
  /// The server's refusal, or nothing when the session itself failed.
  std::optional<Refusal> refusal(std::size_t index);
  Result<ResultSet> read_result(const Wait& wait, std::size_t& bytes);
  Result<> read_rows(MYSQL_RES& rows, const Wait& wait, ResultSet& into, std::size_t& bytes);
  Result<Answers> read_answers(std::size_t statements, const Wait& wait);

  std::string where;
  MYSQL* mysql{::mysql_init(nullptr)};
  std::string version{};
  bool tls{false};
  bool broken{false};
};

/// The session is gone: why, and never to be used again.
Failure Connection::State::lost(const Wait& wait, std::string_view while_doing) {
  broken = true;
  if (wait.timed_out) {
    Error error{ErrorKind::Unreachable,
                fmt::format("{}: no answer in time while {}: is the server overloaded or hanging",
                            where, while_doing)};
    error.timed_out = true;
    return fail(std::move(error));
  }
  const unsigned code = ::mysql_errno(mysql);
  return fail(is_client_side(code) && code < 2000 ? ErrorKind::Broken : kind_of_server_error(code),
              fmt::format("{}: connection lost while {}: {} ({})", where, while_doing,
                          server_text(mysql), code));
}

namespace {

void set_options(MYSQL* mysql, const ConnectOptions& options, bool tls) {
  const unsigned int off = 0;
  const unsigned int timeout_s = 3600;  // the callback decides; zero would mean "do not wait"
  const unsigned long max_packet =
      options.max_packet > 0 ? static_cast<unsigned long>(options.max_packet) : kDefaultMaxPacket;
  ::mysql_options(mysql, MARIADB_OPT_IO_WAIT, reinterpret_cast<const void*>(&wait_for_socket));
  ::mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
  ::mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
  ::mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
  ::mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
  ::mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
  ::mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // None that would hand the password itself to whoever listens on that port.
  ::mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH,
                  "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519");
  if (!tls) return;
  const auto file = [](const std::string& name) {
    return name.empty() ? nullptr : name.c_str();
  };
  ::mysql_ssl_set(mysql, file(options.tls.key_file), file(options.tls.cert_file),
                  file(options.tls.ca_file), nullptr, nullptr);
  const my_bool enforce = 1;
  const my_bool verify = options.tls.skip_verify ? 0 : 1;
  ::mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
  ::mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/// Which of the files cannot be read, and why: the library tells neither for sure; "" = none.
std::string unreadable_of(const TlsOptions& tls) {
  for (const std::string* name : {&tls.ca_file, &tls.cert_file, &tls.key_file}) {
    if (name->empty() || ::access(name->c_str(), R_OK) == 0) continue;
    return fmt::format("cannot read {}: {}", printable(*name),
                       std::generic_category().message(errno));
  }
  return "";
}

/// Why a login failed, in words that say what to do.
Error describe_login(const std::string& where, const ConnectOptions& options, MYSQL* mysql,
                     const Wait& wait, bool tls) {
  const unsigned code = ::mysql_errno(mysql);
  const std::string text = server_text(mysql);
  if (wait.timed_out) {
    return {ErrorKind::Unreachable,
            fmt::format("{}: {} in time: is the address right and the server up", where,
                        wait.greeted ? "login not answered" : "no MySQL greeting")};
  }
  switch (code) {
    case 1045:
    case 1698:
      return {ErrorKind::Denied, fmt::format("{}: access denied for user '{}' ({}): check user, "
                                             "password and the account's host",
                                             where, printable(options.user), code)};
    case 1040:
    case 1203:
    case 1226:
      return {ErrorKind::Unreachable,
              fmt::format("{}: the server takes no more connections: {} ({})", where, text, code)};
    case 1129:
      return {ErrorKind::Unreachable,
              fmt::format("{}: the server blocks this host after failed attempts: run FLUSH HOSTS "
                          "or raise max_connect_errors there: {} ({})",
                          where, text, code)};
    case 3159:
      return {ErrorKind::Denied,
              fmt::format("{}: the server takes only TLS connections ({}): allow TLS in the "
                          "configuration",
                          where, code)};
    case 2002:
    case 2003:
      return {ErrorKind::Unreachable,
              fmt::format("{}: cannot connect: {}: is the server up and the port right", where,
                          wait.socket_error != 0
                              ? to_lower(std::generic_category().message(wait.socket_error))
                              : text)};
    case 2026: {
      const std::string unreadable = unreadable_of(options.tls);
      return {ErrorKind::Broken,
              fmt::format("{}: TLS does not work: {}: check certificates, or TLS at the server",
                          where, unreadable.empty() ? text : unreadable)};
    }
    default:
      break;
  }
  if (!wait.greeted && is_client_side(code)) {
    return {
        code == 2013 || code == 2006 ? ErrorKind::Unreachable : ErrorKind::Broken,
        fmt::format("{}: no MySQL server, or one that hung up without a greeting ({}): check the "
                    "port",
                    where, code)};
  }
  return {is_client_side(code) && code < 2000 ? ErrorKind::Broken : kind_of_server_error(code),
          fmt::format("{}: login{} failed: {} ({})", where, tls ? " with TLS" : "", text, code)};
}

}  // namespace

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&& other) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept = default;
Connection::~Connection() = default;

Connection::State::Attempt Connection::State::log_in(const ConnectOptions& options,
                                                     const std::string& address, bool tls,
                                                     SteadyPoint deadline) {
  Attempt attempt{.state = std::make_unique<State>(options)};
  State& state = *attempt.state;
  const auto refuse = [&](unsigned code, Error error) {
    state.broken = true;
    return Attempt{.code = code, .error = std::move(error)};
  };
  if (state.mysql == nullptr) return refuse(2008, {ErrorKind::Broken, "out of memory"});
  set_options(state.mysql, options, tls);
  Wait wait{.deadline = deadline, .mysql = state.mysql, .expects_tls = tls};
  if (tls && !options.tls.skip_verify) wait.certificate_name = &options.host;
  const WaitScope scope(wait);
  const char* database = options.database.empty() ? nullptr : options.database.c_str();
  const unsigned long flags =
      CLIENT_MULTI_STATEMENTS | (options.count_found_rows ? CLIENT_FOUND_ROWS : 0UL);
  if (::mysql_real_connect(state.mysql, address.c_str(), options.user.c_str(),
                           options.password.reveal().c_str(), database, options.port, nullptr,
                           flags) == nullptr) {
    Error error = describe_login(state.where, options, state.mysql, wait, tls);
    const unsigned code = ::mysql_errno(state.mysql);
    error.by_server = !wait.timed_out && code != 0 && !is_client_side(code) && !ends_session(code);
    error.nobody_listens = wait.socket_error == ECONNREFUSED;
    return refuse(code, std::move(error));
  }
  // Asked for TLS without looking at certificates, the library is content with a server that has
  // none.
  state.tls = ::mysql_get_ssl_cipher(state.mysql) != nullptr;
  if (tls && !state.tls) {
    return refuse(2026, {ErrorKind::Broken,
                         fmt::format("{}: the server offers no TLS, and the configuration wants it",
                                     state.where)});
  }
  state.version = without_replication_prefix(::mysql_get_server_info(state.mysql));
  return attempt;
}

Connection::State::Attempt Connection::State::log_in_anywhere(
    const ConnectOptions& options, const std::vector<std::string>& addresses, bool tls,
    SteadyPoint deadline) {
  Attempt last;
  for (const std::string& address : addresses) {
    last = log_in(options, address, tls, deadline);
    if (last.state || (last.code != 2002 && last.code != 2003)) break;
  }
  return last;
}

Result<Connection> Connection::connect(const ConnectOptions& options, SteadyPoint deadline) {
  if (options.connect_timeout.count() > 0) {
    deadline = std::min(deadline, steady_clock::now() + options.connect_timeout);
  }
  if (options.user.empty()) {
    // The client library would take the operating system's user instead.
    return fail(ErrorKind::InvalidInput,
                to_string(InstanceKey{options.host, options.port}) +
                    ": no user to log in as: set MySQLTopologyUser, or MySQLOrchestratorUser for "
                    "the backend, or the credentials file of either");
  }
  auto name = look_up_name(options.host, deadline);
  if (!name) {
    return fail(std::move(name).error().within(to_string(InstanceKey{options.host, options.port})));
  }
  const bool tls_first = options.tls.policy == TlsPolicy::Always;
  State::Attempt first = State::log_in_anywhere(options, name->addresses, tls_first, deadline);
  if (first.state) return Connection(std::move(first.state));
  const bool may_want_tls = first.code == 3159 || first.code == 1045;
  if (options.tls.policy != TlsPolicy::Mixed || !may_want_tls) return fail(std::move(first.error));

  State::Attempt second = State::log_in_anywhere(options, name->addresses, true, deadline);
  if (second.state) return Connection(std::move(second.state));
  // A wrong password must not hide behind what TLS said (DISC-4).
  if (first.code == 1045) {
    // Nor must a broken TLS hide behind a refusal that may come of going without.
    if (second.code != 1045) {
      std::string_view why = second.error.message;
      const std::string where = to_string(InstanceKey{options.host, options.port}) + ": ";
      if (why.starts_with(where)) why.remove_prefix(where.size());
      first.error.message += fmt::format(" (TLS was tried too: {})", why);
    }
    return fail(std::move(first.error));
  }
  return fail(std::move(second.error));
}

const std::string& Connection::server_version() const {
  return state_->version;
}
bool Connection::uses_tls() const {
  return state_->tls;
}
int Connection::socket() const {
  return ::mysql_get_socket(state_->mysql);
}

bool Connection::usable() const {
  return state_ && !state_->broken;
}

Failure Connection::State::absurd(std::string_view what) {
  broken = true;
  return fail(ErrorKind::Broken, fmt::format("{}: the server sent {}", where, what));
}

std::optional<Refusal> Connection::State::refusal(std::size_t index) {
  const unsigned code = ::mysql_errno(mysql);
  if (code == 0 || is_client_side(code) || ends_session(code)) return std::nullopt;
  return Refusal{index,
                 code,
                 {kind_of_server_error(code),
                  fmt::format("{}: {} ({})", where, server_text(mysql), code), true}};
}

Result<> Connection::State::read_rows(MYSQL_RES& rows, const Wait& wait, ResultSet& into,
                                      std::size_t& bytes) {
  const std::size_t width = into.columns.size();
  while (const MYSQL_ROW values = ::mysql_fetch_row(&rows)) {
    const unsigned long* lengths = ::mysql_fetch_lengths(&rows);
    std::vector<ResultSet::Value> row(width);
    for (std::size_t i = 0; i < width; ++i) {
      if (values[i] == nullptr) continue;
      bytes += lengths[i];
      row[i].emplace(values[i], lengths[i]);
    }
    bytes += width * sizeof(ResultSet::Value);
    into.rows.push_back(std::move(row));
    if (into.rows.size() > kMostRows || bytes > kMostBytes) return absurd("an endless answer");
    if (steady_clock::now() > wait.deadline) return absurd("rows until the deadline passed");
  }
  if (::mysql_errno(mysql) != 0 && !refusal(0)) return lost(wait, "reading rows");
  return {};
}

/// Reads what the statement at hand answered, up to a refusal; an error means that the session is
/// gone.
Result<ResultSet> Connection::State::read_result(const Wait& wait, std::size_t& bytes) {
  ResultSet set;
  const std::size_t width = ::mysql_field_count(mysql);
  if (width == 0) {
    set.affected_rows = ::mysql_affected_rows(mysql);
    return set;
  }
  if (width > kMostColumns) return absurd("an answer with too many columns");
  const std::unique_ptr<MYSQL_RES, decltype(&::mysql_free_result)> rows(::mysql_use_result(mysql),
                                                                        &::mysql_free_result);
  if (!rows) return lost(wait, "reading an answer");
  const MYSQL_FIELD* fields = ::mysql_fetch_fields(&*rows);
  for (std::size_t i = 0; i < width; ++i) {
    set.columns.emplace_back(fields[i].name != nullptr ? fields[i].name : "");
  }
  ORCH_TRY(read_rows(*rows, wait, set, bytes));
  return set;
}

Result<Answers> Connection::State::read_answers(std::size_t statements, const Wait& wait) {
  Answers answers;
  std::size_t bytes = 0;
  for (std::size_t results = 0;; ++results) {
    if (results >= statements + kMostExtraResults) return absurd("too many answers");
    auto set = read_result(wait, bytes);
    if (!set) {
      if (results == 0) return fail(std::move(set).error());
      answers.lost = std::move(set).error();
      break;
    }
    // Some statements send their columns before they see that they cannot do it.
    answers.refused = refusal(answers.results.size());
    if (answers.refused) break;
    // A procedure answers more than once; only the first answer counts.
    if (answers.results.size() < statements) answers.results.push_back(*std::move(set));
    const int more = ::mysql_next_result(mysql);
    // -1 means that there are no more, and also that the next one broke off in its columns.
    if (more < 0 && ::mysql_errno(mysql) == 0) break;
    if (more != 0) {
      answers.refused = refusal(answers.results.size());
      if (!answers.refused) answers.lost = lost(wait, "reading answers").error;
      break;
    }
  }
  return answers;
}

Result<Answers> Connection::query_each(std::span<const std::string> statements,
                                       SteadyPoint deadline) {
  State& state = *state_;
  if (state.broken) {
    return fail(ErrorKind::Unreachable, fmt::format("{}: connection lost before", state.where));
  }
  std::string packet;
  for (const std::string& statement : statements) {
    // A line end, as a statement may end with a comment.
    if (!packet.empty()) packet += "\n;\n";
    packet += statement;
  }
  Wait wait{.deadline = deadline, .mysql = state.mysql};
  const WaitScope scope(wait);
  if (::mysql_real_query(state.mysql, packet.data(), packet.size()) != 0) {
    auto refused = state.refusal(0);
    if (!refused) return state.lost(wait, "asking");
    return Answers{.refused = std::move(refused)};
  }
  return state.read_answers(statements.size(), wait);
}

Result<ResultSet> Connection::query(const std::string& statement, SteadyPoint deadline) {
  return orch::query(*this, statement, deadline);
}

Result<Answers> SqlSession::query_many(std::span<const std::string> statements,
                                       SteadyPoint deadline) {
  ORCH_ASSIGN(Answers answers, query_each(statements, deadline));
  if (answers.lost) return fail(*std::move(answers.lost));
  return answers;
}

Result<ResultSet> query(SqlSession& session, const std::string& statement, SteadyPoint deadline) {
  ORCH_ASSIGN(Answers answers, session.query_many(std::span(&statement, 1), deadline));
  if (answers.refused) return fail(std::move(answers.refused->error));
  if (answers.results.empty()) return fail(ErrorKind::Broken, "a statement without an answer");
  return std::move(answers.results.front());
}

}  // namespace orch
