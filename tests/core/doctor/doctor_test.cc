#include "core/doctor/doctor.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

namespace orch {

namespace {

using test::db;

/// A master with two good replicas that wait for each other's acknowledgement, and nothing to say
/// about them. Tests spoil one thing each.
struct Ward {
  explicit Ward(bool on_mariadb = false) {
    const auto server = [&](int number) {
      return on_mariadb ? test::mariadb(number, "0-1-100")
                        : test::mysql(number, test::gtids("1-100"));
    };
    servers = {test::writable(server(1)), test::following(server(2), 1),
               test::following(server(3), 1), test::following(server(4), 1)};
    for (Instance& instance : servers) {
      instance.replication.credentials_available = true;
      SemiSync& semi_sync = instance.semi_sync;
      semi_sync.source_enabled = semi_sync.replica_enabled = true;
      semi_sync.source_status = true;
      semi_sync.source_wait_for_replica_count = 1;
      semi_sync.source_clients = 3;
      semi_sync.source_timeout = std::chrono::hours(24);
      semi_sync.available = true;
      semi_sync.source_wait_point = "AFTER_SYNC";
      patient.examined[instance.key] = {.sync_binlog = 1,
                                        .flush_log_at_trx_commit = 1,
                                        .net_timeout = std::chrono::seconds(4),
                                        .max_connections = 100,
                                        .connections = 10,
                                        .gtid_strict = true,
                                        .clock_ahead = std::chrono::milliseconds(3),
                                        .grants = {"GRANT ALL PRIVILEGES ON *.* TO `orch`@`%`"}};
    }
    patient.name = "db1:3306";
    patient.alias = "shop";
    patient.settings = {.recovers_masters = true,
                        .recovers_intermediates = true,
                        .fencing_policy = "best-effort",
                        .data_loss_policy = "allow",
                        .shell = "bash",
                        .is_command = [](std::string_view word) {
                          return word == "bash";
                        }};
  }

  Instance& at(int number) { return servers[static_cast<std::size_t>(number - 1)]; }
  Examination& seen(int number) { return patient.examined[db(number)]; }
  void lose(int number) {
    at(number).freshness.is_last_check_valid = false;
    patient.unreached[db(number)] = "connection refused";
    patient.examined.erase(db(number));
  }

  std::vector<Finding> findings() {
    patient.topology = Topology(servers);
    return diagnose(patient);
  }
  /// "warning lag db2", ...
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Finding& finding : findings()) {
      lines.push_back(std::string(to_string(finding.badness)) + " " + std::string(finding.code) +
                      (finding.server.hostname.empty() ? "" : " " + finding.server.hostname));
    }
    return lines;
  }
  bool tells(const std::string& line) {
    const std::vector<std::string> lines = told();
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
  std::string remedy(std::string_view code) {
    for (const Finding& finding : findings()) {
      if (finding.code == code) return finding.remedy;
    }
    return "";
  }
  std::string what(std::string_view code) {
    for (const Finding& finding : findings()) {
      if (finding.code == code) return finding.what;
    }
    return "not told";
  }

  std::vector<Instance> servers;
  Patient patient;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE("core/doctor/doctor") {
  TEST_CASE("there is nothing to say about a healthy cluster of either flavor") {
    CHECK(Ward().told() == Lines{});
    CHECK(Ward(true).told() == Lines{});
  }

  TEST_CASE("servers out of reach, the master above all") {
    Ward ward;
    ward.lose(2);
    CHECK(ward.tells("warning not-reached db2"));
    ward.lose(1);
    CHECK(ward.tells("critical not-reached db1"));
    CHECK(ward.findings().front().badness == Badness::Critical);
  }

  TEST_CASE("nobody to promote") {
    Ward ward;
    for (const int i : {2, 3, 4})
      ward.at(i).server.log_replica_updates = false;
    CHECK(ward.tells("critical no-candidate db1"));
    CHECK(ward.tells("warning does-not-log db2"));
    CHECK(ward.what("no-candidate").find("db2:3306: does not log replica updates") !=
          std::string::npos);
    ward.at(3).server.log_replica_updates = true;
    CHECK(ward.tells("notice single-candidate db3"));
    CHECK(ward.tells("notice not-promotable db2"));
    ward.servers.resize(1);
    CHECK(ward.tells("critical no-replica db1"));
  }

  TEST_CASE("one of several primaries") {
    Ward ward;
    ward.at(1).group = {.name = "g",
                        .single_primary = false,
                        .state = "ONLINE",
                        .role = "PRIMARY",
                        .others = {db(9)},
                        .primary = db(1)};
    CHECK(ward.told() == Lines{"notice several-primaries db1"});
  }

  TEST_CASE("servers that turn clients away") {
    Ward ward;
    ward.at(2).server.offline = true;
    CHECK(ward.tells("warning offline-mode db2"));
    ward.at(1).server.offline = true;
    CHECK(ward.tells("critical offline-mode db1"));
  }

  TEST_CASE("servers where clients' transactions may not write") {
    Ward ward;
    ward.at(2).server.transactions_read_only = true;
    CHECK(ward.told() == Lines{"warning transaction-read-only db2", "notice not-promotable db2"});
    ward.at(1).server.transactions_read_only = true;
    CHECK(ward.tells("critical transaction-read-only db1"));
  }

  TEST_CASE("no binary log, promotion rules") {
    Ward ward;
    ward.at(2).server.log_bin = false;
    CHECK(ward.tells("warning does-not-log db2"));
    ward.at(3).promotion_rule = PromotionRule::MustNot;
    CHECK(ward.tells("notice not-promotable db3"));
  }

  TEST_CASE("no master, several masters, circles, several sources") {
    Ward ward;
    ward.at(4).replication = {};
    ward.at(4).server.read_only = false;
    CHECK(ward.tells("critical several-masters"));
    Ward pair;
    pair.at(1) = test::writable(test::following(pair.at(1), 2));
    CHECK(pair.tells("notice co-masters"));
    Ward circle;
    circle.at(1) = test::writable(test::following(circle.at(1), 3));
    circle.at(3).replication.source = db(2);
    CHECK(circle.tells("critical circle"));
    CHECK(circle.what("circle") == "db1:3306 -> db3:3306 -> db2:3306 replicate in a circle");
    Ward sources;
    sources.at(2).replication.channels = 2;
    CHECK(sources.tells("warning several-sources db2"));
    Ward nobody;
    nobody.servers.clear();
    CHECK(nobody.told() == Lines{"critical no-master"});
  }

  TEST_CASE("one name for two servers") {
    Ward ward;
    ward.at(3).server.id = 2;
    ward.at(4).server.uuid = test::uuid(2);
    CHECK(ward.tells("critical same-server-id db2"));
    CHECK(ward.tells("critical same-server-uuid db2"));
    CHECK(ward.what("same-server-id") == "db2:3306 and db3:3306 have the same server_id 2");
  }

  TEST_CASE("versions, flavors and formats that differ") {
    Ward ward;
    ward.at(2).server.version = "8.0.36";
    CHECK(ward.tells("warning mixed-versions"));
    ward.at(2).server.version = "10.11.6-MariaDB";
    CHECK(ward.tells("critical mixed-flavors"));
    ward.at(2).server.binlog_format = "MIXED";
    CHECK(ward.tells("warning mixed-binlog-formats"));
  }

  TEST_CASE("replication that is broken, lags, is delayed or filtered") {
    Ward ward;
    ward.at(2).replication.sql_running = false;
    ward.at(2).replication.last_sql_error = "Duplicate entry";
    CHECK(ward.tells("critical replication-broken db2"));
    CHECK(ward.what("replication-broken") == "its applier does not run: Duplicate entry");
    ward.at(3).replication.lag = std::chrono::seconds(60);
    CHECK(ward.tells("warning lag db3"));
    ward.at(3).replication.sql_delay = std::chrono::seconds(60);
    CHECK_FALSE(ward.tells("warning lag db3"));
    CHECK(ward.tells("notice delayed db3"));
    ward.at(4).replication.has_filters = true;
    CHECK(ward.tells("warning replication-filters db4"));
    ward.at(4).replication.has_filters = false;
    ward.at(4).server.skips_errors = true;
    CHECK(ward.tells("warning replication-filters db4"));
    CHECK(ward.what("replication-filters").find("it skips errors") == 0);
    ward.at(4).server.skips_errors = false;
    ward.at(4).incomplete = "db2:3306";
    CHECK(ward.tells("warning replication-filters db4"));
    CHECK(ward.what("replication-filters").find("orch untag db4") != std::string::npos);
    ward.at(4).server.filters_binlog = true;
    CHECK(ward.tells("warning binlog-filters db4"));
  }

  TEST_CASE("replicas without GTID, and with another mode") {
    Ward ward;
    ward.at(2).gtid.uses_oracle = false;
    CHECK(ward.tells("critical no-gtid db2"));
    ward.at(2).gtid.uses_pseudo = true;
    CHECK_FALSE(ward.tells("critical no-gtid db2"));
    ward.at(3).gtid.mode = "ON_PERMISSIVE";
    CHECK(ward.tells("warning gtid-modes-differ db3"));
  }

  TEST_CASE("errant transactions of both flavors") {
    Ward ward;
    ward.at(2).gtid.executed += "," + test::gtids("1-3", 2);
    CHECK(ward.tells("critical errant-gtids db2"));
    CHECK(ward.what("errant-gtids").find(test::gtids("1-3", 2)) != std::string::npos);
    CHECK(ward.remedy("errant-gtids").find("gtid-errant-reset-master") != std::string::npos);
    Ward maria(true);
    maria.at(2).gtid.mariadb_binlog_state = "0-1-100,0-2-101";
    CHECK(maria.tells("critical errant-gtids db2"));
    // It is refused there.
    CHECK(maria.remedy("errant-gtids").find("gtid-errant-reset-master") == std::string::npos);
    maria.at(3).replication.source = test::db(2);
    maria.at(3).gtid.mariadb_binlog_state = "0-1-100,0-2-101";
    CHECK(maria.tells("critical errant-gtids db2"));
  }

  TEST_CASE("what a co-master writes is no errant transaction while the other one follows it") {
    for (const bool on_mariadb : {false, true}) {
      Ward ward(on_mariadb);
      ward.at(1).replication = test::following(ward.at(1), 2).replication;
      ward.at(2).server.read_only = false;
      // The last was written when the partner had just been read, or its log is not that of both.
      ward.at(2).gtid.executed += "," + test::gtids("1-3", 2);
      ward.at(1).gtid.executed += "," + test::gtids("1-2", 2);
      ward.at(2).gtid.mariadb_binlog_state = "0-1-100,0-2-103";
      CHECK_FALSE(ward.tells("critical errant-gtids db2"));
      CHECK_FALSE(ward.tells("warning own-writes db2"));
      ward.at(1).replication.io_state = ThreadState::Stopped;
      ward.at(1).replication.io_running = false;
      CHECK(ward.tells("critical errant-gtids db2"));
      // A replica of one of them has nobody who would get its own.
      ward.at(1).replication.io_state = ThreadState::Running;
      ward.at(1).replication.io_running = true;
      ward.at(3).gtid.executed += "," + test::gtids("7", 3);
      ward.at(3).gtid.mariadb_binlog_state = "0-1-100,0-3-107";
      CHECK(ward.tells("critical errant-gtids db3"));
    }
  }

  TEST_CASE("holes in what was executed, and transactions that are purged") {
    Ward ward;
    ward.at(2).gtid.executed = test::gtids("1-50:60-100");
    CHECK(ward.tells("warning gtid-holes db2"));
    for (const int i : {1, 3, 4})
      ward.at(i).gtid.executed = test::gtids("1-50:60-100");
    CHECK(ward.tells("notice gtid-holes db2"));
    Ward purged;
    purged.at(2).gtid.executed = test::gtids("1-40");
    purged.at(1).gtid.purged = test::gtids("1-50");
    CHECK(purged.tells("critical purged-gtids db2"));
    CHECK(purged.what("purged-gtids").find(test::gtids("41-50")) != std::string::npos);
    purged.at(1).gtid.purged = "";
    purged.at(3).gtid.purged = test::gtids("1-50");
    CHECK(purged.tells("warning purged-gtids db2"));
  }

  TEST_CASE("who is writable and should not be, or the other way round") {
    Ward ward;
    ward.at(2).server.read_only = false;
    ward.at(3).server.super_read_only = false;
    CHECK(ward.tells("warning writable-replica db2"));
    CHECK_FALSE(ward.tells("notice super-read-only-off db3"));
    ward.patient.settings.use_super_read_only = true;
    CHECK(ward.tells("notice super-read-only-off db3"));
    Ward locked;
    locked.at(1).server.read_only = true;
    CHECK(locked.tells("critical master-read-only db1"));
  }

  TEST_CASE("a wait count above what remains after a switchover") {
    Ward ward;
    ward.at(2).semi_sync.source_wait_for_replica_count = 3;
    ward.at(3).semi_sync.source_wait_for_replica_count = 2;
    CHECK(ward.tells("critical semi-sync-deadlock db2"));
    CHECK_FALSE(ward.tells("critical semi-sync-deadlock db3"));
    ward.at(4).semi_sync.replica_enabled = false;
    CHECK(ward.tells("critical semi-sync-deadlock db3"));
    CHECK(ward.what("semi-sync-deadlock").find("3 acknowledgements, and 1 would be left") !=
          std::string::npos);
  }

  TEST_CASE("a replica that would wait less for its own than the master does") {
    Ward ward;
    ward.at(2).semi_sync.source_timeout = std::chrono::milliseconds(100);
    CHECK(ward.tells("warning semi-sync-weaker db2"));
    CHECK(ward.what("semi-sync-weaker").find("it gives up after 100 ms, not 86400 s") !=
          std::string::npos);
    ward.at(1).semi_sync.source_timeout = std::chrono::milliseconds(100);
    CHECK_FALSE(ward.tells("warning semi-sync-weaker db2"));
    ward.at(3).semi_sync.source_wait_point = "AFTER_COMMIT";
    CHECK(ward.tells("warning semi-sync-weaker db3"));
  }

  TEST_CASE("MariaDB waits for one acknowledgement, and tells no count") {
    Ward ward(true);
    for (Instance& instance : ward.servers)
      instance.semi_sync.source_wait_for_replica_count = 0;
    CHECK(ward.told() == Lines{});
    ward.at(3).semi_sync.replica_enabled = ward.at(4).semi_sync.replica_enabled = false;
    CHECK(ward.tells("critical semi-sync-deadlock db2"));
    ward.at(1).semi_sync.source_clients = 0;
    CHECK(ward.tells("critical semi-sync-starved db1"));
  }

  TEST_CASE("semi-sync that is off, starved, tight, impatient or late") {
    Ward ward;
    SemiSync& master = ward.at(1).semi_sync;
    master.source_clients = 1;
    CHECK(ward.tells("notice semi-sync-tight db1"));
    master.source_clients = 0;
    CHECK(ward.tells("critical semi-sync-starved db1"));
    master.source_status = false;
    CHECK(ward.tells("warning semi-sync-off db1"));
    master.source_timeout = std::chrono::seconds(10);
    CHECK(ward.tells("notice semi-sync-gives-up db1"));
    master.source_wait_point = "AFTER_COMMIT";
    CHECK(ward.tells("warning semi-sync-after-commit db1"));
    master.source_enabled = false;
    CHECK(ward.tells("notice asynchronous db1"));
  }

  TEST_CASE("no replication credentials anywhere") {
    Ward ward;
    for (Instance& instance : ward.servers)
      instance.replication.credentials_available = false;
    CHECK(ward.tells("warning no-replication-credentials"));
    ward.patient.settings.has_credentials_query = true;
    CHECK_FALSE(ward.tells("warning no-replication-credentials"));
    for (const int number : {2, 3, 4})
      ward.seen(number).credentials_trouble = "Table 'meta.cluster' doesn't exist";
    CHECK(ward.tells("warning no-replication-credentials"));
    CHECK(ward.what("no-replication-credentials").find("Table 'meta.cluster'") !=
          std::string::npos);
    ward.seen(3).credentials_trouble.reset();  // a takeover asks all of them
    CHECK_FALSE(ward.tells("warning no-replication-credentials"));
  }

  TEST_CASE("privileges that orch lacks; a role may bring them") {
    Ward ward;
    ward.seen(2).grants = {"GRANT SELECT, RELOAD, SUPER ON *.* TO `orch`@`%`"};
    CHECK_FALSE(ward.tells("critical privilege-missing db2"));
    ward.seen(2).grants = {"GRANT SELECT, RELOAD ON *.* TO `orch`@`%`",
                           "GRANT REPLICATION_SLAVE_ADMIN ON *.* TO `orch`@`%`",
                           "GRANT ALL PRIVILEGES ON `meta`.* TO `orch`@`%`"};
    CHECK(ward.what("privilege-missing") == "orch's account may not set read_only");
    ward.seen(2).grants.emplace_back("GRANT `dba`@`%` TO `orch`@`%`");
    CHECK_FALSE(ward.tells("critical privilege-missing db2"));
  }

  TEST_CASE("MySQL from 8.0.16 on: an applier is ended by an account with SYSTEM_USER") {
    Ward ward;
    const auto warned = [&](const std::string& version, const std::string& grant) {
      ward.at(2).server.version = version;
      ward.seen(2).grants = {"GRANT RELOAD, SUPER ON *.* TO `orch`@`%`", grant};
      return ward.tells("warning no-system-user db2");
    };
    const std::string other = "GRANT CONNECTION_ADMIN ON *.* TO `orch`@`%`";
    CHECK(warned("8.4.3", other));
    CHECK(ward.what("no-system-user").ends_with("the failover may take 60 s longer"));
    CHECK_FALSE(warned("8.4.3", "GRANT CONNECTION_ADMIN,SYSTEM_USER ON *.* TO `orch`@`%`"));
    CHECK_FALSE(warned("8.4.3", "GRANT `dba`@`%` TO `orch`@`%`"));
    CHECK_FALSE(warned("8.0.15", other));
    CHECK_FALSE(warned("10.11.6-MariaDB-log", other));
  }

  TEST_CASE("what a crash would lose") {
    Ward ward;
    ward.seen(1).sync_binlog = 0;
    ward.seen(2).flush_log_at_trx_commit = 2;
    ward.at(3).server.binlog_row_image = "MINIMAL";
    CHECK(ward.told() == Lines{"warning flush-log-at-commit db2", "warning sync-binlog db1",
                               "notice binlog-row-image db3"});
    Ward maria(true);
    maria.seen(2).gtid_strict = false;
    CHECK(maria.told() == Lines{"notice gtid-strict-mode db2"});
  }

  TEST_CASE("clocks, time-outs and connections") {
    Ward ward;
    ward.seen(1).clock_ahead = std::chrono::seconds(-5);
    ward.seen(2).clock_ahead = std::chrono::seconds(60);
    ward.seen(3).net_timeout = std::chrono::seconds(60);
    ward.seen(4).connections = 90;
    CHECK(ward.told() == Lines{"warning clock-skew db2", "warning connections db4",
                               "notice clock-skew db1", "notice net-timeout db3"});
    CHECK(ward.what("clock-skew").find("60.0 s ahead") != std::string::npos);
    Ward other;
    other.at(2).replication.heartbeat = std::chrono::seconds(30);
    other.at(3).replication.heartbeat = std::chrono::seconds(1);
    other.at(4).replication.heartbeat = std::chrono::seconds(0);
    CHECK(other.told() == Lines{"notice heartbeat-period db2", "notice heartbeat-period db4"});
    CHECK(other.what("heartbeat-period").find("each 30.0 s") != std::string::npos);
  }

  TEST_CASE("what the configuration and people's marks forbid") {
    Ward ward;
    ward.patient.settings.recovers_masters = false;
    ward.patient.settings.recoveries_disabled = true;
    ward.patient.settings.ignored = [](std::string_view host) {
      return host == "db1";
    };
    ward.at(1).downtime.active = true;
    ward.at(2).downtime.active = true;
    ward.patient.maintenance[db(3)] = {"alice", "move"};
    CHECK(ward.told() == Lines{"warning downtimed db1", "warning ignored db1",
                               "warning maintenance db3", "warning no-automatic-recovery",
                               "warning recoveries-disabled", "notice downtimed db2"});
    Ward deep;
    deep.at(4).replication.source = db(3);
    deep.patient.settings.recovers_intermediates = false;
    CHECK(deep.tells("notice no-automatic-intermediate-recovery"));
  }

  TEST_CASE("others that tell the cluster's alias") {
    Ward ward;
    ward.patient.told_alias = "shop";
    ward.patient.rivals = {{"copy1:3306", false}, {"taken-out:3306", true}};
    CHECK(ward.told() == Lines{"warning alias-of-two", "notice alias-of-two"});
    CHECK(ward.what("alias-of-two") ==
          "the cluster copy1:3306 tells the alias shop, too: it stays with this one");
    ward.patient.alias = "db1:3306";
    CHECK(ward.told() == Lines{"warning alias-of-two", "warning alias-of-two"});
    CHECK(ward.what("alias-of-two").ends_with("entries go by that one"));
  }

  TEST_CASE("a master that turns clients away lives: no failover is proposed") {
    Ward ward;
    ward.patient.full[db(1)] = "it takes no more connections from clients";
    CHECK(ward.told() == Lines{"critical connections db1"});
    Ward unread;
    unread.at(1).freshness.is_last_check_valid = false;
    unread.patient.unreached[db(1)] = "db1: Too many connections (1040)";
    CHECK(unread.remedy("not-reached").starts_with("it lives: raise max_connections"));
    unread.patient.unreached[db(1)] = "db1: connection refused";
    CHECK(unread.remedy("not-reached").starts_with("if it is dead: orch failover"));
  }

  TEST_CASE("the script that a hook gives to a shell is looked for") {
    Ward ward;
    ward.patient.settings.is_command = [](std::string_view) {
      return true;
    };
    ward.patient.settings.is_file = [](std::string_view path) {
      return path == "/there.sh";
    };
    for (const char* good : {"bash /there.sh x", "sh -c 'x'", "bash {failedHost}", "cat /gone"}) {
      ward.patient.settings.hooks = {{"PreFailoverProcesses", good}};
      CHECK_MESSAGE(ward.told() == Lines{}, good);
    }
    for (const char* bad : {"bash /gone.sh x", "A=1 /bin/sh /gone.sh"}) {
      ward.patient.settings.hooks = {{"PreFailoverProcesses", bad}};
      CHECK_MESSAGE(ward.told() == Lines{"critical hook-not-found"}, bad);
    }
  }

  TEST_CASE("fencing that is required and cannot be done") {
    Ward ward;
    ward.patient.settings.fencing_policy = "required";
    CHECK(ward.told() == Lines{"warning cannot-fence"});
    ward.patient.settings.hooks = {{"FenceProcesses", "bash fence.sh"}};
    CHECK(ward.told() == Lines{});
    ward.patient.settings.is_command = [](std::string_view) {
      return true;
    };
    ward.patient.settings.hooks = {{"FenceProcesses", "bash fence.sh & ", true}};
    CHECK(ward.told() == Lines{"notice fence-hook-waits"});
  }

  TEST_CASE("what a MariaDB replica wrote is told also when its source has long been further") {
    Ward ward(true);
    ward.at(1).gtid.mariadb_binlog_state = "0-1-100";
    ward.at(3).gtid.mariadb_binlog_state = "0-3-7,0-1-100";
    CHECK(ward.told() == Lines{"warning own-writes db3"});
    CHECK(ward.what("own-writes").starts_with("it wrote 0-3-7 itself"));
    ward.at(4).gtid.mariadb_binlog_state = "0-3-7,0-1-100";
    CHECK(ward.told() == Lines{});
  }

  TEST_CASE("who could write to a master that is fenced") {
    Ward ward(true);
    ward.seen(1).unbound_accounts = {"'app'@'%'", "'batch'@'%'"};
    ward.seen(2).unbound_accounts = {"'app'@'%'"};
    CHECK(ward.told() == Lines{"warning not-bound-by-read-only db1"});
    CHECK(ward.what("not-bound-by-read-only")
              .starts_with("'app'@'%' and 'batch'@'%' may write although it is read-only"));
    ward.seen(1).unbound_accounts.clear();
    ward.seen(1).unbound_events = {"the event app.tick of root@localhost"};
    CHECK(ward.told() == Lines{"warning event-not-bound-by-read-only db1"});
    ward.seen(1).unbound_events.clear();
    ward.seen(1).unbound_routines = {"the procedure app.put of root@localhost"};
    CHECK(ward.told() == Lines{"warning routine-not-bound-by-read-only db1"});
    ward.seen(1).unbound_routines.clear();
    ward.seen(1).prepared_transactions = 2;
    CHECK(ward.told() == Lines{"notice prepared-transactions db1"});
  }

  TEST_CASE("a master that was replaced is not to be opened") {
    Ward ward;
    ward.at(1).server.read_only = true;
    CHECK(ward.remedy("master-read-only") == "orch set-writeable db1:3306");
    ward.at(1).downtime.active = true;
    CHECK(ward.remedy("downtimed") == "orch end-downtime db1:3306");
    ward.patient.quarantined[db(1)];
    CHECK(ward.remedy("master-read-only").find("set-writeable") == std::string::npos);
    CHECK(ward.remedy("downtimed").find("end-downtime") == std::string::npos);
  }

  TEST_CASE("one in quarantine that takes writes is critical") {
    Ward ward;
    ward.servers.resize(1);
    ward.patient.quarantined[db(1)] = test::writable(test::mysql(9, test::gtids("1-120")));
    CHECK(ward.tells("critical quarantined-writable db1"));
    CHECK(ward.what("quarantined-writable") ==
          "it takes writes although it is in quarantine: db9:3306 took its place");
    CHECK(ward.remedy("quarantined-writable") == "orch discover db1:3306 makes it read-only");
    ward.patient.quarantined[db(1)].reset();
    CHECK(ward.remedy("quarantined-writable").find("orch quarantine release db1:3306") !=
          std::string::npos);
    ward.at(1).server.read_only = true;
    CHECK_FALSE(ward.tells("critical quarantined-writable db1"));
  }

  TEST_CASE("what one in quarantine has and the new master lacks is named") {
    for (const bool on_mariadb : {false, true}) {
      Ward ward(on_mariadb);
      ward.servers.resize(1);
      ward.at(1).server.read_only = true;
      const auto heir = [&](const std::string& mysql_set, const std::string& mariadb_pos) {
        return test::writable(on_mariadb ? test::mariadb(9, mariadb_pos)
                                         : test::mysql(9, mysql_set));
      };
      ward.patient.quarantined[db(1)] = heir(test::gtids("1-120"), "0-1-120");
      CHECK_FALSE(ward.tells("critical errant-gtids db1"));
      CHECK(ward.remedy("master-read-only") == "let it follow db9:3306");
      ward.patient.quarantined[db(1)] = heir(test::gtids("1-98"), "0-1-98");
      CHECK(ward.tells("critical errant-gtids db1"));
      CHECK(ward.what("errant-gtids").find(on_mariadb ? "0-1-100" : "99-100") != std::string::npos);
      CHECK(ward.remedy("master-read-only") == "see errant-gtids, before it follows");
      ward.patient.quarantined[db(1)].reset();
      CHECK(ward.what("master-read-only").find("does not answer") != std::string::npos);
    }
  }

  TEST_CASE("hooks whose command is not there") {
    Ward ward;
    ward.patient.settings.hooks = {
        {"PreFailoverProcesses", "echo 'failing over' >> /tmp/log"},
        {"PostFailoverProcesses", "LANG=C /opt/notify {failedHost} &"},
        {"PostMasterFailoverProcesses", "if true; then nothing; fi"},
        {"OnFailureDetectionProcesses", "\"$HOME/bin/x\" {failureType}"}};
    CHECK(ward.told() == Lines{"critical hook-not-found"});
    CHECK(ward.what("hook-not-found") ==
          "PostFailoverProcesses begins with /opt/notify, which cannot be run here");
    ward.patient.settings.shell = "zsh";
    CHECK(ward.tells("critical no-shell"));
  }
}

}  // namespace orch
