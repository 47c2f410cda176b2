#include "core/probe/reading.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/support/scripted_mysql.h"

namespace orch {
namespace {

using namespace orch::test;  // NOLINT(google-build-using-namespace)

struct Bench {
  ProbeRules rules{};
  Resolver resolver{ResolveSettings{}};
  Capabilities known{};

  Observation read(ScriptedSession& session, SteadyPoint deadline = SteadyPoint::max()) {
    return read_server(session, known, kKey, rules, resolver, deadline);
  }
};

void check_mysql_replica(const Observation& seen, const std::string& version) {
  const Instance& instance = seen.instance;
  CHECK(seen.outcome == ProbeOutcome::Clean);
  CHECK(seen.soft_errors.empty());
  CHECK(instance.key == kKey);
  CHECK(instance.server.version == version);
  CHECK(instance.server.uuid == kUuid);
  CHECK(instance.server.id == 2);
  CHECK(instance.server.read_only);
  CHECK(instance.server.super_read_only == false);
  CHECK(instance.server.log_replica_updates);
  CHECK(instance.server.uptime.count() >= 90);
  CHECK(to_string(instance.server.binlog) == "bin.000007:777");
  CHECK(to_string(instance.replication.source) == "db1:3306");
  CHECK(instance.replication.io_running);
  CHECK_FALSE(instance.replication.has_filters);  // but for what it wrote itself
  CHECK(to_string(instance.replication.read) == "bin.000002:500");
  CHECK(to_string(instance.replication.exec) == "bin.000002:400");
  CHECK(instance.replication.seconds_behind == std::chrono::seconds(3));
  CHECK(instance.replication.lag == std::chrono::seconds(3));
  CHECK(instance.replication.credentials_available);
  CHECK(instance.gtid.uses_oracle);
  CHECK(instance.gtid.supports_oracle);
  CHECK(instance.gtid.executed == std::string(kUuid) + ":1-5");
  REQUIRE(seen.replica_candidates.size() == 1);
  CHECK(to_string(seen.replica_candidates[0]) == "db3:3306");
}

ScriptedSession group_member() {
  ScriptedSession session = mysql_server("8.4.3", true, true);
  session.variables()["group_replication_group_name"] = "aaaaaaaa-0000-0000-0000-000000000000";
  session.variables()["group_replication_single_primary_mode"] = "ON";
  session.answer("SELECT member_id",
                 table({"MEMBER_ID", "MEMBER_HOST", "MEMBER_PORT", "MEMBER_STATE", "MEMBER_ROLE"},
                       {{kUuid, "db2", "3306", "ONLINE", "SECONDARY"},
                        {"x", "db1", "3306", "ONLINE", "PRIMARY"}}));
  return session;
}

}  // namespace

TEST_SUITE("core/probe/reading") {
  TEST_CASE("every MySQL version is read in its own words (DISC-5, DISC-6, DISC-7)") {
    struct Version {
      const char* text;
      bool new_words;
      bool has_pfs_processlist;
      bool has_repository_variable;
    };
    for (const Version& version :
         {Version{"5.7.44-log", false, false, true}, Version{"8.0.4-rc", false, false, true},
          Version{"8.0.13", false, false, true}, Version{"8.0.21", false, false, true},
          Version{"8.0.36", false, true, true}, Version{"8.3.0", false, true, false},
          Version{"8.4.3", true, true, false}, Version{"9.7.4", true, true, false},
          Version{"10.0.0", true, true, false}}) {
      CAPTURE(version.text);
      ScriptedSession session =
          mysql_server(version.text, version.new_words, version.has_pfs_processlist);
      if (version.has_repository_variable) {
        session.variables()["master_info_repository"] = "TABLE";
      }
      Bench bench;
      check_mysql_replica(bench.read(session), version.text);
      CHECK(session.packets.size() == 1);
      const Observation again = bench.read(session);
      check_mysql_replica(again, version.text);
      CHECK(again.round_trips == 1);
    }
  }

  TEST_CASE("a MySQL replica tells of its heartbeats, whether somebody follows it or not") {
    for (const bool followed : {false, true}) {
      Bench bench;
      ScriptedSession session = mysql_server("8.4.3", true, true);
      if (!followed) {
        session.answer("SELECT user, host FROM performance_schema", table({"USER", "HOST"}, {}));
      }
      const Observation seen = bench.read(session);
      CHECK(seen.replica_candidates.empty() == !followed);
      CHECK(seen.instance.replication.heartbeats == 12);
      CHECK(seen.instance.replication.heartbeat == std::chrono::seconds(1));
    }
  }

  TEST_CASE("a process list in performance_schema that is refused is replaced for good (DISC-6)") {
    ScriptedSession session = mysql_server("8.0.36", false, false);
    Bench bench;
    check_mysql_replica(bench.read(session), "8.0.36");
    const Observation again = bench.read(session);
    check_mysql_replica(again, "8.0.36");
    CHECK(again.round_trips == 1);
  }

  TEST_CASE("a process list in performance_schema that is switched off is replaced for good") {
    ScriptedSession session = mysql_server("8.0.36", false, false);
    session.answer("SELECT user, host FROM performance_schema", table({"USER", "HOST"}, {}));
    session.variables()["performance_schema"] = "OFF";
    Bench bench;
    check_mysql_replica(bench.read(session), "8.0.36");
    const Observation again = bench.read(session);
    check_mysql_replica(again, "8.0.36");
    CHECK(again.round_trips == 1);
  }

  TEST_CASE("a server that turns clients away says so to an account that it serves") {
    for (const int connections : {9, 10, 11}) {
      CAPTURE(connections);
      ScriptedSession session = mysql_server("9.7.4", true, true);
      session.variables()["max_connections"] = "10";
      session.answer("SHOW GLOBAL STATUS",
                     table({"Variable_name", "Value"},
                           {{"Uptime", "90"}, {"Threads_connected", std::to_string(connections)}}));
      Bench bench;
      for (int time = 0; time < 2; ++time) {
        const Observation seen = bench.read(session);
        CHECK(seen.outcome == ProbeOutcome::Clean);
        REQUIRE((seen.soft_errors.size() == 1) == (connections >= 10));
        if (connections < 10) continue;
        CHECK(seen.soft_errors.front().message.find("takes no more connections") !=
              std::string::npos);
        if (time > 0) CHECK(seen.round_trips == 1);
      }
    }
  }

  TEST_CASE("behind a proxy that greets with another version, the server's own word counts") {
    ScriptedSession session("8.0.11");
    ScriptedSession real = mysql_server("8.4.3", true, true);
    ScriptedSession proxied = mysql_server("8.4.3", true, true);
    session.variables(real.variables());
    session.answer("SHOW REPLICA STATUS", new_status());
    session.answer("SHOW BINARY LOG STATUS", table({"File", "Position"}, {{"bin.000007", "777"}}));
    session.answer("SHOW REPLICAS", table({"Host", "Port"}, {}));
    session.answer("SHOW GLOBAL STATUS", table({"Variable_name", "Value"}, {{"Uptime", "90"}}));
    session.answer("SELECT MAX(user_name)", table({"user_name"}, {{"repl"}}));
    session.answer("SELECT user, host FROM", table({"user", "host"}, {{"repl", "db3:51234"}}));
    Bench bench;
    check_mysql_replica(bench.read(session), "8.4.3");
    CHECK(bench.read(session).round_trips == 1);
  }

  TEST_CASE("MariaDB is read with its own status, GTID positions and no MySQL tables") {
    for (const char* version : {"10.5.27-MariaDB-log", "10.11.6-MariaDB", "11.8.6-MariaDB"}) {
      CAPTURE(version);
      ScriptedSession session(version);
      session.variables({{"hostname", "db2"},
                         {"server_id", "2"},
                         {"version", version},
                         {"version_comment", "Debian 12"},
                         {"read_only", "ON"},
                         {"binlog_format", "MIXED"},
                         {"log_bin", "ON"},
                         {"log_slave_updates", "OFF"},
                         {"rpl_semi_sync_master_enabled", "ON"},
                         {"rpl_semi_sync_master_timeout", "10000"},
                         {"rpl_semi_sync_slave_enabled", "OFF"},
                         {"gtid_slave_pos", "0-1-42"},
                         {"gtid_binlog_state", "0-1-41,0-2-3"},
                         {"gtid_current_pos", "0-1-42"}});
      const bool is_current = std::string_view(version).starts_with("11");
      const std::string using_gtid = is_current ? "Current_Pos" : "Slave_Pos";
      session.answer("SHOW ALL SLAVES STATUS", vertical(R"(
        Connection_name:
        Master_Host: db1
        Master_User: repl
        Master_Port: 3307
        Master_Log_File: bin.000002
        Read_Master_Log_Pos: 500
        Relay_Master_Log_File: bin.000002
        Exec_Master_Log_Pos: 500
        Slave_IO_Running: Connecting
        Slave_SQL_Running: Yes
        Seconds_Behind_Master: NULL
        Gtid_IO_Pos: 0-1-42
        Using_Gtid: )" + using_gtid));
      session.answer("SHOW SESSION STATUS LIKE '",
                     table({"Variable_name", "Value"}, {{"Binlog_snapshot_file", "b.000001"},
                                                        {"Binlog_snapshot_position", "4"}}));
      session.answer("SHOW SLAVE HOSTS",
                     table({"Server_id", "Host", "Port"}, {{"3", "db3", "3310"}}));
      session.answer("SHOW GLOBAL STATUS",
                     table({"Variable_name", "Value"}, {{"Uptime", "7"},
                                                        {"Rpl_semi_sync_master_status", "ON"},
                                                        {"Rpl_semi_sync_master_clients", "2"}}));
      session.answer("SELECT user, host FROM information_schema",
                     table({"user", "host"}, {{"repl", "10.0.0.3:40000"}}));
      Bench bench;
      Observation seen = bench.read(session);
      CHECK(bench.read(session).round_trips == 1);
      CHECK(seen.outcome == ProbeOutcome::Clean);
      CHECK(seen.soft_errors.empty());
      CHECK(seen.instance.server.uuid.empty());
      CHECK(seen.instance.replication.source_uuid == "No");
      CHECK(seen.instance.replication.io_state == ThreadState::Other);
      CHECK_FALSE(seen.instance.replication.lag);
      CHECK(seen.instance.replication.gtid_io_pos == "0-1-42");
      CHECK(seen.instance.gtid.uses_mariadb);
      CHECK(seen.instance.gtid.mariadb_current == is_current);
      CHECK(seen.instance.gtid.mariadb_slave_pos == "0-1-42");
      CHECK(seen.instance.gtid.mariadb_binlog_state == "0-1-41,0-2-3");
      CHECK(seen.instance.semi_sync.available);
      CHECK(seen.instance.semi_sync.source_clients == 2);
      CHECK(seen.instance.semi_sync.source_wait_for_replica_count == 1);
      CHECK_FALSE(seen.instance.semi_sync.new_names);
      REQUIRE(seen.instance.replicas.size() == 1);
      CHECK(to_string(seen.instance.replicas[0]) == "db3:3310");
      CHECK(seen.replica_candidates.empty());
    }
  }

  TEST_CASE("MaxScale as a binlog server is read one statement at a time") {
    ScriptedSession session("5.6.15-log");
    session.answer("SHOW VARIABLES LIKE 'maxscale%'",
                   table({"Variable_name", "Value"}, {{"MAXSCALE_VERSION", "2.2.1"}}));
    session.answer("SELECT @@global.server_id AS server_id, @@global.server_uuid",
                   table({"server_id", "server_uuid"}, {{"9", kUuid}}));
    session.answer("SHOW SLAVE STATUS", old_status());
    session.answer("SHOW SLAVE HOSTS", table({"Host", "Port"}, {{"db4", "3306"}, {"", "0"}}));
    Bench bench;
    bench.rules.check_max_scale = true;
    const Observation seen = bench.read(session);
    CHECK(seen.outcome == ProbeOutcome::Clean);
    CHECK(seen.instance.server.version == "2.2.1-maxscale");
    CHECK(seen.instance.server.binlog_server);
    CHECK(seen.instance.server.binlog_format == "INHERIT");
    CHECK(seen.instance.server.id == 9);
    CHECK(seen.instance.replication.io_running);
    CHECK(seen.instance.replicas.size() == 1);
    for (const auto& packet : session.packets)
      CHECK(packet.size() == 1);
  }

  TEST_CASE("MaxScale 1.1.0 has its source's name in @@hostname and the state in words") {
    ScriptedSession session("5.6.15-log");
    session.answer("SHOW VARIABLES LIKE 'maxscale%'",
                   table({"Variable_name", "Value"}, {{"MAXSCALE_VERSION", "1.1.0"}}));
    session.answer("SELECT @@global.server_id", table({"server_id"}, {{"9"}}));
    session.answer("SELECT @@global.hostname", table({"hostname"}, {{"db1-real"}}));
    session.answer("SHOW SLAVE STATUS", old_status());
    session.answer("SHOW SLAVE HOSTS", table({"Host", "Port"}, {}));
    Bench bench;
    bench.rules.check_max_scale = true;
    const Observation seen = bench.read(session);
    CHECK(to_string(seen.instance.replication.source) == "db1-real:3306");
    CHECK_FALSE(seen.instance.replication.io_running);
  }

  TEST_CASE("a MaxScale without a replica status is of no use") {
    ScriptedSession session("5.6.15-log");
    session.answer("SHOW VARIABLES LIKE 'maxscale%'",
                   table({"Variable_name", "Value"}, {{"MAXSCALE_VERSION", "2.2.1"}}));
    session.answer("SELECT @@global.server_id", table({"server_id", "server_uuid"}, {{"9", ""}}));
    session.answer("SHOW SLAVE STATUS", table({"Master_Host"}, {}));
    Bench bench;
    bench.rules.check_max_scale = true;
    CHECK(bench.read(session).outcome == ProbeOutcome::Failed);
  }

  TEST_CASE("one refused optional statement blanks nothing else and is not asked again") {
    for (const char* refused :
         {"SELECT MAX(user_name)", "SHOW REPLICAS", "SELECT user, host FROM performance_schema"}) {
      CAPTURE(refused);
      ScriptedSession session = mysql_server("9.7.4", true, true);
      session.refuse(refused, 1142);
      session.refuse("SELECT user, host FROM information_schema", 1227);
      Bench bench;
      bench.rules.queries.replication_lag_query = "SELECT lag FROM meta.heartbeat";
      session.answer("SELECT lag FROM meta.heartbeat", table({"lag"}, {{"12"}}));
      const Observation seen = bench.read(session);
      CHECK(seen.outcome == ProbeOutcome::Clean);
      CHECK(seen.instance.replication.lag == std::chrono::seconds(12));
      CHECK(seen.instance.server.uuid == kUuid);
      REQUIRE(seen.soft_errors.size() == 1);
      CHECK(seen.soft_errors[0].kind == ErrorKind::Denied);
      CHECK(seen.soft_errors[0].message.find("grant") != std::string::npos);
      const Observation again = bench.read(session);
      CHECK(again.round_trips == 1);
      CHECK(again.soft_errors.size() == 1);
    }
  }

  TEST_CASE("a refused user query goes to the end, and costs no further packet next time") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    Bench bench;
    bench.rules.queries.replication_lag_query = "SELECT lag FROM meta.nothing;";
    bench.rules.queries.detect_data_center_query = "SELECT 'ams'";
    session.refuse("SELECT lag", 1146);
    session.answer("SELECT 'ams'", table({"ams"}, {{"ams"}}));
    const Observation first = bench.read(session);
    CHECK(first.round_trips == 3);  // what the server is comes first
    CHECK(first.instance.location.data_center == "ams");
    CHECK(first.instance.replication.lag == std::chrono::seconds(3));
    const Observation second = bench.read(session);
    CHECK(second.round_trips == 1);
    CHECK(second.instance.location.data_center == "ams");
    CHECK(second.soft_errors.size() == 1);
  }

  TEST_CASE(
      "a procedure among the user's queries is asked alone, where its answers shift nobody's") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    Bench bench;
    bench.rules.queries.detect_data_center_query = "CALL meta.data_center()";
    bench.rules.queries.detect_region_query = "SELECT 'west'";
    session.answer("CALL", table({"dc"}, {{"ams"}}));
    session.answer("SELECT 'west'", table({"west"}, {{"west"}}));
    const Observation seen = bench.read(session);
    CHECK(seen.instance.location.data_center == "ams");
    CHECK(seen.instance.location.region == "west");
    REQUIRE(session.packets.size() == 3);
    CHECK(session.packets.back() == std::vector<std::string>{"CALL meta.data_center()"});
  }

  TEST_CASE("a lag query may answer with decimals, and never below zero (DISC-16)") {
    for (const auto& [text, lag] : {std::pair<const char*, int>{"1.6", 2}, {"-3", 0}, {"7", 7}}) {
      ScriptedSession session = mysql_server("9.7.4", true, true);
      session.answer("SELECT lag", table({"lag"}, {{text}}));
      Bench bench;
      bench.rules.queries.replication_lag_query = "SELECT lag";
      CHECK(bench.read(session).instance.replication.lag == std::chrono::seconds(lag));
    }
  }

  TEST_CASE("an answer that means nothing is told, and a name stands on one line") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.answer("SELECT", table({"answer"}, {{"so\non"}}));
    Bench bench;
    ClassificationSettings& queries = bench.rules.queries;
    queries.replication_lag_query = queries.detect_promotion_rule_query = "SELECT 1";
    queries.detect_semi_sync_enforced_query = queries.detect_cluster_alias_query = "SELECT 1";
    const Observation seen = bench.read(session);
    CHECK(seen.instance.replication.lag == std::chrono::seconds(3));
    CHECK(seen.detected_cluster_alias == "so?on");
    REQUIRE(seen.soft_errors.size() == 3);
    CHECK(seen.soft_errors[1].message == to_string(kKey) +
                                             ": DetectPromotionRuleQuery answered "
                                             "\"so?on\", which is no promotion rule");
  }

  TEST_CASE("GTIDs that cannot be read are told, with the server's name and the variable's") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.variables()["gtid_executed"] = "not:a:gtid";
    Bench bench;
    const Observation seen = bench.read(session);
    REQUIRE(seen.soft_errors.size() == 1);
    CHECK(seen.soft_errors.front().message.starts_with(to_string(kKey) + ": gtid_executed: "));
    CHECK(seen.outcome == ProbeOutcome::Clean);
  }

  TEST_CASE(
      "what a variable holds can be shown: no bytes that are no UTF-8, no control characters") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.variables()["binlog_format"] = "R\x1b[31m\xff";
    Bench bench;
    CHECK(bench.read(session).instance.server.binlog_format == "R?[31m\xef\xbf\xbd");
  }

  TEST_CASE("a plug-in that vanishes during a session is learnt, not an error") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.variables()["rpl_semi_sync_source_enabled"] = "ON";
    session.variables()["rpl_semi_sync_replica_enabled"] = "OFF";
    Bench bench;
    CHECK(bench.read(session).instance.semi_sync.source_enabled);
    session.variables().erase("rpl_semi_sync_source_enabled");
    const Observation seen = bench.read(session);
    CHECK(seen.outcome == ProbeOutcome::Clean);
    CHECK_FALSE(seen.instance.semi_sync.available);
    CHECK(bench.read(session).round_trips == 1);
  }

  TEST_CASE("semi-sync counters are asked for while either side is on") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.variables()["rpl_semi_sync_source_enabled"] = "OFF";
    session.variables()["rpl_semi_sync_replica_enabled"] = "OFF";
    session.answer("SHOW GLOBAL STATUS",
                   table({"Variable_name", "Value"}, {{"Uptime", "90"},
                                                      {"Rpl_semi_sync_source_clients", "2"},
                                                      {"Rpl_semi_sync_source_status", "ON"}}));
    const auto asks_status = [&] {
      for (const std::string& statement : session.packets.back()) {
        if (statement.starts_with("SHOW GLOBAL STATUS")) return true;
      }
      return false;
    };
    Bench bench;
    static_cast<void>(bench.read(session));
    CHECK(bench.read(session).instance.semi_sync.available);
    CHECK_FALSE(asks_status());
    session.variables()["rpl_semi_sync_source_enabled"] = "ON";
    const Observation seen = bench.read(session);
    CHECK(seen.instance.semi_sync.source_clients == 2);
    CHECK(seen.instance.semi_sync.source_status);
    CHECK(bench.read(session).round_trips == 1);
    CHECK(asks_status());
  }

  TEST_CASE("a refused replica status is fatal, and partial as the basics were read") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.refuse("SHOW REPLICA STATUS", 1227);
    Bench bench;
    const Observation seen = bench.read(session);
    CHECK(seen.outcome == ProbeOutcome::Partial);
    REQUIRE(seen.error);
    CHECK(seen.error->kind == ErrorKind::Denied);
    CHECK(seen.error->message.find("REPLICATION CLIENT") != std::string::npos);
  }

  TEST_CASE("a refused binlog status is a soft error") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.refuse("SHOW BINARY LOG STATUS", 1227);
    Bench bench;
    const Observation seen = bench.read(session);
    CHECK(seen.outcome == ProbeOutcome::Soft);
    CHECK(seen.found());
  }

  TEST_CASE("a session that is lost fails the probe") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    session.lose_at(0);
    Bench bench;
    const Observation seen = bench.read(session);
    CHECK(seen.outcome == ProbeOutcome::Failed);
    CHECK(seen.error->kind == ErrorKind::Unreachable);
  }

  TEST_CASE("a query of the user's own that hangs says nothing of the server") {
    ScriptedSession session = group_member();
    session.hang_at("SELECT alias");
    Bench bench;
    bench.rules.queries.detect_cluster_alias_query = "SELECT alias FROM meta";
    bench.rules.queries.detect_cluster_domain_query = "SELECT domain FROM meta";
    const auto soon = [] {
      return std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
    };
    const Observation seen = bench.read(session, soon());
    CHECK(seen.outcome == ProbeOutcome::Clean);
    CHECK(to_string(seen.instance.group.primary) == "db1:3306");
    REQUIRE(seen.soft_errors.size() == 1);
    CHECK(seen.soft_errors[0].message.starts_with("DetectClusterAliasQuery: "));
    CHECK(seen.soft_errors[0].message.ends_with("after it was not: DetectClusterDomainQuery"));
    CHECK(seen.untold == Untold{.cluster_alias = true});
    CHECK(bench.known.refused.contains(Ask::ClusterAlias));  // the next session does not ask
    ScriptedSession next = group_member();
    next.hang_at("SELECT alias");
    const Observation later = bench.read(next);
    CHECK(later.outcome == ProbeOutcome::Clean);
    CHECK(later.untold == seen.untold);

    ScriptedSession hung = group_member();
    hung.hang_at("SHOW REPLICA STATUS");
    Bench other;
    other.rules = bench.rules;
    CHECK_FALSE(other.read(hung, soon()).found());
  }

  TEST_CASE("a replica whose replication user is filtered is skipped") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    Bench bench;
    bench.rules.ignored_users.push_back(*Pattern::compile("^repl$"));
    CHECK(bench.read(session).outcome == ProbeOutcome::Skipped);
  }

  TEST_CASE("report_host as the server's name must not be empty") {
    ScriptedSession session = mysql_server("9.7.4", true, true);
    Bench bench;
    bench.rules.own_name = OwnName::ReportHost;
    const Observation empty = bench.read(session);
    CHECK(empty.outcome == ProbeOutcome::Partial);
    session.variables()["report_host"] = "db2.example.com";
    const Observation named = bench.read(session);
    CHECK(to_string(named.instance.key) == "db2.example.com:3306");
    REQUIRE(named.resolved.size() == 1);
    CHECK(named.resolved[0].resolved == "db2.example.com");
  }

  TEST_CASE("a session that is lost as the group is asked for fails the probe (DISC-9)") {
    ScriptedSession whole = group_member();
    Bench bench;
    REQUIRE(bench.read(whole).outcome == ProbeOutcome::Clean);
    const auto asked = std::ranges::find_if(whole.packets, [](const auto& packet) {
      return std::ranges::any_of(packet, [](const std::string& statement) {
        return statement.starts_with("SELECT member_id");
      });
    });
    REQUIRE(asked != whole.packets.end());
    ScriptedSession lost = group_member();
    lost.lose_at(static_cast<std::size_t>(asked - whole.packets.begin()));
    Bench other;
    const Observation seen = other.read(lost);
    CHECK_FALSE(seen.found());
    CHECK(seen.outcome != ProbeOutcome::Skipped);
    REQUIRE(seen.error);
    CHECK(seen.error->kind == ErrorKind::Unreachable);
  }

  TEST_CASE("group members are asked for where the plug-in has a group") {
    ScriptedSession session = group_member();
    Bench bench;
    const Observation seen = bench.read(session);
    CHECK(is_group_secondary(seen.instance));
    CHECK(to_string(seen.instance.group.primary) == "db1:3306");
    CHECK(bench.read(session).round_trips == 1);
    // Feature absent is no error; a missing privilege is.
    session.refuse("SELECT member_id", 1146);
    Bench second;
    CHECK(second.read(session).outcome == ProbeOutcome::Clean);
    session.refuse("SELECT member_id", 1142);
    Bench third;
    CHECK(third.read(session).outcome == ProbeOutcome::Partial);
  }
}

}  // namespace orch
