#include "core/execute/name_to_write.h"

#include <atomic>

#include <doctest/doctest.h>

#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/relocate.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kAlias = "db.alias";

/// db1 goes by another name, too, of which nobody knows before it is asked by that name.
class Renamed final : public ForwardingServers {
 public:
  Renamed(FakeServers& inner, bool takes_own_name)
      : ForwardingServers(inner), takes_own_name_(takes_own_name) {}

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    if (key.hostname == kAlias) learnt_ = true;
    Observation seen = ForwardingServers::probe(key.hostname == kAlias ? db(1) : key, deadline);
    Replication& link = seen.instance.replication;
    if (link.source_name == kAlias && !learnt_) link.source.hostname = kAlias;
    if (link.source_name == "db1" && !takes_own_name_) {
      link.io_state = ThreadState::Stopped;
      link.last_io_error = "certificate verify failed";
    }
    return seen;
  }
  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override {
    Change done = change;
    auto* target = std::get_if<PointTo>(&done);
    if (target != nullptr && target->source.hostname == kAlias) target->source = db(1);
    return ForwardingServers::apply(as_probed, done, deadline);
  }

 private:
  bool takes_own_name_;
  std::atomic<bool> learnt_{false};
};

/// db3 follows db1 by the other name.
struct FollowingAnAlias {
  FakeServers servers{};
  bool takes_own_name{true};

  FollowingAnAlias() {
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    servers.set(db(3), [](Instance& it) { it.replication.source_name = kAlias; });
  }

  Outcome run(const Planner& planner) {
    Renamed renamed(servers, takes_own_name);
    const FakeLeadership leadership;
    FakeLocks locks;
    StepObserver observer;
    ExecutorSettings settings;
    settings.pace = quick_pace();
    Executor executor(renamed, leadership, locks, observer, settings);
    return executor.run(planner, servers.records(),
                        {.probe = servers.keys(), .reason = "test", .sources = true});
  }

  void check_as_before() const {
    check_below(servers, 3, 1);
    CHECK(servers.at(db(3)).replication.source_name == kAlias);
  }
};

}  // namespace

TEST_SUITE("core/execute/name_to_write") {
  TEST_CASE("a source that stays is told by the name that the replica has for it") {
    FollowingAnAlias bench;
    CHECK(said(bench.run(use_gtid(db(3), false, Policy{}))) == "");
    CHECK_FALSE(uses_gtid(bench.servers.at(db(3))));
    bench.check_as_before();
    CHECK(said(bench.run(use_gtid(db(3), true, Policy{}))) == "");
    CHECK(uses_gtid(bench.servers.at(db(3))));
    bench.check_as_before();
    CHECK(said(bench.run(repoint(db(3), {}, Policy{}))) == "");
    bench.check_as_before();
    CHECK(said(bench.run(relocate(db(3), db(1), Policy{}))) == "");
    bench.check_as_before();
  }

  TEST_CASE("who is pointed at a source by its name is told that name") {
    FollowingAnAlias bench;
    CHECK(said(bench.run(repoint(db(3), db(1), Policy{}))) == "");
    check_below(bench.servers, 3, 1);
    CHECK(bench.servers.at(db(3)).replication.source_name == "db1");
  }

  TEST_CASE("a replica goes back by the name that it had for its source") {
    FollowingAnAlias bench;
    bench.servers.purge_all(db(2));
    CHECK(mentions(said(bench.run(relocate(db(3), db(2), Policy{}))), "1236"));
    CHECK(did(bench.servers, "db3:3306 replicate from db2:3306 by GTID"));
    bench.check_as_before();
  }

  TEST_CASE(
      "a replica that does not connect to its source's own name goes back to the one it had") {
    FollowingAnAlias bench;
    bench.takes_own_name = false;
    CHECK(mentions(said(bench.run(repoint(db(3), db(1), Policy{}))), "certificate"));
    bench.check_as_before();
  }

  TEST_CASE("a replica that refuses to be told replicates on") {
    FollowingAnAlias bench;
    bench.servers.refuse(db(3), Change{PointTo{}}.index(), 9);
    for (const Planner& planner :
         {use_gtid(db(3), false, Policy{}), repoint(db(3), {}, Policy{})}) {
      const Outcome outcome = bench.run(planner);
      CHECK(mentions(said(outcome), "the server said no"));
      CHECK(outcome.left.empty());
      bench.check_as_before();
    }
  }

  TEST_CASE("detach and reattach keep the name") {
    FollowingAnAlias bench;
    CHECK(said(bench.run(detach(db(3), Policy{}))) == "");
    CHECK(bench.servers.at(db(3)).replication.source.hostname == std::string("//") + kAlias);
  }

  TEST_CASE("a name that is registered for a source goes before all others") {
    const FollowingAnAlias bench;
    const Topology fresh = bench.servers.records();
    ExecutorSettings settings;
    settings.written_name = [](const InstanceKey& source, SteadyPoint) -> Result<std::string> {
      return source == db(1) ? "vip" : source.hostname;
    };
    PointTo target;
    const auto name = [&](int source) {
      target.source = db(source);
      return *name_to_write(bench.servers.at(db(3)), target, fresh, settings, {});
    };
    CHECK(name(1) == "vip");
    CHECK(name(2) == "db2");
    settings.written_name = {};
    CHECK(name(1) == kAlias);
    target.written_name = "db1.example";
    CHECK(name(1) == "db1.example");
  }
}
