#include "core/model/replication_rules.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

using std::chrono::seconds;

Instance server(const std::string& host, std::uint32_t id) {
  Instance i;
  i.key = {host, 3306};
  i.server.id = id;
  i.server.uuid = "uuid-" + host;
  i.server.version = "8.4.3";
  i.server.log_bin = true;
  i.server.log_replica_updates = true;
  i.server.binlog_format = "ROW";
  return i;
}

struct Pair {
  Instance replica = server("db2", 2);
  Instance source = server("db1", 1);
  ReplicationRules rules{};

  /// "" when the link is possible.
  [[nodiscard]] std::string reason() const {
    const auto verdict = can_replicate_from(replica, source, rules);
    if (verdict) return "";
    CHECK(verdict.error().kind == ErrorKind::Refused);
    const std::string start =
        to_string(replica.key) + " cannot replicate from " + to_string(source.key) + ". Reason: ";
    REQUIRE(verdict.error().message.starts_with(start));
    return verdict.error().message.substr(start.size());
  }
};

void make_replica(Instance& instance) {
  instance.replication.source = {"db0", 3306};
  instance.replication.read.log_file = "bin.000001";
}

const std::string kUuidA = "aaaaaaaa-0000-11ee-8000-0242ac110002";

}  // namespace

TEST_SUITE("core/model/replication_rules") {
  TEST_CASE("two like servers can replicate") {
    CHECK(Pair().reason() == "");
  }

  TEST_CASE("no server follows itself") {
    Pair p;
    p.source.key = p.replica.key;
    CHECK(p.reason() == "a server cannot replicate from itself");
  }

  TEST_CASE("a source needs a binary log, and a replica as a source must log its updates") {
    Pair p;
    p.source.server.log_replica_updates = false;
    CHECK(p.reason() == "");
    make_replica(p.source);
    CHECK(p.reason() == "the source is a replica and does not log what it replicates");
    p.source.server.log_bin = false;
    CHECK(p.reason() == "the source has no binary log");
  }

  TEST_CASE("a lower major version is refused, or allowed with a warning") {
    Pair p;
    p.replica.server.version = "8.0.40";
    CHECK(p.reason() == "version 8.0.40 is lower than version 8.4.3 of the source");
    p.rules.lower_version_allowed = true;
    CHECK(p.reason() == "");
    CHECK(replication_warning(p.replica, p.source) ==
          "db2:3306: version 8.0.40 is lower than version 8.4.3 of the source db1:3306");
    p.rules.lower_version_allowed = false;
    p.replica.server.binlog_server = true;
    CHECK(p.reason() == "");
    CHECK_FALSE(replication_warning(p.replica, p.source));
  }

  TEST_CASE("the version of a binlog server says nothing of the log that it hands on") {
    Pair p;
    p.source.server.version = "22.08.1-maxscale";
    CHECK(p.reason() != "");
    p.source.server.binlog_server = true;
    CHECK(p.reason() == "");
  }

  TEST_CASE("DISC-5: a two-digit major version is higher than a one-digit one") {
    Pair p;
    p.replica.server.version = "10.11.6-MariaDB";
    p.source.server.version = "9.7.0";
    CHECK(p.reason() == "");
  }

  TEST_CASE("a replica that logs its updates takes no larger binlog format") {
    Pair p;
    p.replica.server.binlog_format = "MIXED";
    CHECK(p.reason() == "binlog format MIXED cannot take ROW of the source");
    p.replica.server.log_replica_updates = false;
    CHECK(p.reason() == "");
    p.replica.server.log_replica_updates = true;
    p.source.server.binlog_format = "STATEMENT";
    CHECK(p.reason() == "");
  }

  TEST_CASE("formats are ordered, and unknown ones are not") {
    CHECK(is_smaller_binlog_format("STATEMENT", "MIXED"));
    CHECK(is_smaller_binlog_format("MIXED", "ROW"));
    CHECK_FALSE(is_smaller_binlog_format("ROW", "ROW"));
    CHECK_FALSE(is_smaller_binlog_format("", "ROW"));
    CHECK_FALSE(is_smaller_binlog_format("ROW", "INHERIT"));
  }

  TEST_CASE("filters of the source ask for filters of the replica, when they are verified") {
    Pair p;
    p.source.replication.has_filters = true;
    CHECK(p.reason() == "");
    p.rules.verify_filters = true;
    CHECK(p.reason() == "the source has replication filters, and the replica has none");
    p.replica.replication.has_filters = true;
    CHECK(p.reason() == "");
    p.source.server.filters_binlog = true;
    CHECK(p.reason() == "the source leaves databases out of its binary log");
  }

  TEST_CASE("two with one server id or uuid cannot replicate, but for a binlog server") {
    Pair p;
    p.replica.server.uuid = p.source.server.uuid;
    CHECK(p.reason() == "both have the server uuid uuid-db1");
    p.replica.server.id = 1;
    CHECK(p.reason() == "both have the server id 1");
    p.replica.server.binlog_server = true;
    CHECK(p.reason() == "");
    Pair unknown;
    unknown.replica.server.uuid = unknown.source.server.uuid = "";
    CHECK(unknown.reason() == "");
  }

  TEST_CASE("a source that is delayed much more than the replica is refused") {
    Pair p;
    p.source.replication.sql_delay = seconds(21);
    CHECK(p.reason() == "the source is delayed by 21 seconds, and the replica by less");
    p.replica.replication.sql_delay = seconds(21);
    CHECK(p.reason() == "");
    p.replica.replication.sql_delay = seconds(0);
    p.source.replication.sql_delay = seconds(20);
    CHECK(p.reason() == "");
  }

  TEST_CASE("the first rule that is violated names the reason") {
    Pair p;
    p.replica.server.version = "5.7.44";
    p.replica.server.binlog_format = "STATEMENT";
    p.replica.server.id = 1;
    p.source.replication.sql_delay = seconds(100);
    CHECK(p.reason() == "version 5.7.44 is lower than version 8.4.3 of the source");
  }

  TEST_CASE("a GTID link needs one kind of GTID on both sides") {
    Pair p;
    CHECK_FALSE(gtid_compatible(p.replica, p.source));
    p.replica.gtid.uses_oracle = true;
    CHECK_FALSE(gtid_compatible(p.replica, p.source));
    p.source.gtid.supports_oracle = true;
    CHECK(gtid_compatible(p.replica, p.source));
    p = Pair();
    p.replica.gtid.uses_mariadb = true;
    CHECK_FALSE(gtid_compatible(p.replica, p.source));
    p.source.server.version = "10.11.6-MariaDB";
    CHECK(gtid_compatible(p.replica, p.source));
  }

  TEST_CASE("a GTID link is refused when the source purged what the replica lacks") {
    Pair p;
    const auto message = [&] {
      const auto verdict = can_replicate_from_gtid(p.replica, p.source, p.rules);
      return verdict ? std::string() : verdict.error().message;
    };
    CHECK(message().ends_with("Reason: the two are not compatible by GTID"));
    p.replica.gtid.uses_oracle = true;
    p.source.gtid.supports_oracle = true;
    p.source.gtid.purged = kUuidA + ":1-10";
    p.replica.gtid.executed = kUuidA + ":1-9";
    CHECK(message().ends_with("the source has purged what the replica lacks: " + kUuidA + ":10"));
    p.replica.gtid.executed = kUuidA + ":1-10";
    CHECK(message() == "");
    p.source.gtid.mode = "ON_PERMISSIVE";
    CHECK(message().find("gtid_mode of the source is ON_PERMISSIVE") != std::string::npos);
    p.source.gtid.mode = "ON";
    p.source.gtid.purged = "garbage";
    CHECK(message().ends_with("gtid_purged of the source: bad GTID set: not a UUID: \"garbage\""));
    p.source.server.log_bin = false;
    CHECK(message().ends_with("Reason: the source has no binary log"));
  }

  TEST_CASE("what MariaDB would not find in its binary logs is lacking, unless it comes first") {
    Pair p;
    p.replica.server.version = p.source.server.version = "10.11.6-MariaDB";
    make_replica(p.replica);
    p.replica.gtid.uses_mariadb = true;
    p.replica.replication.io_state = p.replica.replication.sql_state = ThreadState::Running;
    const auto lacking = [&](bool applies_rest = false) {
      const auto text = purged_and_lacking(p.replica, p.source, applies_rest);
      return text ? *text : "no GTIDs";
    };
    CHECK(lacking() == "");  // not read
    p.source.gtid.mariadb_purged = "0-1-20,5-2-3";
    p.replica.gtid.mariadb_slave_pos = "0-1-19";
    CHECK(lacking() == "0-1-20,5-2-3");
    p.replica.gtid.mariadb_slave_pos = "0-2-21,5-2-3";
    CHECK(lacking() == "");
    // Two wrote side by side, and the later number came first.
    p.replica.gtid.mariadb_slave_pos = "0-2-18,5-2-3";
    CHECK(lacking() == "0-1-20");
    p.replica.gtid.mariadb_binlog_state = "0-1-20,0-2-18,5-2-3";
    CHECK(lacking() == "");
    p.replica.gtid.mariadb_binlog_state = "0-" + std::to_string(p.replica.server.id) + "-99";
    CHECK(lacking() == "0-1-20");  // what it wrote itself says nothing of that
    p.replica.gtid.mariadb_binlog_state = "";
    p.replica.replication.filters_domains = true;
    CHECK(lacking() == "");
    p.replica.replication.filters_domains = false;
    p.replica.replication.gtid_io_pos = "0-1-30,5-2-3";
    CHECK(lacking(true) == "");
    CHECK(lacking() == "0-1-20");
    CHECK(can_replicate_from_gtid(p.replica, p.source, p.rules));
    p.replica.replication.sql_delay = seconds(60);
    CHECK(lacking(true) == "0-1-20");
    const auto verdict = can_replicate_from_gtid(p.replica, p.source, p.rules);
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().message.ends_with("purged what the replica lacks: 0-1-20"));
    p.source.gtid.mariadb_purged = "garbage";
    CHECK(lacking() == "no GTIDs");
  }
}

}  // namespace orch
