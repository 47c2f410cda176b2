#include "core/model/instance.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

using std::chrono::seconds;

Instance healthy_source() {
  Instance i;
  i.key = {"db-1", 3306};
  i.server.version = "8.4.3";
  i.server.log_bin = true;
  i.server.log_replica_updates = true;
  i.server.binlog_format = "ROW";
  i.gtid.supports_oracle = true;
  i.freshness.is_last_check_valid = true;
  i.freshness.is_recently_checked = true;
  return i;
}

Instance healthy_replica() {
  Instance i = healthy_source();
  i.key = {"db-2", 3306};
  i.server.read_only = true;
  i.replication.source = {"db-1", 3306};
  i.replication.read = {"bin.000001", 100};
  i.replication.exec = i.replication.read;
  i.replication.io_state = ThreadState::Running;
  i.replication.sql_state = ThreadState::Running;
  i.replication.seconds_behind = seconds(3);
  i.replication.lag = seconds(3);
  return i;
}

const seconds kLimit{10};

}  // namespace

TEST_SUITE("core/model/instance") {
  TEST_CASE("a replica names a source and has read something, or follows by GTID") {
    CHECK(is_replica(healthy_replica()));
    CHECK_FALSE(is_replica(healthy_source()));
    Instance i = healthy_replica();
    i.replication.read = {};
    CHECK_FALSE(is_replica(i));
    i.gtid.uses_mariadb = true;
    CHECK(is_replica(i));
    i.replication.source.hostname = "_";
    CHECK_FALSE(is_replica(i));
    i.replication.source = {"db-1", 0};
    CHECK_FALSE(is_replica(i));
  }

  TEST_CASE("a replica runs when both threads do") {
    Instance i = healthy_replica();
    CHECK(replica_running(i));
    i.replication.io_state = ThreadState::Other;
    CHECK_FALSE(replica_running(i));
    CHECK_FALSE(replication_threads_stopped(i));
    CHECK(replication_threads_exist(i));
    i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
    CHECK(replication_threads_stopped(i));
    i.replication.sql_state = ThreadState::None;
    CHECK_FALSE(replication_threads_stopped(i));
    CHECK_FALSE(replication_threads_exist(i));
  }

  TEST_CASE("the applier is up to date when file, position and type agree") {
    Instance i = healthy_replica();
    CHECK(applier_up_to_date(i));
    i.replication.exec.log_pos = 99;
    CHECK_FALSE(applier_up_to_date(i));
  }

  TEST_CASE("a group member is its primary or a secondary") {
    Instance i = healthy_source();
    CHECK(is_source_of_cluster(i));
    CHECK_FALSE(is_group_secondary(i));
    i.group.name = "g";
    i.group.primary = {"db-9", 3306};
    CHECK(is_group_secondary(i));
    CHECK_FALSE(is_source_of_cluster(i));
    i.group.primary = i.key;
    CHECK(is_group_primary(i));
    CHECK(is_source_of_cluster(i));
    CHECK_FALSE(is_source_of_cluster(healthy_replica()));
  }

  TEST_CASE("descent is told by whole UUIDs in the ancestry") {
    Instance ancestor = healthy_source();
    ancestor.server.uuid = "u1";
    Instance i = healthy_replica();
    i.ancestry_uuid = "u1,u2";
    CHECK(is_descendant_of(i, ancestor));
    i.ancestry_uuid = "u11,u2";
    CHECK_FALSE(is_descendant_of(i, ancestor));
    ancestor.server.uuid = "";
    i.ancestry_uuid = "";
    CHECK_FALSE(is_descendant_of(i, ancestor));
  }

  TEST_CASE("a delayed replica is measured by its distance from the delay") {
    Instance i = healthy_replica();
    i.replication.seconds_behind = seconds(11);
    CHECK_FALSE(has_reasonable_lag(i, kLimit));
    i.replication.sql_delay = seconds(3600);
    CHECK_FALSE(has_reasonable_lag(i, kLimit));
    i.replication.seconds_behind = seconds(3590);
    CHECK(has_reasonable_lag(i, kLimit));
    i.replication.seconds_behind = seconds(3611);
    CHECK_FALSE(has_reasonable_lag(i, kLimit));
    i.replication.sql_delay = seconds(0);
    i.replication.seconds_behind = std::nullopt;
    CHECK(has_reasonable_lag(i, kLimit));
  }

  TEST_CASE("a detached source is known by its mark") {
    Instance i = healthy_replica();
    CHECK_FALSE(is_detached_source(i));
    i.replication.source.hostname = "//db-1";
    CHECK(is_detached_source(i));
  }

  TEST_CASE("the lag text is the first of detached, unknown, null and seconds that applies") {
    CHECK(lag_status(healthy_source()) == "0s");
    Instance i = healthy_replica();
    CHECK(lag_status(i) == "3s");
    i.replication.lag = std::nullopt;
    CHECK(lag_status(i) == "0s");
    i.replication.seconds_behind = std::nullopt;
    CHECK(lag_status(i) == "null");
    i = healthy_replica();
    i.replication.sql_state = ThreadState::Stopped;
    CHECK(lag_status(i) == "null");
    i.freshness.is_recently_checked = false;
    CHECK(lag_status(i) == "unknown");
    i.freshness.is_last_check_valid = false;
    CHECK(lag_status(i) == "unknown");
    i.replication.exec.log_file = "//bin.000001:4";
    CHECK(lag_status(i) == "detached");
  }

  TEST_CASE("the status text is the first that applies") {
    Instance i = healthy_replica();
    CHECK(status_text(i, kLimit) == "ok");
    i.replication.seconds_behind = seconds(11);
    CHECK(status_text(i, kLimit) == "lag");
    i.replication.io_state = ThreadState::Other;
    CHECK(status_text(i, kLimit) == "nonreplicating");
    i.freshness.is_recently_checked = false;
    CHECK(status_text(i, kLimit) == "unchecked");
    i.freshness.is_last_check_valid = false;
    CHECK(status_text(i, kLimit) == "invalid");
    Instance source = healthy_source();
    source.replication.seconds_behind = seconds(11);
    CHECK(status_text(source, kLimit) == "ok");
  }

  TEST_CASE("the description is the tokens that are not empty") {
    CHECK(bracket_description(healthy_source(), kLimit) == "[0s,ok,8.4.3,rw,ROW,>>,GTID]");
    Instance i = healthy_replica();
    i.gtid.errant = "aaaaaaaa-0000-11ee-8000-0242ac110002:1";
    i.gtid.uses_pseudo = true;
    i.semi_sync.source_status = true;
    i.semi_sync.replica_status = true;
    i.downtime.active = true;
    CHECK(bracket_description(i, kLimit) ==
          "[3s,ok,8.4.3,ro,ROW,>>,GTID:errant,P-GTID,semi:master,semi:replica,downtimed]");
    Instance dead;
    dead.server.version = "8.0.36";
    dead.server.read_only = true;
    CHECK(bracket_description(dead, kLimit) == "[unknown,invalid,8.0.36,ro,nobinlog]");
    CHECK(description_tokens(dead, kLimit) ==
          std::vector<std::string>{"unknown", "invalid", "8.0.36", "ro", "nobinlog", ""});
  }

  TEST_CASE("updates that are not logged are not shown as logged") {
    Instance i = healthy_source();
    i.server.log_bin = false;
    i.gtid.supports_oracle = false;
    CHECK(bracket_description(i, kLimit) == "[0s,ok,8.4.3,rw,nobinlog]");
  }

  TEST_CASE("at most one problem of health or lag is named, and those of GTID and group besides") {
    using Names = std::vector<std::string>;
    CHECK(problems(healthy_source(), kLimit).empty());
    CHECK(problems(healthy_replica(), kLimit).empty());
    Instance i = healthy_replica();
    i.replication.lag = seconds(11);
    CHECK(problems(i, kLimit) == Names{"replication_lag"});
    i.replication.sql_delay = seconds(5);
    CHECK(problems(i, kLimit).empty());
    i.replication.io_state = ThreadState::Stopped;
    CHECK(problems(i, kLimit) == Names{"not_replicating"});
    i.freshness.is_recently_checked = false;
    CHECK(problems(i, kLimit) == Names{"not_recently_checked"});
    i.freshness.is_last_check_valid = false;
    i.gtid.errant = "x";
    i.group.name = "g";
    i.group.state = "RECOVERING";
    CHECK(problems(i, kLimit) ==
          Names{"last_check_invalid", "errant_gtid", "group_replication_member_not_online"});
    i.group.state = "ONLINE";
    CHECK(problems(i, kLimit) == Names{"last_check_invalid", "errant_gtid"});
  }
}

}  // namespace orch
