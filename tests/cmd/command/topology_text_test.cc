#include "cmd/command/topology_text.h"

#include <algorithm>

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

Instance server(const std::string& host, const std::string& source, const std::string& version) {
  Instance instance;
  instance.key = {host, 3306};
  instance.server.version = version;
  instance.server.log_bin = true;
  instance.server.log_replica_updates = true;
  instance.server.binlog_format = "ROW";
  instance.server.read_only = !source.empty();
  instance.gtid.mode = "ON";
  instance.gtid.supports_oracle = true;
  instance.freshness = {
      .is_last_check_valid = true, .is_up_to_date = true, .is_recently_checked = true};
  instance.replication.lag = std::chrono::seconds(0);
  instance.replication.seconds_behind = std::chrono::seconds(0);
  if (source.empty()) return instance;
  instance.replication.configured = true;
  instance.replication.source = {source, 3306};
  instance.replication.read.log_file = "bin.000001";
  instance.replication.io_state = ThreadState::Running;
  instance.replication.sql_state = ThreadState::Running;
  instance.gtid.uses_oracle = true;
  return instance;
}

/// The example of the contract (cli document, 8.2).
std::vector<Instance> shop() {
  std::vector<Instance> members = {server("db-1", "", "8.4.3"), server("db-2", "db-1", "8.4.3"),
                                   server("db-3", "db-1", "8.0.36"),
                                   server("db-4", "db-2", "8.4.3")};
  members[2].alias = "dr";
  members[2].replication.io_state = ThreadState::Stopped;
  members[2].replication.sql_state = ThreadState::Stopped;
  members[2].replication.seconds_behind.reset();
  members[3].replication.lag = std::chrono::seconds(3);
  return members;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE("cmd/command/topology_text") {
  TEST_CASE("the plain tree is the contract's to the byte") {
    CHECK(contract_tree(Topology(shop()), {}) ==
          Lines{"db-1:3306        [0s,ok,8.4.3,rw,ROW,>>,GTID]",
                "+ db-2:3306      [0s,ok,8.4.3,ro,ROW,>>,GTID]",
                "  + db-4:3306    [3s,ok,8.4.3,ro,ROW,>>,GTID]",
                "- db-3:3306 (dr) [null,nonreplicating,8.0.36,ro,ROW,>>,GTID]"});
  }

  TEST_CASE("the tabulated tree pads every column, the last one too") {
    std::vector<Instance> members = {server("db-1", "", "8.4.3"), server("db-2", "db-1", "8.0.36")};
    members[1].server.log_bin = false;
    members[1].server.log_replica_updates = false;
    members[1].gtid = {};
    members[1].replication.lag = std::chrono::seconds(5);
    CHECK(contract_tree(Topology(members), {.form = TreeForm::Tabulated}) ==
          Lines{"db-1:3306  |0s|ok|8.4.3 |rw|ROW     |>>,GTID",
                "+ db-2:3306|5s|ok|8.0.36|ro|nobinlog|       "});
  }

  TEST_CASE("tags come behind the description, empty brackets for none") {
    const std::vector<Instance> members = {server("db-1", "", "8.4.3"),
                                           server("db-2", "db-1", "8.4.3"),
                                           server("db-3", "db-1", "8.4.3")};
    TreeOptions options{.form = TreeForm::Tags};
    options.tags[{"db-1", 3306}] = {"role=main"};
    options.tags[{"db-2", 3306}] = {"backup", "role=spare"};
    CHECK(contract_tree(Topology(members), options) ==
          Lines{"db-1:3306   [0s,ok,8.4.3,rw,ROW,>>,GTID] [role=main]",
                "+ db-2:3306 [0s,ok,8.4.3,ro,ROW,>>,GTID] [backup,role=spare]",
                "+ db-3:3306 [0s,ok,8.4.3,ro,ROW,>>,GTID] []"});
  }

  TEST_CASE("people see GTID at a MariaDB server only where its replication goes by it") {
    for (const bool by_gtid : {false, true}) {
      std::vector<Instance> members = {server("a", "", "10.11.6-MariaDB"),
                                       server("b", "a", "10.11.6-MariaDB")};
      for (Instance& member : members)
        member.gtid = {};
      members[1].gtid.uses_mariadb = by_gtid;
      const std::string text = people_tree("a:3306", "shop", Topology(members), {}, false);
      CHECK((text.find("GTID") != std::string::npos) == by_gtid);
      CHECK((text.find("file:pos") != std::string::npos) != by_gtid);
    }
  }

  TEST_CASE("a replica of several sources is no replica without problems") {
    std::vector<Instance> members = {server("a", "", "8.4.3"), server("b", "a", "8.4.3")};
    members[1].replication.channels = 1;
    CHECK(people_tree("a:3306", "", Topology(members), {}, false).find("no problem") !=
          std::string::npos);
    members[1].replication.channels = 2;
    const std::string text = people_tree("a:3306", "", Topology(members), {}, false);
    CHECK(text.find("1 with problems") != std::string::npos);
    CHECK(text.find("! replicates from 2 sources") != std::string::npos);
  }

  TEST_CASE("co-masters are drawn as two top entries with their own replicas") {
    std::vector<Instance> members = {server("a", "b", "8.4.3"), server("b", "a", "8.4.3"),
                                     server("c", "b", "8.4.3")};
    members[0].is_co_master = members[1].is_co_master = true;
    CHECK(contract_tree(Topology(members), {.form = TreeForm::NamesOnly}) ==
          Lines{"- a:3306", "- b:3306", "  - c:3306"});
  }

  TEST_CASE("of several roots the contract draws the last, people see all") {
    const std::vector<Instance> members = {server("a", "", "8.4.3"), server("b", "", "8.4.3"),
                                           server("c", "b", "8.4.3")};
    CHECK(contract_tree(Topology(members), {.form = TreeForm::NamesOnly}) ==
          Lines{"b:3306", "- c:3306"});
    const std::string text = people_tree("a:3306", "shop", Topology(members), {}, false);
    CHECK(text.find("shop (a:3306)  3 servers, no problem") == 0);
    CHECK(text.find("\na:3306") != std::string::npos);
    CHECK(text.find("└─ c:3306") != std::string::npos);
  }

  TEST_CASE("a circle of three is drawn once and ends") {
    const std::vector<Instance> members = {server("a", "c", "8.4.3"), server("b", "a", "8.4.3"),
                                           server("c", "b", "8.4.3")};
    const std::string text = people_tree("a:3306", "", Topology(members), {}, false);
    CHECK(text.find("3 servers") != std::string::npos);
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
  }

  TEST_CASE("the double dagger of a group secondary counts as one character in columns") {
    std::vector<Instance> members = {server("a", "", "8.4.3"), server("b", "", "8.4.3")};
    for (Instance& member : members) {
      member.group = {.name = "g", .state = "ONLINE", .role = "SECONDARY", .primary = {"a", 3306}};
    }
    members[0].group.role = "PRIMARY";
    CHECK(contract_tree(Topology(members), {}) == Lines{"a:3306     [0s,ok,8.4.3,rw,ROW,>>,GTID]",
                                                        "‡ b:3306 [0s,ok,8.4.3,rw,ROW,>>,GTID]"});
    CHECK(contract_tree(Topology(members), {.form = TreeForm::Tabulated}) ==
          Lines{"a:3306    |0s|ok|8.4.3|rw|ROW|>>,GTID", "‡ b:3306  |0s|ok|8.4.3|rw|ROW|>>,GTID"});
  }

  TEST_CASE("a replica that takes writes or filters shows, a co-primary that does not") {
    std::vector<Instance> members = {server("a", "", "8.4.3"), server("b", "a", "8.4.3"),
                                     server("c", "a", "8.4.3")};
    members[1].server.read_only = false;
    members[2].replication.has_filters = true;
    const std::string text = people_tree("a:3306", "", Topology(members), {}, false);
    CHECK(text.find("2 with problems") != std::string::npos);
    CHECK(text.find("! a replica that takes writes\n") != std::string::npos);
    CHECK(text.find("! filters what it replicates\n") != std::string::npos);
    members[1].is_co_master = true;
    members[2].replication.has_filters = false;
    members[2].incomplete = "b:3306";
    CHECK(people_tree("a:3306", "", Topology(members), {}, false)
              .find("! may lack what b:3306 left out\n") != std::string::npos);
    members[2].incomplete.clear();
    CHECK(people_tree("a:3306", "", Topology(members), {}, false).find("no problem") !=
          std::string::npos);
  }

  TEST_CASE("what is wrong is said in words, without control characters") {
    std::vector<Instance> members = shop();
    members[2].replication.last_io_error = "error connecting to \x1B[31mmaster\nsecond line";
    const std::string text = people_tree("db-1:3306", "", Topology(members), {}, false);
    CHECK(text.find("! not replicating: error connecting to ?[31mmaster\n") != std::string::npos);
    CHECK(text.find("1 with problems") != std::string::npos);
  }
}

}  // namespace orch::cmd
