#include "core/mysql/change_statements.h"

#include <cstdio>
#include <utility>

#include "core/model/gtid_set.h"

namespace orch {

namespace {

/// The words of one server's replication grammar.
struct Words {
  bool mariadb{false};
  bool change_source{false};  ///< CHANGE REPLICATION SOURCE TO (8.0.23), else CHANGE MASTER TO
  bool replica{false};        ///< START REPLICA (8.0.22), else START SLAVE
  bool public_key{false};     ///< GET_MASTER_PUBLIC_KEY and its like (8.0.4)
  bool tls_version{false};    ///< MASTER_TLS_VERSION (MySQL 5.7.10)
  bool ciphersuites{false};   ///< MASTER_TLS_CIPHERSUITES (8.0.19)
  bool compression{false};    ///< MASTER_COMPRESSION_ALGORITHMS (8.0.18)
};

Words words_of(const Instance& instance) {
  Words words;
  const ServerVersion version = parse_server_version(instance.server.version);
  words.mariadb = is_mariadb(instance);
  // MaxScale knows the old words only, and its own version number is none of MySQL's.
  if (words.mariadb || instance.server.binlog_server) return words;
  words.change_source = version >= ServerVersion{8, 0, 23};
  words.replica = version >= ServerVersion{8, 0, 22};
  words.public_key = version >= ServerVersion{8, 0, 4};
  words.tls_version = version >= ServerVersion{5, 7, 10};
  words.ciphersuites = version >= ServerVersion{8, 0, 19};
  words.compression = version >= ServerVersion{8, 0, 18};
  return words;
}

SqlStatement plain(std::string text) {
  return {Secret(text), text, false};
}

/// The channel, where the link has a name: MySQL puts it last, MariaDB quotes it after the verb.
std::string channel_suffix(const Words& words, const Instance& instance) {
  const std::string& channel = instance.replication.channel;
  if (words.mariadb || channel.empty()) return "";
  return " FOR CHANNEL " + sql_quoted(channel);
}

std::string connection_name(const Words& words, const Instance& instance) {
  const std::string& channel = instance.replication.channel;
  if (!words.mariadb || channel.empty()) return "";
  return " " + sql_quoted(channel);
}

std::string thread_words(ReplicationThreads threads) {
  switch (threads) {
    case ReplicationThreads::Both:
      return "";
    case ReplicationThreads::Receiver:
      return " IO_THREAD";
    case ReplicationThreads::Applier:
      return " SQL_THREAD";
  }
  return "";
}

std::string thread_statement(const char* verb, const Words& words, const Instance& instance,
                             ReplicationThreads threads) {
  // A binlog server has one thread, and applies nothing.
  if (instance.server.binlog_server) threads = ReplicationThreads::Both;
  return std::string(verb) + (words.replica ? " REPLICA" : " SLAVE") +
         connection_name(words, instance) + thread_words(threads) + channel_suffix(words, instance);
}

SqlStatement start_until(const Words& words, const Instance& instance,
                         const BinlogCoordinates& until) {
  const std::string prefix = words.change_source ? "SOURCE" : "MASTER";
  return plain(std::string("START") + (words.replica ? " REPLICA" : " SLAVE") +
               connection_name(words, instance) + " UNTIL " + prefix +
               "_LOG_FILE = " + sql_quoted(until.log_file) + ", " + prefix +
               "_LOG_POS = " + std::to_string(until.log_pos) + channel_suffix(words, instance));
}

/// The options of one CHANGE, as sent and as shown.
class Options {
 public:
  explicit Options(const Words& words) : prefix_(words.change_source ? "SOURCE_" : "MASTER_") {}

  void add(const std::string& name, const std::string& value) { add_raw(prefix_ + name, value); }
  void add_text(const std::string& name, const std::string& value) { add(name, sql_quoted(value)); }
  void add_text_if(const std::string& name, const std::string& value) {
    if (!value.empty()) add_text(name, value);
  }
  void add_raw(const std::string& name, const std::string& value) {
    append(sent_, name, value);
    append(shown_, name, value);
  }
  void add_secret(const std::string& name, const Secret& value) {
    append(sent_, prefix_ + name, sql_quoted(value.reveal()));
    append(shown_, prefix_ + name, sql_quoted(value.shown()));
  }

  [[nodiscard]] SqlStatement statement(const Words& words, const Instance& instance) const {
    const std::string head = words.change_source
                                 ? "CHANGE REPLICATION SOURCE TO "
                                 : "CHANGE MASTER" + connection_name(words, instance) + " TO ";
    const std::string tail = channel_suffix(words, instance);
    return {Secret(head + sent_ + tail), head + shown_ + tail, false};
  }

 private:
  static void append(std::string& text, const std::string& name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + name + '=' + value;
  }

  std::string prefix_;
  std::string sent_;
  std::string shown_;
};

void add_coordinates(Options& options, const BinlogCoordinates& coordinates) {
  // Some name must be said; a server that never read anything has none.
  options.add_text("LOG_FILE", coordinates.empty() ? "unknown" : coordinates.log_file);
  options.add("LOG_POS", std::to_string(coordinates.log_pos > 0 ? coordinates.log_pos : 4));
}

/// Refactoring document, 2.1: which options say where to begin.
void add_position(Options& options, const Words& words, const Instance& instance,
                  const PointTo& target) {
  switch (target.positioning) {
    case Positioning::Keep:
      if (!uses_gtid(instance)) add_coordinates(options, target.coordinates);
      return;
    case Positioning::Gtid:
      if (!words.mariadb) {
        options.add("AUTO_POSITION", "1");
      } else if (!instance.gtid.uses_mariadb) {
        options.add("USE_GTID", "slave_pos");
      }
      return;
    case Positioning::MariaDbCurrent:
      options.add("USE_GTID", "current_pos");
      return;
    case Positioning::Coordinates:
      add_coordinates(options, target.coordinates);
      if (words.mariadb && instance.gtid.uses_mariadb) options.add("USE_GTID", "no");
      if (!words.mariadb && instance.gtid.uses_oracle) options.add("AUTO_POSITION", "0");
      return;
  }
}

/// TLS and key options: CHANGE keeps some and drops others, so that all are said again.
void add_tls(Options& options, const Words& words, const LinkOptions& link) {
  const SourceTls& tls = link.tls;
  if (link.use_tls) {
    options.add("SSL", "1");
    options.add_text_if("SSL_CA", tls.ca_file);
    options.add_text_if("SSL_CAPATH", tls.ca_path);
    options.add_text_if("SSL_CERT", tls.cert);
    options.add_text_if("SSL_CIPHER", tls.cipher);
    options.add_text_if("SSL_CRL", tls.crl_file);
    options.add_text_if("SSL_CRLPATH", tls.crl_path);
    options.add_text_if("SSL_KEY", tls.key);
    if (tls.verify_server_cert) {
      options.add("SSL_VERIFY_SERVER_CERT", *tls.verify_server_cert ? "1" : "0");
    }
    if (words.tls_version) options.add_text_if("TLS_VERSION", tls.tls_version);
    if (words.ciphersuites) options.add_text_if("TLS_CIPHERSUITES", tls.tls_ciphersuites);
  }
  if (!words.public_key) return;
  options.add_text_if("PUBLIC_KEY_PATH", tls.public_key_path);
  if (tls.get_public_key) {
    options.add_raw(words.change_source ? "GET_SOURCE_PUBLIC_KEY" : "GET_MASTER_PUBLIC_KEY",
                    *tls.get_public_key ? "1" : "0");
  }
}

std::string seconds_text(std::chrono::milliseconds period) {
  char text[48];
  std::snprintf(text, sizeof text, "%lld.%03d", static_cast<long long>(period.count() / 1000),
                static_cast<int>(period.count() % 1000));
  return text;
}

void add_kept(Options& options, const Words& words, const KeptOptions& kept) {
  if (kept.connect_retry.count() > 0) {
    options.add("CONNECT_RETRY", std::to_string(kept.connect_retry.count()));
  }
  if (kept.retry_count && !words.mariadb) {
    options.add("RETRY_COUNT", std::to_string(*kept.retry_count));
  }
  if (!words.compression || kept.compression.empty()) return;
  options.add_text("COMPRESSION_ALGORITHMS", kept.compression);
  if (kept.zstd_level > 0) {
    options.add("ZSTD_COMPRESSION_LEVEL", std::to_string(kept.zstd_level));
  }
}

SqlStatement change_source(const Words& words, const Instance& instance, const PointTo& target) {
  Options options(words);
  options.add_text("HOST",
                   target.written_name.empty() ? target.source.hostname : target.written_name);
  options.add("PORT", std::to_string(target.source.port));
  add_position(options, words, instance, target);
  if (target.user) options.add_text("USER", *target.user);
  if (target.password) options.add_secret("PASSWORD", *target.password);
  const Replication& present = instance.replication;
  const LinkOptions link =
      target.options.value_or(LinkOptions{present.tls, present.allow_tls, present.heartbeat, {}});
  if (link.heartbeat) options.add("HEARTBEAT_PERIOD", seconds_text(*link.heartbeat));
  add_kept(options, words, link.kept);
  add_tls(options, words, link);
  return options.statement(words, instance);
}

std::vector<SqlStatement> reset_statements(const Words& words, const Instance& instance) {
  const std::string name = connection_name(words, instance);
  const std::string reset = std::string("RESET") + (words.replica ? " REPLICA" : " SLAVE") + name +
                            " ALL" + channel_suffix(words, instance);
  return {plain(reset)};
}

std::vector<SqlStatement> read_only_statements(const Instance& instance, bool on,
                                               const StatementSettings& settings) {
  const std::string value = on ? "1" : "0";
  std::vector<SqlStatement> statements{plain("SET GLOBAL read_only = " + value)};
  if (settings.use_super_read_only && !is_mariadb(instance)) {
    statements.push_back(plain("SET GLOBAL super_read_only = " + value));
    statements.back().optional = true;
  }
  return statements;
}

std::string semi_sync_statement(const Instance& instance, bool source_side, bool on) {
  const bool new_names = instance.semi_sync.new_names;
  const char* side =
      source_side ? (new_names ? "source" : "master") : (new_names ? "replica" : "slave");
  return std::string("SET GLOBAL rpl_semi_sync_") + side + "_enabled = " + (on ? "1" : "0");
}

/// On MariaDB each CHANGE sets it back to its default, also one that names no host.
void keep_heartbeat(Options& options, const Words& words, const Instance& instance) {
  const auto& heartbeat = instance.replication.heartbeat;
  if (words.mariadb && heartbeat) options.add("HEARTBEAT_PERIOD", seconds_text(*heartbeat));
}

SqlStatement delay_statement(const Words& words, const Instance& instance, const SetDelay& delay) {
  Options options(words);
  options.add("DELAY", std::to_string(delay.delay.count()));
  // Naming the place in the relay logs keeps them; by GTID they are thrown away at the next start.
  if (delay.keeps_relay_logs) {
    options.add("USE_GTID", "no");
    options.add_raw("RELAY_LOG_FILE", sql_quoted(instance.replication.relay.log_file));
    options.add_raw("RELAY_LOG_POS", std::to_string(instance.replication.relay.log_pos));
  }
  keep_heartbeat(options, words, instance);
  return options.statement(words, instance);
}

}  // namespace

std::string sql_quoted(std::string_view text) {
  // Read back the same under every sql_mode but NO_BACKSLASH_ESCAPES, which callers switch off.
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

namespace {

/// MariaDB's STOP SLAVE waits while the receiver reads from a source that is frozen (2 to 9 s
/// measured on 10.11 and 11.8), and with semi-sync for a new connection to it, too. Ending the
/// receiver's thread and a short limit for that connection make it a second at most.
std::vector<SqlStatement> stop_without_waiting(SqlStatement stop, const Instance& instance) {
  const auto optional = [](std::string text) {
    SqlStatement statement = plain(std::move(text));
    statement.optional = true;
    return statement;
  };
  constexpr const char* kLimit = "rpl_semi_sync_slave_kill_conn_timeout";
  const bool semi_sync = instance.semi_sync.replica_enabled;
  std::vector<SqlStatement> statements;
  if (semi_sync) {
    statements.push_back(optional(std::string("SET @orch_limit = @@GLOBAL.") + kLimit));
    statements.push_back(optional(std::string("SET GLOBAL ") + kLimit + " = 1"));
  }
  statements.push_back(
      optional("SET @orch_receiver = (SELECT MIN(id) FROM information_schema.processlist"
               " WHERE command = 'Slave_IO')"));
  statements.push_back(optional("EXECUTE IMMEDIATE CONCAT('KILL ', @orch_receiver)"));
  statements.push_back(std::move(stop));
  if (semi_sync) {
    statements.push_back(optional(std::string("SET GLOBAL ") + kLimit + " = @orch_limit"));
  }
  return statements;
}

/// Session 0 is nobody's: so the server says when no applier has begun a transaction, or not all is
/// applied that was received as a whole. What InnoDB lists may be older than the transaction, and
/// one of which no row came yet is not listed; before 8.0 nothing else tells.
std::vector<SqlStatement> roll_back_partial(const Instance& instance) {
  // What cannot be read is left to the server to refuse: an empty set would be applied always.
  std::string received = instance.replication.retrieved_gtid_set;
  if (const auto set = GtidSet::parse(received)) received = set->to_string();
  const std::string applied = "GTID_SUBSET(" + sql_quoted(received) + ", @@GLOBAL.gtid_executed)";
  std::vector<SqlStatement> statements{
      plain("SET @orch_applier = (SELECT MIN(p.id) FROM information_schema.innodb_trx AS t"
            " JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id"
            " WHERE p.user = 'system user' AND " +
            applied + ")"),
      plain("SET @orch_applier = COALESCE(@orch_applier,"
            " (SELECT MIN(p.id) FROM information_schema.processlist AS p"
            " JOIN performance_schema.replication_connection_status AS s"
            " WHERE p.user = 'system user' AND p.state LIKE '%has read all relay log%'"
            " AND s.queueing_transaction <> '' AND " +
            applied + "))"),
      plain("SET @orch_kill = CONCAT('KILL ', COALESCE(@orch_applier, 0))"),
      plain("PREPARE orch_kill FROM @orch_kill"), plain("EXECUTE orch_kill")};
  statements[1].optional = true;
  return statements;
}

/// One of the tags in a set; "" when there is none.
std::string a_tag_of(const std::string& gtids) {
  const Result<GtidSet> set = GtidSet::parse(gtids);
  if (!set) return "";
  for (const auto& [origin, intervals] : set->intervals()) {
    if (!origin.tag.empty()) return origin.tag;
  }
  return "";
}

/// Without the privileges for the last statement the server would be left without its history:
/// what comes before the reset changes nothing, and is refused without them, too.
std::vector<SqlStatement> reset_history(const ResetGtidHistory& history,
                                        const ServerVersion& version) {
  std::vector<SqlStatement> statements;
  // 5.7 sets gtid_purged only where nothing is executed.
  if (version >= ServerVersion{8, 0, 0}) {
    statements.push_back(plain("SET GLOBAL gtid_purged = @@GLOBAL.gtid_purged"));
  }
  if (const std::string tag = a_tag_of(history.executed); !tag.empty()) {
    statements.push_back(plain("SET SESSION gtid_next = " + sql_quoted("AUTOMATIC:" + tag)));
    statements.push_back(plain("SET SESSION gtid_next = 'AUTOMATIC'"));
  }
  // RESET MASTER is gone in 8.4; its successor came with 8.2.
  statements.push_back(
      plain(version >= ServerVersion{8, 2, 0} ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER"));
  statements.push_back(plain("SET GLOBAL gtid_purged = " + sql_quoted(history.executed)));
  return statements;
}

}  // namespace

std::vector<SqlStatement> statements_for(const Instance& instance, const Change& change,
                                         const StatementSettings& settings) {
  const Words words = words_of(instance);
  if (std::holds_alternative<RollBackPartial>(change)) {
    if (!words.mariadb) return roll_back_partial(instance);
    return {plain(thread_statement("STOP", words, instance, ReplicationThreads::Applier))};
  }
  if (const auto* stop = std::get_if<StopReplication>(&change)) {
    SqlStatement statement = plain(thread_statement("STOP", words, instance, stop->threads));
    const bool may_hang = stop->source_is_silent && is_mariadb(instance) &&
                          stop->threads != ReplicationThreads::Applier &&
                          runs(instance.replication.io_state);
    if (!may_hang) return {std::move(statement)};
    return stop_without_waiting(std::move(statement), instance);
  }
  if (const auto* start = std::get_if<StartReplication>(&change)) {
    return {plain(thread_statement("START", words, instance, start->threads))};
  }
  if (const auto* target = std::get_if<PointTo>(&change)) {
    return {change_source(words, instance, *target)};
  }
  if (std::holds_alternative<ResetReplication>(change)) return reset_statements(words, instance);
  if (const auto* read_only = std::get_if<SetReadOnly>(&change)) {
    return read_only_statements(instance, read_only->on,
                                {settings.use_super_read_only || read_only->strict});
  }
  if (const auto* source = std::get_if<SetSemiSyncSource>(&change)) {
    return {plain(semi_sync_statement(instance, true, source->on))};
  }
  if (const auto* replica = std::get_if<SetSemiSyncReplica>(&change)) {
    return {plain(semi_sync_statement(instance, false, replica->on))};
  }
  if (const auto* delay = std::get_if<SetDelay>(&change)) {
    return {delay_statement(words, instance, *delay)};
  }
  if (const auto* until = std::get_if<StartUntil>(&change)) {
    return {start_until(words, instance, until->until)};
  }
  if (const auto* purge = std::get_if<PurgeBinaryLogs>(&change)) {
    return {plain("PURGE BINARY LOGS TO " + sql_quoted(purge->up_to))};
  }
  if (const auto* history = std::get_if<ResetGtidHistory>(&change)) {
    return reset_history(*history, parse_server_version(instance.server.version));
  }
  if (const auto* follow = std::get_if<FollowByGtid>(&change)) {
    Options options(words);
    options.add("USE_GTID", follow->current ? "current_pos" : "slave_pos");
    keep_heartbeat(options, words, instance);
    return {options.statement(words, instance)};
  }
  std::vector<SqlStatement> statements;
  if (const auto* inject = std::get_if<InjectEmptyTransactions>(&change)) {
    for (const std::string& gtid : inject->gtids) {
      statements.push_back(plain("SET SESSION gtid_next = " + sql_quoted(gtid)));
      statements.push_back(plain("BEGIN"));
      statements.push_back(plain("COMMIT"));
    }
    statements.push_back(plain("SET SESSION gtid_next = 'AUTOMATIC'"));
    return statements;
  }
  if (std::holds_alternative<CommitNothing>(change)) return {plain("FLUSH USER_RESOURCES")};
  if (std::holds_alternative<SkipEvent>(change)) {
    const bool new_name =
        !words.mariadb && parse_server_version(instance.server.version) >= ServerVersion{8, 0, 26};
    return {plain(new_name ? "SET GLOBAL sql_replica_skip_counter = 1"
                           : "SET GLOBAL sql_slave_skip_counter = 1")};
  }
  if (const auto* kill = std::get_if<KillQuery>(&change)) {
    return {plain("KILL QUERY " + std::to_string(kill->session))};
  }
  const auto& flush = std::get<FlushBinaryLogs>(change);
  for (int i = 0; i < flush.times; ++i)
    statements.push_back(plain("FLUSH BINARY LOGS"));
  return statements;
}

}  // namespace orch
