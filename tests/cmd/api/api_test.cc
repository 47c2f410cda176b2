#include "cmd/api/api.h"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "core/base/text.h"

namespace orch::cmd {

namespace {

/// A path that the pattern matches, with values that can be told from one another.
std::string example_of(const std::string& pattern) {
  std::string path;
  for (const std::string& part : words(pattern, "/")) {
    if (!path.empty()) path += '/';
    if (part == "H") {
      path += "db1.example/3306";
    } else if (part == "B") {
      path += "db2.example/3307";
    } else if (part == "C") {
      path += "shop";
    } else {
      path += part.starts_with(':') ? "value-of-" + part.substr(1) : part;
    }
  }
  return path;
}

}  // namespace

TEST_SUITE("api routes") {
  TEST_CASE("each route is found by its own path, with and without a slash at its end") {
    std::set<std::string> patterns;
    for (const ApiRoute& route : api_routes()) {
      CAPTURE(route.pattern);
      CHECK(patterns.insert(route.pattern).second);
      const std::string path = example_of(route.pattern);
      for (const std::string& asked : {path, path + "/"}) {
        const auto match = match_route(asked);
        REQUIRE(match);
        CHECK(match->route->pattern == route.pattern);
      }
    }
    CHECK(patterns.size() >= 250);
  }

  TEST_CASE("no path fits two routes") {
    for (const ApiRoute& one : api_routes()) {
      for (const ApiRoute& two : api_routes()) {
        if (one.pattern == two.pattern) continue;
        CAPTURE(one.pattern);
        CAPTURE(two.pattern);
        const auto match = match_route(example_of(one.pattern));
        REQUIRE(match);
        CHECK(match->route->pattern != two.pattern);
      }
    }
  }

  TEST_CASE("what varies is decoded after the path is cut, without what stands at its end") {
    const auto match = match_route("begin-downtime/db1/3306/me%0A/a%2Fb%20c%0A/10m");
    REQUIRE(match);
    CHECK(match->args.instance == "db1:3306");
    CHECK(match->args.owner == "me");
    CHECK(match->args.reason == "a/b c");
    CHECK(match->args.duration == "10m");
  }

  TEST_CASE("addresses of both kinds make instances") {
    CHECK(match_route("instance/10.0.0.1/3306")->args.instance == "10.0.0.1:3306");
    CHECK(match_route("instance/%3A%3A1/3306")->args.instance == "[::1]:3306");
    CHECK(match_route("instance/::1/3306")->args.instance == "[::1]:3306");
    const auto move = match_route("relocate/a/1/b/2");
    CHECK(move->args.instance == "a:1");
    CHECK(move->args.destination == "b:2");
  }

  TEST_CASE("what nobody serves is not found") {
    for (const std::string path :
         {"", "/", "nonsense", "relocate", "relocate/a/1", "relocate/a/1/b/2/c", "instance//3306",
          "Clusters", "clusters//", "topology/a/b/c"}) {
      CAPTURE(path);
      CHECK_FALSE(match_route(path));
    }
  }

  TEST_CASE("whatever changes something needs the right to write, and questions do not") {
    const std::set<std::string> open_reads = {"clusters", "clusters-info",        "instance/H",
                                              "masters",  "replication-analysis", "topology/C",
                                              "health"};
    for (const ApiRoute& route : api_routes()) {
      if (open_reads.contains(route.pattern)) CHECK_FALSE(route.writes);
      const std::string first = route.pattern.substr(0, route.pattern.find('/'));
      for (const std::string_view verb :
           {"relocate", "forget", "begin-", "end-", "set-", "start-", "stop-", "reset-", "recover",
            "graceful-", "force-", "tag", "untag", "register-", "discover", "ack-"}) {
        const bool question = first == "tags" || first == "tagged" || first == "tag-value";
        const bool metrics = first.find("metrics") != std::string::npos;
        const bool listing = first == "recently-active-cluster-recovery";
        if (!first.starts_with(verb) || question || metrics || listing) continue;
        CAPTURE(route.pattern);
        CHECK(route.writes);
      }
    }
  }
}

TEST_SUITE("api rights") {
  TEST_CASE("what orchestrator let everybody do needs the right to write (HA-20)") {
    const std::set<std::string> open_once = {
        "tag",          "untag", "untag-all", "submit-masters-to-kv-stores", "snapshot-topologies",
        "raft-snapshot"};
    std::set<std::string> found;
    for (const ApiRoute& route : api_routes()) {
      const std::string first = route.pattern.substr(0, route.pattern.find('/'));
      if (!open_once.contains(first)) continue;
      found.insert(first);
      CAPTURE(route.pattern);
      CHECK(route.writes);
    }
    CHECK(found == open_once);
  }
}

TEST_SUITE("api answers") {
  TEST_CASE("an envelope has its three fields, a message its prefix, and errors are 500") {
    const HttpResponse good = to_response(api_ok("it \"worked\"", "[1]"), "Orchestrator x says: ");
    CHECK(good.status == 200);
    CHECK(good.body ==
          R"({"Code":"OK","Message":"Orchestrator x says: it \"worked\"","Details":[1]})");
    const HttpResponse bad = to_response(api_error("no"), "");
    CHECK(bad.status == 500);
    CHECK(bad.body == R"({"Code":"ERROR","Message":"no","Details":null})");
  }

  TEST_CASE("bare JSON is sent as it is, with the status that it names") {
    CHECK(to_response(api_bare("\"OK\""), "x").body == "\"OK\"");
    CHECK(to_response(api_bare("\"Not leader\"", 503), "x").status == 503);
  }

  TEST_CASE(
      "a recovery that is asked for once more is told of, as long as nothing has come after it") {
    const InstanceKey old{"db1", 3306};
    const InstanceKey other{"db2", 3306};
    const TimePoint now{std::chrono::hours(1)};
    const auto recovered = [](const InstanceKey& failed, const InstanceKey& by, TimePoint ended) {
      RecoveryRecord record;
      record.failed = failed;
      record.successor = by;
      record.successful = true;
      record.ended = ended;
      return record;
    };
    const RecoveryRecord just_now = recovered(old, other, now - std::chrono::seconds(2));
    const auto found = repeated_recovery({just_now}, old, now);
    REQUIRE(found);
    CHECK(found->successor == other);
    CHECK_FALSE(repeated_recovery({just_now}, other, now));
    CHECK_FALSE(repeated_recovery({just_now}, old, now + std::chrono::minutes(2)));
    // It has its place again.
    CHECK_FALSE(repeated_recovery({recovered(other, old, now), just_now}, old, now));
    RecoveryRecord in_vain = just_now;
    in_vain.successful = false;
    CHECK_FALSE(repeated_recovery({in_vain}, old, now));
    RecoveryRecord under_way = just_now;
    under_way.ended.reset();
    CHECK_FALSE(repeated_recovery({under_way}, old, now));
  }
}

}  // namespace orch::cmd
