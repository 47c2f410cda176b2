#include "core/probe/crawl.h"

#include <atomic>
#include <map>

#include <doctest/doctest.h>

#include "core/base/mutex.h"

namespace orch {
namespace {

InstanceKey key(const std::string& host) {
  return {host, 3306};
}

/// Servers in memory, reached by any of their names.
class World {
 public:
  Observation& add(const std::string& host, const std::string& source = {}) {
    Observation seen;
    seen.outcome = ProbeOutcome::Clean;
    seen.instance.key = key(host);
    seen.instance.server.id = static_cast<std::uint32_t>(servers_.size() + 1);
    seen.instance.server.uuid = "uuid-" + host;
    if (!source.empty()) {
      seen.instance.replication.configured = true;
      seen.instance.replication.source = key(source);
      seen.instance.replication.read = {"bin.000001", 4};
      if (const auto found = servers_.find(key(source)); found != servers_.end()) {
        found->second.instance.replicas.push_back(key(host));
      }
    }
    return servers_[key(host)] = std::move(seen);
  }
  void also_called(const std::string& host, const std::string& name) {
    names_[key(name)] = key(host);
  }

  CrawlResult crawl_from(const std::vector<std::string>& seeds, CrawlSettings settings = {}) {
    settings.width = 4;
    std::vector<InstanceKey> keys;
    for (const std::string& seed : seeds)
      keys.push_back(key(seed));
    return crawl([this](const InstanceKey& asked, SteadyPoint) { return probe(asked); }, keys,
                 settings);
  }
  int probes_of(const std::string& host) const {
    const auto found = probes_.find(key(host));
    return found == probes_.end() ? 0 : found->second;
  }

 private:
  Observation probe(const InstanceKey& asked) {
    const MutexLock lock(mutex_);
    ++probes_[asked];
    const auto name = names_.find(asked);
    const auto found = servers_.find(name == names_.end() ? asked : name->second);
    if (found == servers_.end()) {
      Observation seen;
      seen.asked = asked;
      seen.error = Error{ErrorKind::Unreachable, to_string(asked) + ": cannot connect"};
      return seen;
    }
    Observation seen = found->second;
    seen.asked = asked;
    if (asked != found->first) {
      seen.resolved.push_back({asked.hostname, found->first.hostname});
    }
    return seen;
  }

  Mutex mutex_;
  std::map<InstanceKey, Observation> servers_;
  std::map<InstanceKey, InstanceKey> names_;
  std::map<InstanceKey, int> probes_;
};

std::vector<std::string> found_hosts(const CrawlResult& result) {
  std::vector<std::string> names;
  for (const Observation& seen : result.found)
    names.push_back(seen.instance.key.hostname);
  return names;
}
const Instance& found(const CrawlResult& result, const std::string& host) {
  for (const Observation& seen : result.found) {
    if (seen.instance.key == key(host)) return seen.instance;
  }
  FAIL("not found: " << host);
  return result.found.front().instance;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_SUITE("core/probe/crawl") {
  TEST_CASE("the whole topology is found from any of its servers, each asked once") {
    for (const char* seed : {"a", "b", "d"}) {
      World world;
      world.add("a");
      world.add("b", "a");
      world.add("c", "a");
      world.add("d", "b");
      const CrawlResult result = world.crawl_from({seed, seed});
      CHECK(found_hosts(result) == Names{"a", "b", "c", "d"});
      CHECK(result.skipped.empty());
      CHECK(result.unreachable.empty());
      CHECK(result.warnings.empty());
      for (const char* host : {"a", "b", "c", "d"})
        CHECK(world.probes_of(host) == 1);
    }
  }

  TEST_CASE("a server that cannot be reached is listed with the reason, the others are found") {
    World world;
    world.add("a").instance.replicas.push_back(key("gone"));
    world.add("b", "a");
    const CrawlResult result = world.crawl_from({"b"});
    CHECK(found_hosts(result) == Names{"a", "b"});
    REQUIRE(result.unreachable.size() == 1);
    CHECK(result.unreachable[0].key == key("gone"));
    CHECK(result.unreachable[0].error.kind == ErrorKind::Unreachable);
  }

  TEST_CASE("the known replicas of a server that cannot be reached are asked all the same") {
    World world;
    world.add("a").instance.replicas.push_back(key("dead"));
    world.add("below", "dead").instance.replicas.push_back(key("lowest"));
    world.add("lowest", "below");
    world.add("ignored", "dead");
    CrawlSettings settings;
    settings.ignore_replicas = HostFilter::compile({"ignored"}).value_or(HostFilter{});
    settings.known_replicas = [](const InstanceKey& dead) {
      return dead == key("dead") ? std::vector<InstanceKey>{key("below"), key("ignored")}
                                 : std::vector<InstanceKey>{};
    };
    const CrawlResult result = world.crawl_from({"a"}, settings);
    CHECK(found_hosts(result) == Names{"a", "below", "lowest"});
    REQUIRE(result.unreachable.size() == 1);
    CHECK(result.unreachable[0].key == key("dead"));
    CHECK(found_hosts(world.crawl_from({"dead"}, settings)) == Names{"below", "lowest"});
    CHECK(world.probes_of("ignored") == 0);
  }

  TEST_CASE(
      "a known replica that its living source does not name is asked, and told when it is dead") {
    World world;
    world.add("a");
    world.add("quiet", "a");
    CrawlSettings settings;
    settings.known_replicas = [](const InstanceKey& source) {
      return source == key("a") ? std::vector<InstanceKey>{key("quiet"), key("dead")}
                                : std::vector<InstanceKey>{};
    };
    const CrawlResult result = world.crawl_from({"a"}, settings);
    CHECK(found_hosts(result) == Names{"a", "quiet"});
    REQUIRE(result.unreachable.size() == 1);
    CHECK(result.unreachable[0].key == key("dead"));
  }

  TEST_CASE("a circle of three is said, one of two is not") {
    World circle;
    circle.add("a", "c");
    circle.add("b", "a");
    circle.add("c", "b");
    const CrawlResult three = circle.crawl_from({"a"});
    REQUIRE(three.warnings.size() == 1);
    CHECK(three.warnings[0].starts_with(
        "a:3306 follows c:3306 follows b:3306 follows a:3306: a circle of replication"));
    World pair;
    pair.add("a", "b");
    pair.add("b", "a");
    CHECK(pair.crawl_from({"a"}).warnings.empty());
  }

  TEST_CASE("one server under two names is found once, and everybody points to the real name") {
    World world;
    world.add("a");
    world.add("b", "a").instance.replication.source = key("10.0.0.1");
    world.also_called("a", "10.0.0.1");
    CrawlResult result = world.crawl_from({"b"});
    CHECK(found_hosts(result) == Names{"a", "b"});
    CHECK(found(result, "b").replication.source == key("a"));
    settle_all(result, {});
    CHECK(found(result, "b").cluster_name == "a:3306");
  }

  TEST_CASE("a name is kept, whether a server was asked by that or by its own name first") {
    World world;
    world.add("a");
    world.add("b", "a").instance.replication.source = key("10.0.0.1");
    world.also_called("a", "10.0.0.1");
    for (const char* seed : {"a", "b"}) {
      const CrawlResult result = world.crawl_from({seed});
      REQUIRE(found_hosts(result) == Names{"a", "b"});
      const std::vector<ResolvedName>& names = result.found.front().resolved;
      REQUIRE(names.size() == 1);
      CHECK(names.front().hostname == "10.0.0.1");
      CHECK(names.front().resolved == "a");
    }
  }

  TEST_CASE("a process list's guess is a replica only when it points back (DISC-12, DISC-13)") {
    World world;
    Observation& a = world.add("a");
    a.replica_candidates = {key("true"), key("stranger"), key("nobody"), key("other")};
    world.add("true").instance.replication = {.configured = true, .source = key("a")};
    world.add("stranger");
    world.add("other").instance.replication = {.configured = true, .source = key("elsewhere")};
    const CrawlResult result = world.crawl_from({"a"});
    CHECK(found_hosts(result) == Names{"a", "true"});
    CHECK(found(result, "a").replicas == std::vector<InstanceKey>{key("true")});
    REQUIRE(result.skipped.size() == 3);
    CHECK(result.skipped[0].because.find("not read") != std::string::npos);
    CHECK(result.skipped[1].because.find("follows elsewhere:3306") != std::string::npos);
    CHECK(result.skipped[2].because.find("is no replica") != std::string::npos);
    CHECK(result.unreachable.empty());
    CHECK(world.probes_of("elsewhere") == 0);
  }

  TEST_CASE("a guess that another server names for certain belongs to the topology") {
    World world;
    world.add("a").replica_candidates = {key("c")};
    world.add("b", "a");
    world.add("c", "b");
    const CrawlResult result = world.crawl_from({"a"});
    CHECK(found_hosts(result) == Names{"a", "b", "c"});
    CHECK(result.skipped.empty());
  }

  TEST_CASE("a guess that follows the source by its UUID belongs to the topology") {
    World world;
    world.add("a").replica_candidates = {key("c")};
    Replication& replication = world.add("c").instance.replication;
    replication = {.configured = true, .source = key("vip"), .source_uuid = "UUID-a"};
    world.also_called("a", "vip");
    CHECK(found_hosts(world.crawl_from({"a"})) == Names{"a", "c"});
  }

  TEST_CASE("filters keep servers unprobed and say so") {
    World world;
    world.add("a");
    world.add("b", "a");
    world.add("c", "a").ignored_replicas = {key("d")};
    CrawlSettings settings;
    settings.ignore_hosts = *HostFilter::compile({"^b:"});
    const CrawlResult result = world.crawl_from({"a"}, settings);
    CHECK(found_hosts(result) == Names{"a", "c"});
    CHECK(world.probes_of("b") == 0);
    CHECK(world.probes_of("d") == 0);
    CHECK(result.skipped.size() == 2);
    CrawlSettings no_sources;
    no_sources.ignore_sources = *HostFilter::compile({"^a:"});
    CHECK(found_hosts(world.crawl_from({"b"}, no_sources)) == Names{"b"});
  }

  TEST_CASE("what a query of the user's own did not tell in time stays as it is recorded") {
    World world;
    Observation& seen = world.add("db1");
    seen.untold.data_center = seen.untold.cluster_alias = true;
    CrawlResult result = world.crawl_from({"db1"});
    settle_all(result, {}, [](const InstanceKey& asked) -> std::optional<Instance> {
      Instance record;
      record.key = asked;
      record.location = {.data_center = "ams", .region = "west"};
      record.suggested_cluster_alias = "shop";
      return record;
    });
    REQUIRE(result.found.size() == 1);
    CHECK(result.found[0].instance.location.data_center == "ams");
    CHECK(result.found[0].instance.location.region == "");  // it was told that there is none
    CHECK(result.found[0].instance.suggested_cluster_alias == "shop");
  }

  TEST_CASE("a server skipped for its replication user is told of") {
    World world;
    world.add("a");
    world.add("b", "a").outcome = ProbeOutcome::Skipped;
    const CrawlResult result = world.crawl_from({"a"});
    CHECK(found_hosts(result) == Names{"a"});
    REQUIRE(result.skipped.size() == 1);
    CHECK(result.skipped[0].key == key("b"));
  }

  TEST_CASE("circles of any length end, and one member names the cluster") {
    World pair;
    pair.add("a", "b");
    pair.add("b", "a");
    CrawlResult two = pair.crawl_from({"b"});
    settle_all(two, {});
    CHECK(found(two, "a").replication_depth == 0);
    CHECK(found(two, "b").cluster_name == "a:3306");
    CHECK(found(two, "b").replication_depth == 1);
    CHECK(found(two, "b").is_co_master);

    World ring;
    ring.add("a", "c");
    ring.add("b", "a");
    ring.add("c", "b");
    ring.add("d", "b");
    CrawlResult three = ring.crawl_from({"c"});
    CHECK(three.found.size() == 4);
    settle_all(three, {});
    for (const Observation& seen : three.found)
      CHECK(seen.instance.cluster_name == "a:3306");
    CHECK(found(three, "c").replication_depth == 2);
    CHECK(found(three, "d").replication_depth == 2);
  }

  TEST_CASE("a pair keeps the cluster name that the backend has for it") {
    World pair;
    pair.add("a", "b");
    pair.add("b", "a");
    CrawlResult result = pair.crawl_from({"a"});
    settle_all(result, {}, [](const InstanceKey& member) -> std::optional<Instance> {
      return Instance{.key = member, .cluster_name = "b:3306"};
    });
    CHECK(found(result, "a").cluster_name == "b:3306");
    CHECK(found(result, "a").replication_depth == 1);
    CHECK(found(result, "b").replication_depth == 0);
  }

  TEST_CASE("replicas of a source that nobody could read are one cluster named after it") {
    World world;
    world.add("b", "a").instance.replicas.push_back(key("c"));
    world.add("c", "a");
    CrawlResult result = world.crawl_from({"b", "c"});
    settle_all(result, {});
    CHECK(found(result, "b").cluster_name == "a:3306");
    CHECK(found(result, "c").cluster_name == "a:3306");
    settle_all(result, {}, [](const InstanceKey& asked) -> std::optional<Instance> {
      return Instance{.key = asked, .cluster_name = "known:3306", .replication_depth = 3};
    });
    CHECK(found(result, "c").cluster_name == "known:3306");
    CHECK(found(result, "c").replication_depth == 4);
  }

  TEST_CASE("equal UUIDs and equal server ids in one topology are warned of") {
    World world;
    world.add("a");
    world.add("b", "a").instance.server.uuid = "uuid-a";
    world.add("c", "a").instance.server.id = 1;
    Instance& mariadb = world.add("d", "a").instance;
    mariadb.server.id = 1;
    mariadb.server.uuid.clear();
    const CrawlResult result = world.crawl_from({"a"});
    REQUIRE(result.warnings.size() == 3);
    CHECK(result.warnings[0].find("a:3306 and b:3306 have the same server_uuid") !=
          std::string::npos);
    CHECK(result.warnings[1].find("a:3306 and c:3306 have the same server_id 1: give each") !=
          std::string::npos);
    CHECK(result.warnings[2].find("same server_id 1: one server under two names, or two servers "
                                  "with one id") != std::string::npos);
  }

  TEST_CASE("progress ends with nothing under way") {
    World world;
    world.add("a");
    world.add("b", "a");
    std::size_t calls = 0;
    CrawlProgress last{.under_way = 99};
    const auto result = crawl(
        [](const InstanceKey& asked, SteadyPoint) {
          Observation seen;
          seen.outcome = ProbeOutcome::Clean;
          seen.instance.key = asked;
          if (asked == key("a")) seen.instance.replicas = {key("b")};
          return seen;
        },
        {key("a")}, {.width = 3},
        [&](const CrawlProgress& progress) {
          ++calls;
          last = progress;
        });
    CHECK(result.found.size() == 2);
    CHECK(calls == 2);
    CHECK(last.found == 2);
    CHECK(last.under_way == 0);
  }
}

}  // namespace orch
