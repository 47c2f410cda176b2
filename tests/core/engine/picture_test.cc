#include "core/engine/picture.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

namespace orch {

namespace {

using test::db;

Observation seen_clean(Instance instance) {
  Observation seen;
  seen.asked = instance.key;
  seen.outcome = ProbeOutcome::Clean;
  seen.instance = std::move(instance);
  return seen;
}

Observation not_seen(const InstanceKey& key, const std::string& why) {
  Observation seen;
  seen.asked = key;
  seen.error = Error{ErrorKind::Unreachable, why};
  return seen;
}

const TimePoint kBefore{std::chrono::seconds(1'769'854'830)};
const TimePoint kLater{kBefore + std::chrono::seconds(5)};

/// db1 with its replicas db2 and db3.
Picture small_cluster() {
  Picture picture;
  picture.set_marks({});
  picture.take(seen_clean(test::writable(test::mysql(1, test::gtids("1-9")))), kBefore, kBefore);
  picture.take(seen_clean(test::following(test::mysql(2, test::gtids("1-9")), 1)), kBefore,
               kBefore);
  picture.take(seen_clean(test::following(test::mysql(3, test::gtids("1-9")), 1)), kBefore,
               kBefore);
  return picture;
}

}  // namespace

TEST_SUITE("picture") {
  TEST_CASE("replicas are of their source's cluster, wherever they are named") {
    const Picture picture = small_cluster();
    const Topology cluster = picture.cluster("db1:3306");
    REQUIRE(cluster.instances().size() == 3);
    CHECK(picture.find(db(2))->cluster_name == "db1:3306");
    CHECK(picture.find(db(2))->replication_depth == 1);
    CHECK(picture.replicas_of(db(1)) == std::set<InstanceKey>{db(2), db(3)});
    CHECK(picture.living_sources() == std::set<InstanceKey>{db(1)});
  }

  TEST_CASE("a failed look keeps what was known and says when it was tried and why it failed") {
    Picture picture = small_cluster();
    const std::set<std::string> touched =
        picture.take(not_seen(db(1), "db1: gone"), kLater, kLater);
    CHECK(touched == std::set<std::string>{"db1:3306"});
    const Instance& master = *picture.find(db(1));
    CHECK_FALSE(master.freshness.is_last_check_valid);
    CHECK(master.freshness.last_checked == kLater);
    CHECK(master.freshness.last_seen == kBefore);
    CHECK_FALSE(master.server.read_only);
    CHECK(picture.living_sources().empty());
    const Circumstances own = picture.circumstances_of(picture.cluster("db1:3306"), {});
    CHECK(own.probe_errors.at(db(1)) == "db1: gone");
  }

  TEST_CASE("a server that is to be left alone stays as it was (DISC-26)") {
    Picture picture = small_cluster();
    Observation skipped = not_seen(db(2), "");
    skipped.outcome = ProbeOutcome::Skipped;
    CHECK(picture.take(skipped, kLater, kLater).empty());
    const Freshness& freshness = picture.find(db(2))->freshness;
    CHECK(freshness.is_last_check_valid);
    CHECK(freshness.last_attempted_check == kBefore);
    CHECK(freshness.last_checked == kBefore);
  }

  TEST_CASE("a server that dies as the clock is set back was not seen after it died") {
    Picture picture = small_cluster();
    const TimePoint earlier = kBefore - std::chrono::hours(1);
    picture.take(not_seen(db(1), "db1: gone"), earlier, earlier);
    const Freshness& dead = picture.find(db(1))->freshness;
    CHECK(*dead.last_seen < *dead.last_checked);
    picture.take(seen_clean(test::following(test::mysql(2, test::gtids("1-9")), 1)), kLater,
                 earlier);
    const Freshness& alive = picture.find(db(2))->freshness;
    CHECK(*alive.last_attempted_check <= *alive.last_seen);
  }

  TEST_CASE("a replica is silent since the look after which nothing new had come") {
    Picture picture = small_cluster();
    const auto look = [&](std::uint64_t heartbeats, std::int64_t position, TimePoint when) {
      Instance replica = test::following(test::mysql(2, test::gtids("1-9")), 1);
      replica.replication.heartbeats = heartbeats;
      replica.replication.read.log_pos = position;
      picture.take(seen_clean(std::move(replica)), when, when);
      return picture.find(db(2))->replication.silent_since;
    };
    using std::chrono::seconds;
    CHECK_FALSE(look(7, 100, kLater));
    CHECK(look(7, 100, kLater + seconds(1)) == kLater);
    CHECK(look(7, 100, kLater + seconds(9)) == kLater);
    CHECK_FALSE(look(8, 100, kLater + seconds(10)));
    CHECK(look(8, 100, kLater + seconds(11)) == kLater + seconds(10));
    CHECK_FALSE(look(8, 101, kLater + seconds(12)));
    picture.take(not_seen(db(2), "gone"), kLater + seconds(13), kLater + seconds(14));
    CHECK(look(8, 101, kLater + seconds(15)) == kLater + seconds(12));
  }

  TEST_CASE("what was never read and does not answer stays unknown") {
    Picture picture;
    CHECK(picture.take(not_seen(db(9), "no"), kLater, kLater).empty());
    CHECK(picture.size() == 0);
  }

  TEST_CASE("whoever was asked by another name is known by its own") {
    Picture picture = small_cluster();
    Observation seen = seen_clean(test::following(test::mysql(4, test::gtids("1-9")), 1));
    seen.asked = {"alias", 3306};
    picture.add(Instance{.key = {"alias", 3306}, .cluster_name = "alias:3306"});
    picture.take(seen, kLater, kLater);
    CHECK(picture.find({"alias", 3306}) == nullptr);
    CHECK(picture.find(db(4)) != nullptr);
    CHECK(picture.clusters() == std::set<std::string>{"db1:3306"});
  }

  TEST_CASE("a replica that moves is a matter of both clusters") {
    Picture picture = small_cluster();
    picture.take(seen_clean(test::writable(test::mysql(5, test::gtids("1-9", 5)))), kBefore,
                 kBefore);
    const auto touched = picture.take(
        seen_clean(test::following(test::mysql(3, test::gtids("1-9")), 5)), kLater, kLater);
    CHECK(touched == std::set<std::string>{"db1:3306", "db5:3306"});
    CHECK(picture.replicas_of(db(1)) == std::set<InstanceKey>{db(2)});
    CHECK(picture.replicas_of(db(5)) == std::set<InstanceKey>{db(3)});
  }

  TEST_CASE("what people say holds for servers that are known and those that come") {
    Picture picture = small_cluster();
    Marks marks;
    marks.downtimes[db(2)] = {.active = true, .owner = "me"};
    marks.promotion_rules[db(3)] = PromotionRule::Prefer;
    marks.quarantined = {db(1)};
    marks.incomplete[db(2)] = "db9:3306";
    picture.set_marks(marks);
    CHECK(picture.find(db(2))->downtime.active);
    CHECK(picture.find(db(3))->is_candidate);
    CHECK(picture.is_quarantined(db(1)));
    picture.take(seen_clean(test::following(test::mysql(2, test::gtids("1-9")), 1)), kLater,
                 kLater);
    CHECK(picture.find(db(2))->downtime.owner == "me");
    CHECK(picture.find(db(2))->incomplete == "db9:3306");
    picture.set_marks({});
    CHECK(picture.find(db(2))->incomplete.empty());
    CHECK_FALSE(picture.find(db(2))->downtime.active);
  }

  TEST_CASE("clusters in which somebody leaves rows out are found, though it is dead") {
    Picture picture = small_cluster();
    CHECK(picture.leaving_out().empty());
    Instance filtering = test::following(test::mysql(2, test::gtids("1-9")), 1);
    filtering.replication.has_filters = true;
    picture.take(seen_clean(filtering), kLater, kLater);
    picture.take(not_seen(db(2), "gone"), kLater, kLater);
    REQUIRE(picture.leaving_out().size() == 1);
    filtering.replication.has_filters = false;
    picture.take(seen_clean(filtering), kLater, kLater);
    CHECK(picture.leaving_out().empty());
    filtering.server.skips_errors = true;
    picture.take(seen_clean(filtering), kLater, kLater);
    REQUIRE(picture.leaving_out().size() == 1);
    CHECK(picture.leaving_out().front().instances().size() == 3);
  }

  TEST_CASE("what is forgotten leaves no trace") {
    Picture picture = small_cluster();
    for (const int number : {1, 2, 3})
      picture.forget(db(number));
    CHECK(picture.size() == 0);
    CHECK(picture.clusters().empty());
    CHECK_FALSE(picture.has_replicas(db(1)));
  }
}

}  // namespace orch
