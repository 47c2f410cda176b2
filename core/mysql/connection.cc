#include "core/mysql/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
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
#include "core/mysql/network_wait.h"

namespace orch {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMostColumns = 4096;            // the servers' own limit
constexpr std::size_t kMostColumnBytes = 16U << 20U;  // of which each has a few names
constexpr std::size_t kMostLoginBytes = 1U << 20U;
constexpr std::size_t kMostRows = 1'000'000;     // in one result
constexpr std::size_t kMostBytes = 128U << 20U;  // in the answers to one packet
constexpr std::size_t kMostExtraResults = 64;    // of a procedure
constexpr unsigned long kDefaultMaxPacket = 64UL << 20U;

constexpr const char* kAuthPlugins =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
constexpr std::string_view kEndless = "an endless answer";

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
    watch_network();
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

  Failure lost(const NetworkWait& wait, std::string_view while_doing);
  Failure absurd(std::string_view what);
  /// The server's refusal, or nothing when the session itself failed.
  std::optional<Refusal> refusal(std::size_t index);
  Result<ResultSet> read_result(NetworkWait& wait, std::size_t& bytes);
  Result<> read_rows(MYSQL_RES& rows, const NetworkWait& wait, ResultSet& into, std::size_t& bytes);
  Result<Answers> read_answers(std::size_t statements, NetworkWait& wait);
  Result<Answers> ask(const std::string& packet, std::size_t statements, SteadyPoint deadline);

  std::string where;
  MYSQL* mysql{::mysql_init(nullptr)};
  std::string version{};
  bool tls{false};
  bool broken{false};
};

/// The session is gone: why, and never to be used again.
Failure Connection::State::lost(const NetworkWait& wait, std::string_view while_doing) {
  broken = true;
  if (wait.read_too_much) return absurd(kEndless);
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
  const unsigned long max_packet =
      options.max_packet > 0 ? static_cast<unsigned long>(options.max_packet) : kDefaultMaxPacket;
  bound_network_waits(mysql);
  ::mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
  ::mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
  ::mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // None that would hand the password itself to whoever listens on that port.
  ::mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, kAuthPlugins);
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

/// The authentication plug-in that the packet asks for, a greeting or a request to switch; "" when
/// it cannot be told. The library names what stands in its buffer by then.
std::string wanted_plugin(std::string_view packet) {
  constexpr std::size_t kHeader = 4;
  packet.remove_prefix(std::min(kHeader, packet.size()));
  std::string_view name;
  if (packet.starts_with('\xfe')) {
    name = packet.substr(1, packet.find('\0') - 1);
  } else {
    if (packet.ends_with('\0')) packet.remove_suffix(1);
    name = packet.substr(packet.rfind('\0') + 1);
  }
  const bool is_name = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_';
  });
  return is_name ? fmt::format(" {}", name) : "";
}

/// Why a login failed, in words that say what to do.
Error describe_login(const std::string& where, const ConnectOptions& options, MYSQL* mysql,
                     const NetworkWait& wait, bool tls) {
  const unsigned code = ::mysql_errno(mysql);
  const std::string text = server_text(mysql);
  if (wait.read_too_much) {
    return {ErrorKind::Broken, fmt::format("{}: the server sent {}", where, kEndless)};
  }
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
    case 5010:
      return {kind_of_server_error(code),
              fmt::format("{}: the {} authentication plugin{} is none of {} ({}): set one of these",
                          where, wait.greeted ? "account's" : "server's default",
                          wanted_plugin(wait.latest), kAuthPlugins, code)};
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
  NetworkWait wait{
      .deadline = deadline, .mysql = state.mysql, .may_read = kMostLoginBytes, .expects_tls = tls};
  if (tls && !options.tls.skip_verify) wait.certificate_name = &options.host;
  const NetworkWaitScope scope(wait);
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
  state.broken = wait.is_over();
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
  cut_off(mysql);  // the library would read to the end
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

Result<> Connection::State::read_rows(MYSQL_RES& rows, const NetworkWait& wait, ResultSet& into,
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
    if (into.rows.size() > kMostRows || bytes > kMostBytes) return absurd(kEndless);
  }
  if (::mysql_errno(mysql) != 0 && !refusal(0)) return lost(wait, "reading rows");
  return {};
}

/// Reads what the statement at hand answered, up to a refusal; an error means that the session is
/// gone.
Result<ResultSet> Connection::State::read_result(NetworkWait& wait, std::size_t& bytes) {
  ResultSet set;
  const std::size_t width = ::mysql_field_count(mysql);
  if (width == 0) {
    set.affected_rows = ::mysql_affected_rows(mysql);
    return set;
  }
  if (width > kMostColumns) return absurd("an answer with too many columns");
  wait.may_read = kAnyNumber;  // read_rows() counts
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

Result<Answers> Connection::State::read_answers(std::size_t statements, NetworkWait& wait) {
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
    wait.may_read = kMostColumnBytes;
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

Result<Answers> Connection::State::ask(const std::string& packet, std::size_t statements,
                                       SteadyPoint deadline) {
  NetworkWait wait{.deadline = deadline, .mysql = mysql, .may_read = kMostColumnBytes};
  const NetworkWaitScope scope(wait);
  if (::mysql_real_query(mysql, packet.data(), packet.size()) != 0) {
    auto refused = refusal(0);
    if (!refused) return lost(wait, "asking");
    broken = wait.is_over();
    return Answers{.refused = std::move(refused)};
  }
  auto answers = read_answers(statements, wait);
  broken = broken || wait.is_over();
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
  return state.ask(packet, statements.size(), deadline);
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
