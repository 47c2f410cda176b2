#include "core/mysql/change_statements.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

std::string shown(const Instance& instance, const Change& change,
                  const StatementSettings& settings = {}) {
  std::string all;
  for (const SqlStatement& statement : statements_for(instance, change, settings)) {
    all += (all.empty() ? "" : "; ") + statement.shown;
  }
  return all;
}

Instance mysql_version(const std::string& version) {
  Instance instance = following(mysql(2, gtids("1-9")), 1);
  instance.server.version = version;
  return instance;
}

PointTo point_to(Positioning positioning = Positioning::Keep) {
  PointTo target;
  target.source = {"db9", 3307};
  target.positioning = positioning;
  return target;
}

}  // namespace

TEST_SUITE("core/mysql/change_statements") {
  TEST_CASE("binary logs, histories and places") {
    const StartUntil until{{"it's.000003", 77, BinlogType::Binary}};
    CHECK(shown(mysql_version("5.7.44-log"), until) ==
          "START SLAVE UNTIL MASTER_LOG_FILE = 'it''s.000003', MASTER_LOG_POS = 77");
    CHECK(shown(mysql_version("8.4.3"), until) ==
          "START REPLICA UNTIL SOURCE_LOG_FILE = 'it''s.000003', SOURCE_LOG_POS = 77");
    CHECK(shown(mysql_version("8.0.35"), ResetGtidHistory{"a:1-2"}) ==
          "SET GLOBAL gtid_purged = @@GLOBAL.gtid_purged; RESET MASTER; "
          "SET GLOBAL gtid_purged = 'a:1-2'");
    CHECK(shown(mysql_version("5.7.44"), ResetGtidHistory{"a:1-2"}) ==
          "RESET MASTER; SET GLOBAL gtid_purged = 'a:1-2'");
    CHECK(shown(mysql_version("8.4.3"), ResetGtidHistory{"a:1-2"}) ==
          "SET GLOBAL gtid_purged = @@GLOBAL.gtid_purged; RESET BINARY LOGS AND GTIDS; "
          "SET GLOBAL gtid_purged = 'a:1-2'");
    const std::string tagged = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:nightly:1-2";
    CHECK(shown(mysql_version("8.4.3"), ResetGtidHistory{tagged}) ==
          "SET GLOBAL gtid_purged = @@GLOBAL.gtid_purged; "
          "SET SESSION gtid_next = 'AUTOMATIC:nightly'; SET SESSION gtid_next = 'AUTOMATIC'; "
          "RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged = '" +
              tagged + "'");
    CHECK(shown(mysql_version("8.4.3"), InjectEmptyTransactions{{"a:1"}}) ==
          "SET SESSION gtid_next = 'a:1'; BEGIN; COMMIT; SET SESSION gtid_next = 'AUTOMATIC'");
    CHECK(shown(mysql_version("8.4.3"), PurgeBinaryLogs{"bin.000009"}) ==
          "PURGE BINARY LOGS TO 'bin.000009'");
  }

  TEST_CASE("a source is told by its virtual name where there is one") {
    PointTo target;
    target.source = {"db2", 3306};
    target.written_name = "vip2";
    const std::string text = shown(mysql_version("8.4.3"), target);
    CHECK(text.find("SOURCE_HOST='vip2', SOURCE_PORT=3306") != std::string::npos);
  }

  TEST_CASE("the words follow the version, compared as numbers (DISC-5)") {
    struct Case {
      const char* version;
      const char* stop;
      const char* change;
    };
    const Case cases[] = {
        {"5.7.44-log", "STOP SLAVE IO_THREAD",
         "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_AUTO_POSITION=1"},
        {"8.0.22", "STOP REPLICA IO_THREAD",
         "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_AUTO_POSITION=1"},
        {"8.0.23", "STOP REPLICA IO_THREAD",
         "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307, "
         "SOURCE_AUTO_POSITION=1"},
        {"10.0.1", "STOP REPLICA IO_THREAD",
         "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307, "
         "SOURCE_AUTO_POSITION=1"},
        {"10.11.6-MariaDB", "STOP SLAVE IO_THREAD",
         "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_USE_GTID=slave_pos"},
    };
    for (const Case& one : cases) {
      const Instance instance = mysql_version(one.version);
      CHECK(shown(instance, StopReplication{ReplicationThreads::Receiver}) == one.stop);
      CHECK(shown(instance, point_to(Positioning::Gtid)) == one.change);
    }
  }

  TEST_CASE("a binlog server is told the old words, whatever its version, and of no thread") {
    Instance server = binlog_server(2, 1, 700);
    server.server.version = "22.08.1-maxscale";
    CHECK(shown(server, StopReplication{ReplicationThreads::Receiver}) == "STOP SLAVE");
    CHECK(shown(server, StartReplication{}) == "START SLAVE");
    PointTo target = point_to(Positioning::Coordinates);
    target.coordinates = {"bin.000003", 4, BinlogType::Binary};
    CHECK(shown(server, target) ==
          "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_LOG_FILE='bin.000003', "
          "MASTER_LOG_POS=4");
  }

  TEST_CASE("a GTID replica keeps its positioning; one without GTID is told coordinates") {
    PointTo target = point_to();
    target.coordinates = {"bin.000003", 77, BinlogType::Binary};
    Instance replica = mysql_version("8.4.3");
    CHECK(shown(replica, target) ==
          "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307");
    replica.gtid.uses_oracle = false;
    CHECK(shown(replica, target) ==
          "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307, "
          "SOURCE_LOG_FILE='bin.000003', SOURCE_LOG_POS=77");
  }

  TEST_CASE("a MariaDB server that follows by GTID keeps which of its positions counts") {
    Instance replica = following(mariadb(2, "0-1-9"), 1);
    const char* text = "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307";
    for (const Positioning positioning : {Positioning::Keep, Positioning::Gtid})
      CHECK(shown(replica, point_to(positioning)) == text);
    replica.gtid.uses_mariadb = false;
    CHECK(shown(replica, point_to(Positioning::Gtid)) ==
          std::string(text) + ", MASTER_USE_GTID=slave_pos");
  }

  TEST_CASE("a former MariaDB source joins by its current position") {
    CHECK(shown(mariadb(1, "0-1-9"), point_to(Positioning::MariaDbCurrent)) ==
          "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_USE_GTID=current_pos");
  }

  TEST_CASE("TLS, keys, heartbeat and channel of the link are said again") {
    Instance replica = mysql_version("8.4.3");
    replica.replication.allow_tls = true;
    replica.replication.tls.ca_file = "/ca.pem";
    replica.replication.tls.verify_server_cert = true;
    replica.replication.tls.tls_version = "TLSv1.3";
    replica.replication.tls.get_public_key = true;
    replica.replication.heartbeat = std::chrono::milliseconds(3500);
    replica.replication.channel = "ch";
    CHECK(shown(replica, point_to()) ==
          "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307, "
          "SOURCE_HEARTBEAT_PERIOD=3.500, SOURCE_SSL=1, SOURCE_SSL_CA='/ca.pem', "
          "SOURCE_SSL_VERIFY_SERVER_CERT=1, SOURCE_TLS_VERSION='TLSv1.3', "
          "GET_SOURCE_PUBLIC_KEY=1 FOR CHANNEL 'ch'");
  }

  TEST_CASE("a new link gets the options that the change says, not those of a former one") {
    Instance primary = mysql_version("8.4.3");
    primary.replication.heartbeat = std::chrono::milliseconds(1000);
    PointTo target = point_to();
    target.options = LinkOptions{.heartbeat = std::chrono::milliseconds(2500),
                                 .kept = {std::chrono::seconds(7), 86400, "zstd,uncompressed", 9}};
    CHECK(shown(primary, target) ==
          "CHANGE REPLICATION SOURCE TO SOURCE_HOST='db9', SOURCE_PORT=3307, "
          "SOURCE_HEARTBEAT_PERIOD=2.500, SOURCE_CONNECT_RETRY=7, SOURCE_RETRY_COUNT=86400, "
          "SOURCE_COMPRESSION_ALGORITHMS='zstd,uncompressed', SOURCE_ZSTD_COMPRESSION_LEVEL=9");
    CHECK(shown(mysql_version("5.7.44"), target) ==
          "CHANGE MASTER TO MASTER_HOST='db9', MASTER_PORT=3307, MASTER_HEARTBEAT_PERIOD=2.500, "
          "MASTER_CONNECT_RETRY=7, MASTER_RETRY_COUNT=86400");
    CHECK(shown(mariadb(1, "0-1-9"), target).ends_with(", MASTER_CONNECT_RETRY=7"));
  }

  TEST_CASE("MariaDB keeps its relay logs when a delay is changed at a place in them") {
    Instance replica = following(mariadb(2, "0-1-9"), 1);
    replica.replication.relay = {"relay.000002", 658, BinlogType::Relay};
    replica.replication.channel = "ch";
    CHECK(shown(replica, SetDelay{{}, true}) ==
          "CHANGE MASTER 'ch' TO MASTER_DELAY=0, MASTER_USE_GTID=no, "
          "RELAY_LOG_FILE='relay.000002', RELAY_LOG_POS=658");
    CHECK(shown(replica, SetDelay{}) == "CHANGE MASTER 'ch' TO MASTER_DELAY=0");
    CHECK(shown(replica, FollowByGtid{}) == "CHANGE MASTER 'ch' TO MASTER_USE_GTID=slave_pos");
    CHECK(shown(replica, FollowByGtid{true}) ==
          "CHANGE MASTER 'ch' TO MASTER_USE_GTID=current_pos");
  }

  TEST_CASE("MariaDB keeps its heartbeat period also when nothing of its source changes") {
    Instance replica = following(mariadb(2, "0-1-9"), 1);
    replica.replication.heartbeat = std::chrono::milliseconds(3500);
    for (const Change& change :
         {Change{SetDelay{}}, Change{SetDelay{{}, true}}, Change{FollowByGtid{}}})
      CHECK(shown(replica, change).ends_with(", MASTER_HEARTBEAT_PERIOD=3.500"));
    // MySQL keeps it by itself, and would want its receiver stopped to be told.
    Instance other = following(mysql(2, gtids("1-9")), 1);
    other.replication.heartbeat = std::chrono::milliseconds(3500);
    CHECK(shown(other, SetDelay{}).find("HEARTBEAT") == std::string::npos);
  }

  TEST_CASE("an applier is ended only when all is applied that was received as a whole") {
    const std::string text = shown(mysql_version("5.7.44"), RollBackPartial{});
    CHECK(text.find("GTID_SUBSET('" + gtids("1-9") + "', @@GLOBAL.gtid_executed)") !=
          std::string::npos);
    CHECK(text.find("user = 'system user'") != std::string::npos);
    CHECK(text.ends_with("PREPARE orch_kill FROM @orch_kill; EXECUTE orch_kill"));
  }

  TEST_CASE("MariaDB's applier rolls back by itself what came in part when it is stopped") {
    CHECK(shown(following(mariadb(2, "0-1-9"), 1), RollBackPartial{}) == "STOP SLAVE SQL_THREAD");
  }

  TEST_CASE("received transactions that cannot be read are not taken for none") {
    Instance replica = mysql_version("9.7.0");
    replica.replication.retrieved_gtid_set = "no set";
    const std::string text = shown(replica, RollBackPartial{});
    CHECK(text.find("GTID_SUBSET('no set', @@GLOBAL.gtid_executed)") != std::string::npos);
  }

  TEST_CASE("a MariaDB receiver is ended when its source is silent: STOP SLAVE would wait for it") {
    const StopReplication stop{ReplicationThreads::Receiver, true};
    Instance replica = following(mariadb(2, "0-1-9"), 1);
    replica.semi_sync.replica_enabled = true;
    const std::vector<SqlStatement> statements = statements_for(replica, stop, {});
    REQUIRE(statements.size() == 6);
    CHECK(statements[1].shown == "SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = 1");
    CHECK(statements[3].shown == "EXECUTE IMMEDIATE CONCAT('KILL ', @orch_receiver)");
    CHECK(statements[4].shown == "STOP SLAVE IO_THREAD");
    CHECK_FALSE(statements[4].optional);
    CHECK(statements[5].shown == "SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = @orch_limit");
    replica.semi_sync.replica_enabled = false;
    CHECK(statements_for(replica, stop, {}).size() == 3);
    replica.replication.io_state = ThreadState::Stopped;
    CHECK(shown(replica, stop) == "STOP SLAVE IO_THREAD");
    CHECK(shown(following(mysql(2, gtids("1-9")), 1), stop) == "STOP REPLICA IO_THREAD");
  }

  TEST_CASE("a MariaDB connection is named after the verb") {
    Instance replica = following(mariadb(2, "0-1-9"), 1);
    replica.replication.channel = "c1";
    CHECK(shown(replica, StopReplication{}) == "STOP SLAVE 'c1'");
    CHECK(shown(replica, ResetReplication{}) == "RESET SLAVE 'c1' ALL");
  }

  TEST_CASE("a password is sent and never shown") {
    PointTo target = point_to(Positioning::Gtid);
    target.user = "re'pl";
    target.password = Secret("s3'cret");
    const SqlStatement statement = statements_for(mysql_version("8.4.3"), target, {}).front();
    CHECK(statement.text.reveal().find("SOURCE_PASSWORD='s3''cret'") != std::string::npos);
    CHECK(statement.shown.find("cret") == std::string::npos);
    CHECK(statement.shown.find("SOURCE_USER='re''pl', SOURCE_PASSWORD='***'") != std::string::npos);
  }

  TEST_CASE("host names with quotes and backslashes stay inside their literal") {
    PointTo target = point_to();
    target.source.hostname = "x', SOURCE_USER='root\\";
    CHECK(shown(mysql_version("8.4.3"), target) ==
          "CHANGE REPLICATION SOURCE TO SOURCE_HOST='x'', SOURCE_USER=''root\\\\', "
          "SOURCE_PORT=3307");
  }

  TEST_CASE("super_read_only is set where wanted and where there is one") {
    CHECK(shown(mysql(1, ""), SetReadOnly{true}, {true}) ==
          "SET GLOBAL read_only = 1; SET GLOBAL super_read_only = 1");
    CHECK(shown(mysql(1, ""), SetReadOnly{true}) == "SET GLOBAL read_only = 1");
    CHECK(shown(mariadb(1, ""), SetReadOnly{false}, {true}) == "SET GLOBAL read_only = 0");
  }

  TEST_CASE("semi-sync variables follow the plugin's generation") {
    Instance instance = mysql(1, "");
    CHECK(shown(instance, SetSemiSyncSource{true}) ==
          "SET GLOBAL rpl_semi_sync_master_enabled = 1");
    instance.semi_sync.new_names = true;
    CHECK(shown(instance, SetSemiSyncReplica{false}) ==
          "SET GLOBAL rpl_semi_sync_replica_enabled = 0");
  }
}
