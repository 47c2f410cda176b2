#include <algorithm>

#include <doctest/doctest.h>

#include "core/json/json.h"
#include "tests/cmd/command/command_fixture.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch::cmd {

namespace {

using test::db;

/// A master and two replicas, known to the backend and alive.
struct Ward : CommandFixture {
  Ward() {
    config.recovery.recover_master_cluster_filters = {"*"};
    config.connection.replication_credentials_query = "select 1";
    add(test::writable(test::mysql(1, test::gtids("1-100"))));
    add(test::following(test::mysql(2, test::gtids("1-100")), 1));
    add(test::following(test::mysql(3, test::gtids("1-100")), 1));
    servers = &living;
  }

  void add(Instance instance) {
    instance.cluster_name = "db1:3306";
    living.add(instance);
    const storage::InstanceWrite write{&instance};
    REQUIRE(services().instances().save({&write, 1}));
  }
  Reply doctor(const std::string& cluster = "") {
    Services made = services();
    const Result<Reply> reply = find_command("doctor")->run(made, {.instance = cluster});
    REQUIRE_MESSAGE(reply.has_value(), storage::why(reply));
    return *reply;
  }
  /// The codes that JSON has, in its order.
  Lines codes(const Reply& reply) {
    Lines found;
    for (const Json& finding : Json::parse(reply.json))
      found.push_back(finding["Code"].get<std::string>());
    return found;
  }

  test::FakeServers living;
};

bool has(const Lines& lines, std::string_view line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_SUITE("cmd/command/doctor") {
  TEST_CASE_FIXTURE(Ward, "notices alone leave the exit code at 0") {
    const Reply reply = doctor("db1");
    CHECK(codes(reply) == Lines{"asynchronous"});
    CHECK_FALSE(reply.failed);
    CHECK(reply.text.starts_with("db1:3306: 3 servers, 0 critical, 0 warnings, 1 notices\n"));
  }

  TEST_CASE_FIXTURE(Ward, "servers are read now, and not believed by their records") {
    living.kill(db(1));
    living.set(db(2), [](Instance& instance) { instance.server.read_only = false; });
    const Reply reply = doctor();
    CHECK(reply.failed);
    CHECK(has(codes(reply), "not-reached"));
    CHECK(has(codes(reply), "writable-replica"));
    const Json first = Json::parse(reply.json)[0];
    CHECK(first["Severity"] == "critical");
    CHECK(first["ClusterName"] == "db1:3306");
    CHECK_FALSE(first["Remedy"].get<std::string>().empty());
  }

  TEST_CASE_FIXTURE(Ward, "discover keeps why a server could not be read, for analyze to tell") {
    living.kill(db(1));
    Services made = services();
    CHECK_FALSE(find_command("discover")->run(made, {.instance = "db1", .legacy = true}));
    const auto error = made.instances().find_error(db(1));
    REQUIRE(error);
    CHECK(error->has_value());
    clock.advance(std::chrono::seconds(5));
    CHECK(find_command("discover")->run(made, {.instance = "db2"}));
    CHECK(value("select checked_at from orch_instance_error where hostname = 'db1'") ==
          "2026-01-31 10:20:35");
  }

  TEST_CASE_FIXTURE(Ward, "what only the backend knows counts, too") {
    execute(R"(insert into candidate_database_instance
        (hostname, port, last_suggested, priority, promotion_rule)
        values ('db2', 3306, '2026-01-31 10:20:00', 1, 'must_not'),
               ('db3', 3306, '2026-01-31 10:20:00', 1, 'must_not'))");
    CHECK(has(codes(doctor()), "no-candidate"));
  }

  TEST_CASE_FIXTURE(Ward, "what is examined besides the probe is told") {
    living.set_examination(db(3), {.sync_binlog = 0});
    CHECK(has(codes(doctor()), "sync-binlog"));
  }

  TEST_CASE_FIXTURE(Ward, "hooks are looked for on this host") {
    config.recovery.processes_shell_command = "sh";
    config.recovery.post_failover_processes = {"sh -c true", "/nowhere/notify"};
    const Reply reply = doctor();
    CHECK(has(codes(reply), "hook-not-found"));
    CHECK(reply.text.find("PostFailoverProcesses begins with /nowhere/notify") !=
          std::string::npos);
    CHECK_FALSE(has(codes(reply), "no-shell"));
  }

  TEST_CASE_FIXTURE(Ward, "without a cluster there is nothing to look at") {
    execute("delete from database_instance");
    const Reply reply = doctor();
    CHECK(reply.json == "[]");
    CHECK_FALSE(reply.failed);
  }
}

}  // namespace orch::cmd
