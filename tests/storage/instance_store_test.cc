#include "storage/instance_store.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/candidate_store.h"
#include "storage/cluster_store.h"
#include "storage/downtime_store.h"
#include "storage/hostname_store.h"
#include "storage/tag_store.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

using std::chrono::seconds;

Instance instance(const std::string& hostname, const std::string& cluster = "db-1:3306") {
  Instance made;
  made.key = {hostname, 3306};
  made.cluster_name = cluster;
  made.server.version = "8.4.3";
  return made;
}

Observation clean(const Instance& made) {
  Observation observation;
  observation.asked = made.key;
  observation.outcome = ProbeOutcome::Clean;
  observation.instance = made;
  return observation;
}

struct InstanceFixture : MemoryBackend {
  InstanceStore store{database(), clock, {.poll = seconds(5)}};

  void save(const std::vector<Instance>& instances) {
    std::vector<InstanceWrite> writes;
    for (const Instance& each : instances)
      writes.push_back({&each, true});
    REQUIRE(store.save(writes));
  }
  void record(const Observation& observation) { REQUIRE(store.record({&observation, 1})); }
  Instance find(const std::string& hostname) {
    auto found = store.find({hostname, 3306});
    REQUIRE(found);
    REQUIRE(found->has_value());
    return **std::move(found);
  }
  std::string list(const InstanceFilter& filter, InstanceOrder order = InstanceOrder::Key) {
    const auto listed = store.list(filter, order);
    REQUIRE_MESSAGE(listed.has_value(), why(listed));
    std::string hostnames;
    for (const Instance& each : *listed)
      hostnames += each.key.hostname + " ";
    return hostnames;
  }
};

}  // namespace

TEST_SUITE("storage/instance_store") {
  TEST_CASE_FIXTURE(InstanceFixture, "from how many sources a server replicates is remembered") {
    const auto sources = [&] {
      std::vector<Instance> all = {instance("db-1"), instance("db-2")};
      REQUIRE(store.add_sources(all));
      return std::to_string(all[0].replication.channels) +
             std::to_string(all[1].replication.channels);
    };
    Observation several = clean(instance("db-2"));
    several.instance.replication.channels = 3;
    record(clean(instance("db-1")));
    record(several);
    CHECK(sources() == "03");
    clock.advance(seconds(5));
    several.outcome = ProbeOutcome::Soft;
    record(several);
    CHECK(sources() == "03");
    clock.advance(seconds(5));
    record(clean(instance("db-2")));
    CHECK(sources() == "00");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "an unknown instance is nothing, not an error") {
    const auto found = store.find({"db-9", 3306});
    REQUIRE(found);
    CHECK_FALSE(found->has_value());
  }

  TEST_CASE_FIXTURE(InstanceFixture, "freshness follows from the clock and the poll interval") {
    save({instance("db-1")});
    clock.advance(seconds(5) + std::chrono::milliseconds(900));
    Instance read = find("db-1");
    CHECK(read.freshness.since_last_check == seconds(5));
    CHECK(read.freshness.is_up_to_date);
    CHECK(read.freshness.is_last_check_valid);
    CHECK(read.freshness.last_check_partial_success);
    CHECK(read.freshness.since_last_seen == seconds(5));
    clock.advance(seconds(1));
    read = find("db-1");
    CHECK_FALSE(read.freshness.is_up_to_date);
    CHECK(read.freshness.is_recently_checked);
    clock.advance(seconds(20));
    CHECK_FALSE(find("db-1").freshness.is_recently_checked);
  }

  TEST_CASE_FIXTURE(InstanceFixture,
                    "of those that answer, the one that was read longest ago is told") {
    CHECK_FALSE(store.oldest_seen().value_or(clock.now()));
    save({instance("db-1"), instance("db-2"), instance("db-3")});
    const TimePoint first = clock.now();
    clock.advance(seconds(5));
    save({instance("db-2"), instance("db-3")});
    CHECK(store.oldest_seen().value_or(std::nullopt) == first);
    REQUIRE(store.mark_checked({"db-1", 3306}, false));  // it does not answer any more
    CHECK(store.oldest_seen().value_or(std::nullopt) == first + seconds(5));
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a record that was never seen is not valid") {
    save({instance("db-1")});
    run("update database_instance set last_seen = null");
    const Instance read = find("db-1");
    CHECK_FALSE(read.freshness.is_last_check_valid);
    CHECK_FALSE(read.freshness.since_last_seen.has_value());
  }

  TEST_CASE_FIXTURE(
      InstanceFixture,
      "promotion rule, virtual name, downtime and what it lacks come with the instance") {
    save({instance("db-1"), instance("db-2")});
    REQUIRE(CandidateStore(database(), clock).save({{"db-1", 3306}, PromotionRule::Prefer}));
    REQUIRE(HostnameStore(database(), clock).save_unresolved("db-1", "vip-1"));
    REQUIRE(TagStore(database(), clock).save({"db-1", 3306}, {"orch-incomplete", "db-2:3306"}));
    REQUIRE(TagStore(database(), clock).save({"db-1", 3306}, {"role", "spare"}));
    DowntimeStore downtimes(database(), clock);
    REQUIRE(downtimes.begin({{"db-1", 3306}, "alice", "repair", seconds(60)}));
    clock.advance(seconds(59));
    Instance read = find("db-1");
    CHECK(read.promotion_rule == PromotionRule::Prefer);
    CHECK(read.is_candidate);
    CHECK(read.unresolved_hostname == "vip-1");
    CHECK(read.incomplete == "db-2:3306");
    CHECK(read.downtime.active);
    CHECK(read.downtime.owner == "alice");
    CHECK(read.downtime.reason == "repair");
    CHECK(read.downtime.begin == "2026-01-31 10:20:30");
    CHECK(read.downtime.end == "2026-01-31 10:21:30");
    CHECK(read.downtime.elapsed == seconds(59));
    CHECK(list({.downtimed = true}) == "db-1 ");
    CHECK(list({.downtimed = true, .downtime_reason = "lost-in-recovery"}) == "");
    clock.advance(seconds(1));
    read = find("db-1");
    CHECK_FALSE(read.downtime.active);
    CHECK(read.downtime.owner == "alice");
    CHECK(list({.downtimed = true}) == "");
    const Instance other = find("db-2");
    CHECK(other.promotion_rule == PromotionRule::Neutral);
    CHECK_FALSE(other.is_candidate);
    CHECK(other.incomplete.empty());
    CHECK(other.downtime.owner == "");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "filters and orders list what the commands ask for") {
    Instance top = instance("db-1");
    top.server.read_only = true;
    Instance writable = instance("db-4");
    writable.is_co_master = true;
    writable.replication_depth = 1;
    Instance replica = instance("db-2");
    replica.replication_depth = 1;
    replica.replication.source = top.key;
    replica.replicas = {{"db-3", 3306}};
    Instance leaf = instance("db-3");
    leaf.replication_depth = 2;
    leaf.replication.source = replica.key;
    leaf.suggested_cluster_alias = "shop";
    Instance other = instance("web-1", "web-1:3306");
    other.server.version = "10.11.6-MariaDB";
    other.server.id = 77;
    save({leaf, other, replica, top, writable});

    CHECK(list({}) == "db-1 db-2 db-3 db-4 web-1 ");
    CHECK(list({}, InstanceOrder::Importance) == "db-1 web-1 db-2 db-4 db-3 ");
    CHECK(list({}, InstanceOrder::Cluster) == "db-1 db-2 db-4 db-3 web-1 ");
    CHECK(list({.cluster = "web-1:3306"}) == "web-1 ");
    CHECK(list({.cluster = ""}) == "");
    CHECK(list({.source = top.key}) == "db-2 ");
    CHECK(list({.top = true}) == "db-1 db-4 web-1 ");
    const auto pattern = Pattern::compile("^db-[23]:3306$");
    REQUIRE(pattern);
    CHECK(list({.pattern = *pattern}) == "db-2 db-3 ");
    CHECK(list({.search = "  MariaDB "}) == "web-1 ");
    CHECK(list({.search = "77"}) == "web-1 ");
    CHECK(list({.search = "7"}) == "");
    CHECK(list({.search = "3306"}) == "db-1 db-2 db-3 db-4 web-1 ");
    CHECK(list({.search = "b-3:33"}) == "db-3 ");
    CHECK(list({.search = "sho"}) == "db-3 ");
    CHECK(list({.search = "%"}) == "");

    const auto master = store.find_cluster_master("db-1:3306");
    REQUIRE(master);
    REQUIRE(master->has_value());
    CHECK((*master)->key.hostname == "db-4");
    const auto masters = store.list_cluster_masters();
    REQUIRE(masters);
    REQUIRE(masters->size() == 2);
    CHECK(masters->at(0).key.hostname == "db-4");
    CHECK(masters->at(1).key.hostname == "web-1");
    const auto none = store.find_cluster_master("nowhere");
    REQUIRE(none);
    CHECK_FALSE(none->has_value());
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a co-master that its partner follows no more is no master") {
    Instance dead = instance("db-1", "db-2:3306");
    dead.is_co_master = true;
    dead.replication.source = {"db-2", 3306};
    Instance alive = instance("db-2", "db-2:3306");
    const auto master = [&] {
      save({dead, alive});
      const auto found = store.find_cluster_master("db-2:3306");
      const auto all = store.list_cluster_masters();
      REQUIRE(found);
      REQUIRE(found->has_value());
      REQUIRE(all);
      REQUIRE(all->size() == 1);
      CHECK(all->front().key == (*found)->key);
      return (*found)->key.hostname;
    };
    alive.is_co_master = true;
    alive.replication.source = dead.key;
    CHECK(master() == "db-1");
    alive.is_co_master = false;
    alive.replication.source = {};
    CHECK(master() == "db-2");
    CHECK(list({.top = true}) == "db-2 ");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a part of a name finds the one host that has it") {
    save({instance("prod-db-3.example.com"), instance("prod-db-4.example.com"),
          instance("10.0.0.30")});
    const auto fuzzy = [this](const std::string& text, std::uint16_t port) {
      const auto found = store.find_fuzzy({text, port});
      REQUIRE(found);
      return found->hostname;
    };
    CHECK(fuzzy("db-3", 3306) == "prod-db-3.example.com");
    CHECK(fuzzy("db-3", 3307) == "db-3");
    CHECK(fuzzy("db-", 3306) == "db-");
    CHECK(fuzzy("nobody", 3306) == "nobody");
    CHECK(fuzzy("10.0.0.3", 3306) == "10.0.0.3");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a clean probe is kept with all that it learnt") {
    Observation observation = clean(instance("db-1"));
    observation.detected_promotion_rule = PromotionRule::MustNot;
    observation.detected_cluster_domain = "shop.example.com";
    observation.resolved = {{"alias-1", "db-1"}, {"db-1", "db-1"}};
    observation.tls_required = true;
    record(observation);
    CHECK(find("db-1").promotion_rule == PromotionRule::MustNot);
    CHECK(value("select domain_name from cluster_domain_name where cluster_name = 'db-1:3306'") ==
          "shop.example.com");
    CHECK(value("select resolved_hostname from hostname_resolve where hostname = 'alias-1'") ==
          "db-1");
    CHECK(value("select count(*) || hostname from hostname_resolve_history") == "1alias-1");
    CHECK(value("select required from database_instance_tls") == "1");
    CHECK(value("select count(*) from orch_instance_error") == "0");
  }

  TEST_CASE_FIXTURE(InstanceFixture,
                    "a promotion rule is kept for the server's own name, not for the one that was "
                    "asked (DISC-15)") {
    Observation observation = clean(instance("db-1"));
    observation.asked = {"alias-1", 3306};
    observation.detected_promotion_rule = PromotionRule::Prefer;
    record(observation);
    CHECK(find("db-1").promotion_rule == PromotionRule::Prefer);
    CHECK(value("select count(*) || max(hostname) from candidate_database_instance") == "1db-1");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "names are not stored when they are not resolved") {
    InstanceStore quiet(database(), clock, {.store_resolved = false});
    Observation observation = clean(instance("db-1"));
    observation.resolved = {{"alias-1", "db-1"}};
    REQUIRE(quiet.record({&observation, 1}));
    CHECK(value("select count(*) from hostname_resolve") == "0");
  }

  TEST_CASE_FIXTURE(InstanceFixture,
                    "DISC-18: a soft error moves last_checked, not last_seen, and is told") {
    record(clean(instance("db-1")));
    clock.advance(seconds(10));
    Observation soft = clean(instance("db-1"));
    soft.outcome = ProbeOutcome::Soft;
    soft.soft_errors = {{ErrorKind::Denied, "db-1:3306: no privilege"},
                        {ErrorKind::Denied, "db-1:3306: no other"}};
    soft.instance.server.version = "8.4.4";
    record(soft);
    const Instance read = find("db-1");
    CHECK(read.server.version == "8.4.4");
    CHECK_FALSE(read.freshness.is_last_check_valid);
    CHECK(read.freshness.since_last_check == seconds(0));
    CHECK(read.freshness.since_last_seen == seconds(10));
    const auto error = store.find_error(read.key);
    REQUIRE(error);
    CHECK(error->value_or("") == "db-1:3306: no privilege; db-1:3306: no other");

    record(clean(instance("db-1")));
    CHECK(find("db-1").freshness.is_last_check_valid);
    CHECK_FALSE(store.find_error(read.key)->has_value());
  }

  TEST_CASE_FIXTURE(InstanceFixture, "DISC-18: a failed probe never loses the record") {
    record(clean(instance("db-1")));
    for (const bool partial : {true, false}) {
      clock.advance(seconds(10));
      Observation failed;
      failed.asked = {"db-1", 3306};
      failed.outcome = partial ? ProbeOutcome::Partial : ProbeOutcome::Failed;
      failed.error = Error{ErrorKind::Unreachable, "db-1:3306: connection refused"};
      record(failed);
      const Instance read = find("db-1");
      CHECK(read.server.version == "8.4.3");
      CHECK_FALSE(read.freshness.is_last_check_valid);
      CHECK(read.freshness.since_last_check == seconds(0));
      CHECK(read.freshness.last_check_partial_success == partial);
    }
    CHECK(store.find_error({"db-1", 3306})->value_or("") == "db-1:3306: connection refused");
  }

  TEST_CASE_FIXTURE(InstanceFixture,
                    "a server that was seen in this very second, and then not, is not valid") {
    record(clean(instance("db-1")));
    CHECK(find("db-1").freshness.is_last_check_valid);
    REQUIRE(store.mark_checked({"db-1", 3306}, false));
    CHECK_FALSE(find("db-1").freshness.is_last_check_valid);
    record(clean(instance("db-1")));
    CHECK(find("db-1").freshness.is_last_check_valid);
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a failed probe of an unknown server makes no record") {
    Observation failed;
    failed.asked = {"db-9", 3306};
    failed.error = Error{ErrorKind::Unreachable, "db-9:3306: connection refused"};
    record(failed);
    CHECK(value("select count(*) from database_instance") == "0");
    CHECK(value("select count(*) from orch_instance_error") == "0");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a skipped probe records nothing (DISC-26)") {
    record(clean(instance("db-1")));
    const std::string times = "select last_checked || last_attempted_check from database_instance";
    const std::string before = value(times);
    clock.advance(seconds(10));
    Observation skipped = clean(instance("db-1"));
    skipped.outcome = ProbeOutcome::Skipped;
    skipped.resolved = {{"x", "db-1"}};
    record(skipped);
    CHECK(value(times) == before);
    CHECK(value("select count(*) from hostname_resolve") == "0");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "writing an instance leaves columns alone that are not ours") {
    run("alter table database_instance add column theirs text default ''");
    save({instance("db-1")});
    run("update database_instance set theirs = 'kept'");
    save({instance("db-1")});
    CHECK(value("select theirs from database_instance") == "kept");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "DISC-19: more rows than one statement can hold are written") {
    std::vector<Instance> many;
    for (int i = 0; i < 1234; ++i)
      many.push_back(instance("db-" + std::to_string(i)));
    save(many);
    CHECK(value("select count(*) from database_instance") == "1234");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "DISC-25: a bare record is only made where there is none") {
    save({instance("db-1")});
    REQUIRE(store.insert_if_absent({"db-1", 3306}));
    REQUIRE(store.insert_if_absent({"db-2", 3306}));
    CHECK(find("db-1").server.version == "8.4.3");
    const Instance bare = find("db-2");
    CHECK(bare.server.version == "Unknown");
    CHECK(bare.cluster_name == "db-2:3306");
    CHECK(bare.freshness.is_last_check_valid);
    CHECK(value("select major_version || slave_hosts || replication_group_members from "
                "database_instance where hostname = 'db-2'") == "0.0[][]");
  }

  TEST_CASE_FIXTURE(InstanceFixture, "a hanging probe is marked by last_attempted_check alone") {
    save({instance("db-1")});
    clock.advance(seconds(3));
    REQUIRE(store.mark_attempted({"db-1", 3306}));
    const Instance read = find("db-1");
    CHECK(*read.freshness.last_attempted_check - *read.freshness.last_checked == seconds(3));
    CHECK(read.freshness.is_last_check_valid);
  }

  TEST_CASE_FIXTURE(InstanceFixture, "instances and clusters are renamed, forgotten and expire") {
    save({instance("db-1"), instance("db-2"), instance("web-1", "web-1:3306")});
    CHECK(store.rename_cluster("db-1:3306", "db-2:3306").value_or(0) == 2);
    CHECK(list({.cluster = "db-2:3306"}) == "db-1 db-2 ");
    CHECK(store.forget({"db-1", 3306}).value_or(false));
    CHECK_FALSE(store.forget({"db-1", 3306}).value_or(true));
    CHECK(store.forget_cluster("db-2:3306").value_or(0) == 1);
    CHECK(list({}) == "web-1 ");
    clock.advance(std::chrono::hours(2));
    CHECK(store.expire(std::chrono::hours(3)).value_or(-1) == 0);
    CHECK(store.expire(std::chrono::hours(1)).value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(
      InstanceFixture,
      "a record that was never seen expires, too, but not while it is read (DISC-24)") {
    REQUIRE(store.insert_if_absent({"db-1", 3306}, false));
    REQUIRE(store.insert_if_absent({"db-2", 3306}, false));
    clock.advance(std::chrono::hours(2));
    Observation soft = clean(instance("db-2"));
    soft.outcome = ProbeOutcome::Soft;
    record(soft);
    Observation failed;
    failed.asked = {"db-1", 3306};
    record(failed);
    CHECK(value("select count(last_seen) from database_instance") == "0");
    CHECK(store.expire(std::chrono::hours(3)).value_or(-1) == 0);
    CHECK(store.expire(std::chrono::hours(1)).value_or(-1) == 1);
    CHECK(list({}) == "db-2 ");
  }
}

}  // namespace orch::storage
