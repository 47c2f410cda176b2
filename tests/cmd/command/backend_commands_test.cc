#include <doctest/doctest.h>

#include "core/json/json.h"
#include "storage/quarantine_store.h"
#include "tests/cmd/command/command_fixture.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch::cmd {

namespace {

/// A third party's fixture: a master, an intermediate master, two replicas; and a lonely server.
constexpr std::string_view kShop = R"(
insert into database_instance (hostname, port, last_checked, last_attempted_check,
    last_check_partial_success, last_seen, server_id, version, binlog_format, log_bin,
    log_slave_updates, binary_log_file, binary_log_pos, master_host, master_port,
    slave_sql_running, slave_io_running, replication_sql_thread_state,
    replication_io_thread_state, master_log_file, read_master_log_pos, relay_master_log_file,
    exec_master_log_pos, num_slave_hosts, slave_hosts, cluster_name, suggested_cluster_alias,
    replication_depth, read_only, seconds_behind_master, slave_lag_seconds, major_version)
values
 ('db-1', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 1, '8.0.36',
  'ROW', 1, 1, 'bin.000009', 500, '', 0, 0, 0, -1, -1, '', 0, '', 0, 2,
  '[{\"Hostname\":\"db-2\",\"Port\":3306},{\"Hostname\":\"db-3\",\"Port\":3306}]', 'db-1:3306',
  'shop', 0, 0, null, null, '8.0'),
 ('db-2', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 2, '8.0.36',
  'ROW', 1, 1, 'bin.000002', 4, 'db-1', 3306, 1, 1, 1, 1, 'bin.000009', 500, 'bin.000009', 500, 1,
  '[]', 'db-1:3306', 'shop', 1, 1, 0, 0, '8.0'),
 ('db-3', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 3, '8.0.36',
  'ROW', 1, 1, 'bin.000002', 4, 'db-1', 3306, 0, 0, 0, 0, 'bin.000009', 500, 'bin.000009', 400, 0,
  '[]', 'db-1:3306', 'shop', 1, 1, null, null, '8.0'),
 ('db-4', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 4, '8.0.36',
  'ROW', 1, 1, 'bin.000002', 4, 'db-2', 3306, 1, 1, 1, 1, 'bin.000002', 4, 'bin.000002', 4, 0,
  '[]', 'db-1:3306', 'shop', 2, 1, 7, 7, '8.0'),
 ('other', 3307, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, null, 5, '5.7.44', 'STATEMENT', 0, 0,
  '', 0, '', 0, 0, 0, -1, -1, '', 0, '', 0, 0, '[]', 'other:3307', '', 0, 0, null, null, '5.7');
insert into cluster_alias (cluster_name, alias, last_registered)
values ('db-1:3306', 'shop', '2026-01-31 10:20:29');
insert into cluster_domain_name (cluster_name, domain_name, last_registered)
values ('db-1:3306', 'shop.example', '2026-01-31 10:20:29');
)";

struct Shop : CommandFixture {
  Shop() { execute(kShop); }
};

}  // namespace

TEST_SUITE("cmd/command/selection") {
  TEST_CASE("gh-ost reads from replicas with row images of their own, leaves first") {
    Shop shop;
    shop.execute(R"(update database_instance
        set slave_hosts = '[{"Hostname":"db-4","Port":3306}]' where hostname = 'db-2')");
    CHECK(shop.lines("which-cluster-gh-ost-replicas", {.alias = "shop"}) ==
          Lines{"db-3:3306", "db-4:3306", "db-2:3306"});
    shop.execute("update database_instance set log_slave_updates = 0 where hostname = 'db-3'");
    shop.execute("update database_instance set binlog_format = 'MIXED' where hostname = 'db-4'");
    CHECK(shop.lines("which-cluster-gh-ost-slaves", {.alias = "shop"}) == Lines{"db-2:3306"});
  }

  TEST_CASE("a candidate is to replace a promoted server that is none") {
    Shop shop;
    const Args args{.instance = "db-1:3306", .destination = "db-2:3306"};
    CHECK(shop.lines("internal-suggest-promoted-replacement", args) == Lines{"db-2:3306"});
    shop.execute(R"(
        update database_instance set master_host = 'db-2' where hostname = 'db-3';
        insert into candidate_database_instance (hostname, port, last_suggested, promotion_rule)
        values ('db-4', 3306, '2026-01-31 10:20:29', 'prefer'))");
    CHECK(shop.lines("internal-suggest-promoted-replacement", args) == Lines{"db-4:3306"});
  }
}

TEST_SUITE("cmd/command/meta") {
  TEST_CASE("the processes that were heard of lately are listed by host") {
    CommandFixture fixture;
    fixture.execute(R"(
        insert into node_health (hostname, token, last_seen_active, first_seen_active, app_version)
        values ('b', 't2', '2026-01-31 10:20:30', '2026-01-31 10:20:00', ''),
               ('a', 't1', '2026-01-31 10:20:29', '2026-01-31 10:20:00', ''),
               ('gone', 't0', '2026-01-31 10:19:30', '2026-01-31 10:20:00', ''))");
    CHECK(fixture.lines("active-nodes") == Lines{"a:t1", "b:t2"});
  }
}

TEST_SUITE("cmd/command/information") {
  TEST_CASE("a known IPv6 instance is found by the name that orch prints for it") {
    Shop shop;
    shop.execute("update database_instance set hostname = '2001:db8::7' where hostname = 'db-3'");
    CHECK(shop.lines("which-instance", {.instance = "[2001:db8::7]:3306"}) ==
          Lines{"2001:db8::7:3306"});
    CHECK(shop.lines("which-instance", {.instance = "2001:db8::7:3306"}) ==
          Lines{"2001:db8::7:3306"});
    CHECK(shop.lines("which-instance", {.instance = "2001:db8::7"}) == Lines{"2001:db8::7:3306"});
    CHECK(shop.lines("which-master", {.instance = "2001:db8::7:3306"}) == Lines{"db-1:3306"});
    CHECK(
        shop.lines("which-master", {.instance = "2001:db8::8:3306"}).front().starts_with("error"));
    CHECK(shop.lines("forget", {.instance = "2001:db8::7:3306"}) == Lines{"2001:db8::7:3306"});
  }

  TEST_CASE("a typed host name becomes the one that HostnameResolveMethod gives the host") {
    Shop shop;
    shop.execute("update database_instance set hostname = '127.0.0.1' where hostname = 'db-3'");
    shop.config.discovery.hostname_resolve_method = "ip";
    const auto found = [&shop](const std::string& text) {
      return shop.lines("which-instance", {.instance = text});
    };
    SUBCASE("an address; what the backend remembers is not asked for again") {
      CHECK(found("localhost") == Lines{"127.0.0.1:3306"});
      CHECK(shop.lines("show-resolve-hosts") == Lines{"localhost 127.0.0.1"});
      shop.execute("update hostname_resolve set resolved_hostname = 'db-2'");
      CHECK(found("localhost") == Lines{"db-2:3306"});
    }
    SUBCASE("an address that the backend remembers by a name") {
      shop.execute("insert into hostname_resolve values ('192.0.2.7', 'db-2', '2026-01-31')");
      CHECK(found("192.0.2.7") == Lines{"db-2:3306"});
      CHECK(shop.lines("which-master", {.instance = "192.0.2.7"}) == Lines{"db-1:3306"});
      shop.config.discovery.hostname_resolve_method = "none";
      CHECK(found("192.0.2.7") == Lines{"error: Instance not found: 192.0.2.7:3306"});
    }
    SUBCASE("not one that is rejected") {
      shop.config.discovery.reject_hostname_resolve_pattern = "^127";
      CHECK(found("localhost") == Lines{"error: Instance not found: localhost:3306"});
    }
    SUBCASE("a part of an address is no address") {
      CHECK(found("127") == Lines{"127.0.0.1:3306"});
      CHECK(shop.lines("show-resolve-hosts") == Lines{});
    }
    SUBCASE("a name by which a server is known stays") {
      shop.execute("update database_instance set hostname = 'localhost' where hostname = 'db-4'");
      CHECK(found("localhost") == Lines{"localhost:3306"});
    }
  }

  TEST_CASE("in a typed name '%' stands for any characters") {
    Shop shop;
    CHECK(shop.lines("which-instance", {.instance = "o%er:3307"}) == Lines{"other:3307"});
    CHECK(shop.lines("which-cluster", {.instance = "d%4"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("can-replicate-from", {.instance = "d%4", .destination = "d%3"}) ==
          shop.lines("can-replicate-from", {.instance = "db-4", .destination = "db-3"}));
    CHECK(shop.lines("which-cluster", {.instance = "%"}) == Lines{""});
    for (const char* text : {"db%:3306", "nobody%:3306"}) {
      const std::string refused = std::string("error: Instance not found: ") + text;
      CHECK(shop.lines("which-instance", {.instance = text}) == Lines{refused});
      CHECK(shop.lines("begin-downtime", {.instance = text, .owner = "me", .reason = "x"}) ==
            Lines{refused});
      CHECK(shop.lines("discover", {.instance = text}) == Lines{refused});
    }
  }

  TEST_CASE("an alias of two clusters is refused by a verb, and names the first of them for -c") {
    Shop shop;
    shop.config.classification.cluster_name_to_alias = {{"^other", "shop"}};
    CHECK(shop.lines("which-cluster", {.alias = "shop"}) == Lines{"db-1:3306"});
    Services services = shop.services();
    const auto reply = find_command("topology")->run(services, {.instance = "shop"});
    REQUIRE_FALSE(reply);
    CHECK(reply.error().kind == ErrorKind::InvalidInput);
    CHECK(reply.error().message ==
          "shop is the alias of several clusters: db-1:3306, other:3307; give a cluster's name");
    CHECK(find_command("topology")->run(services, {.instance = "other:3307"}).has_value());
  }

  TEST_CASE("what changes something by an alias that two clusters claim is refused") {
    Shop shop;
    shop.execute(R"(
        update database_instance set suggested_cluster_alias = 'shop';
        update database_instance set cluster_name = 'other:3307', hostname = 'other-2'
         where hostname = 'db-4')");
    const Lines refused = {
        "error: shop is the alias of several clusters: db-1:3306, other:3307; give a cluster's "
        "name"};
    for (const char* command : {"force-master-failover", "graceful-master-takeover",
                                "forget-cluster", "ack-cluster-recoveries", "set-cluster-alias",
                                "submit-masters-to-kv-stores", "set-heuristic-domain-instance"}) {
      CAPTURE(command);
      CHECK(shop.lines(command, {.reason = "x", .alias = "shop", .hostname = "y"}) == refused);
    }
    CHECK(shop.lines("which-cluster", {.alias = "shop"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("set-cluster-alias", {.alias = "other:3307", .hostname = "y"}) == Lines{"y"});
  }

  TEST_CASE("clusters, aliases and masters") {
    Shop shop;
    CHECK(shop.lines("clusters") == Lines{"db-1:3306", "other:3307"});
    CHECK(shop.lines("clusters-alias") == Lines{"db-1:3306\tshop", "other:3307\tother:3307"});
    CHECK(shop.lines("all-clusters-masters") == Lines{"db-1:3306", "other:3307"});
    CHECK(shop.lines("which-cluster", {.instance = "db-4"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("which-cluster", {.instance = "b-4:3306"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("which-cluster", {.alias = "shop"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("which-cluster", {.instance = "nowhere"}) == Lines{""});
    CHECK(shop.lines("which-cluster-alias", {.instance = "db-2"}) == Lines{"shop"});
    CHECK(shop.lines("which-cluster-domain", {.instance = "db-2"}) == Lines{"shop.example"});
    CHECK(shop.lines("which-cluster-domain", {.instance = "other:3307"}) == Lines{""});
    CHECK(shop.lines("which-cluster-alias", {.instance = "nowhere"}) ==
          Lines{"error: No cluster info found for "});
    CHECK(shop.lines("which-cluster-master", {.instance = "db-4"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("which-cluster-instances", {.alias = "shop"}) ==
          Lines{"db-1:3306", "db-2:3306", "db-3:3306", "db-4:3306"});
    CHECK(shop.lines("get-cluster-heuristic-lag", {.alias = "shop"}) == Lines{"0"});
  }

  TEST_CASE("clusters are listed whatever the filters for recovery look like") {
    Shop shop;
    const auto recovered = [&shop](std::string_view key) {
      const Result<Reply> reply = shop.run("clusters", {});
      REQUIRE(reply);
      return Json::parse(reply->json)[0][std::string(key)].get<bool>();
    };
    shop.config.recovery.recover_master_cluster_filters = {"alias=shop"};
    shop.config.recovery.recover_intermediate_master_cluster_filters = {"alias~=("};
    CHECK(recovered("HasAutomatedMasterRecovery"));
    CHECK_FALSE(recovered("HasAutomatedIntermediateMasterRecovery"));
    shop.config.recovery.recover_master_cluster_filters = {"*", "alias~=("};
    CHECK_FALSE(recovered("HasAutomatedMasterRecovery"));
    CHECK(shop.lines("clusters-alias").size() == 2);
  }

  TEST_CASE("an empty backend answers with one empty line where the contract says so") {
    CommandFixture empty;
    CHECK(empty.lines("clusters") == Lines{""});
    CHECK(empty.lines("bulk-instances") == Lines{""});
    CHECK(empty.lines("bulk-promotion-rules") == Lines{""});
    CHECK(empty.lines("topology", {.instance = "nowhere"}) == Lines{""});
    CHECK(empty.lines("all-instances") == Lines{});
  }

  TEST_CASE("find, search and the order of importance") {
    Shop shop;
    CHECK(shop.lines("find", {.pattern = "db-[24]:"}) == Lines{"db-2:3306", "db-4:3306"});
    CHECK(shop.lines("search", {.pattern = " 3307 "}) == Lines{"other:3307"});
    CHECK(shop.lines("search", {.pattern = "5.7"}) == Lines{"other:3307"});
    CHECK(shop.lines("all-instances") ==
          Lines{"db-1:3306", "other:3307", "db-2:3306", "db-3:3306", "db-4:3306"});
    CHECK(shop.lines("find", {.pattern = "("})[0].find("error: invalid regular expression") == 0);
    CHECK(shop.lines("find") == Lines{"error: No pattern given"});
  }

  TEST_CASE("one instance's links") {
    Shop shop;
    CHECK(shop.lines("which-instance", {.instance = "b-3"}) == Lines{"db-3:3306"});
    CHECK(shop.lines("which-instance", {.instance = "db-9"}) ==
          Lines{"error: Instance not found: db-9:3306"});
    CHECK(shop.lines("which-master", {.instance = "db-4"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("which-master", {.instance = "db-1"}) == Lines{});
    CHECK(shop.lines("which-replicas", {.instance = "db-1"}) == Lines{"db-2:3306", "db-3:3306"});
    CHECK(shop.lines("is-replicating", {.instance = "db-2"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("is-replicating", {.instance = "db-3"}) == Lines{});
    CHECK(shop.lines("is-replication-stopped", {.instance = "db-3"}) == Lines{"db-3:3306"});
    CHECK(shop.lines("is-replication-stopped", {.instance = "db-1"}) == Lines{});
    CHECK(shop.lines("instance-status", {.instance = "db-4"}) == Lines{"[7s,ok,8.0.36,ro,ROW,>>]"});
    CHECK(shop.lines("instance-status", {.instance = "other:3307"}) ==
          Lines{"[unknown,invalid,5.7.44,rw,nobinlog]"});
    CHECK(shop.lines("get-candidate-replica", {.instance = "db-1"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("get-candidate-replica", {.instance = "db-4"}) ==
          Lines{"error: No replicas found for db-4:3306"});
  }

  TEST_CASE("can-replicate-from answers with the destination or not at all") {
    Shop shop;
    CHECK(shop.lines("can-replicate-from", {.instance = "db-2", .destination = "db-1"}) ==
          Lines{"db-1:3306"});
    CHECK(shop.lines("can-replicate-from", {.instance = "db-2", .destination = "other:3307"}) ==
          Lines{});
    CHECK(shop.lines("can-replicate-from", {.instance = "db-2"}) ==
          Lines{"error: Cannot deduce destination: "});
  }

  TEST_CASE("the verb's JSON is the API's object") {
    Shop shop;
    const auto reply = shop.run("which-replicas", {.instance = "db-1"});
    REQUIRE(reply);
    const Json json = Json::parse(reply->json);
    REQUIRE(json.size() == 2);
    CHECK(json[0].size() == 102);
    CHECK(json[0]["Key"]["Hostname"] == "db-2");
    CHECK(json[1]["Problems"] == Json::array({"not_replicating"}));
  }
}

TEST_SUITE("cmd/command/topology") {
  TEST_CASE("moves of many answer with one object, also where there is nobody to move") {
    Shop shop;
    for (const char* name :
         {"relocate-replicas", "move-replicas-gtid", "match-replicas", "move-up-replicas",
          "match-up-replicas", "repoint-replicas", "regroup-replicas", "regroup-replicas-gtid",
          "regroup-replicas-pgtid"}) {
      CAPTURE(std::string(name));
      const auto reply = shop.run(name, {.instance = "db-3", .destination = "db-1"});
      REQUIRE(reply);
      CHECK(reply->lines.empty());
      CHECK(
          Json::parse(reply->json) ==
          Json({{"Moved", Json::array()}, {"NotMoved", Json::array()}, {"Notes", Json::array()}}));
    }
  }

  TEST_CASE("a move says which of its two servers it does not know") {
    Shop shop;
    CHECK(shop.lines("relocate", {.instance = "nix", .destination = "db-1"}) ==
          Lines{"error: Error reading nix:3306: Instance not found: nix:3306"});
    CHECK(shop.lines("relocate-replicas", {.instance = "db-1", .destination = "nix"}) ==
          Lines{"error: Error reading nix:3306: Instance not found: nix:3306"});
    CHECK(shop.lines("move-below", {.instance = "db-2", .destination = "a:b"}) ==
          Lines{"error: Cannot deduce destination/sibling: a:b"});
    CHECK(shop.lines("relocate", {.instance = "db-2"}) ==
          Lines{"error: Cannot deduce destination: "});
  }

  TEST_CASE("the tree of a fixture is the contract's") {
    Shop shop;
    CHECK(shop.lines("topology", {.alias = "shop"}) ==
          Lines{"db-1:3306     [0s,ok,8.0.36,rw,ROW,>>]", "+ db-2:3306   [0s,ok,8.0.36,ro,ROW,>>]",
                "  + db-4:3306 [7s,ok,8.0.36,ro,ROW,>>]",
                "- db-3:3306   [null,nonreplicating,8.0.36,ro,ROW,>>]"});
  }

  TEST_CASE("a snapshot is drawn by its time") {
    Shop shop;
    CHECK(shop.lines("snapshot-topologies") == Lines{});
    CHECK(shop.lines("topology", {.pattern = "1769854830", .alias = "shop"}) ==
          Lines{"db-1:3306", "- db-2:3306", "  - db-4:3306", "- db-3:3306"});
    CHECK(shop.lines("topology", {.pattern = "17", .alias = "shop"}) == Lines{""});
  }
}

TEST_SUITE("cmd/command/tag") {
  TEST_CASE("tags are set, listed, searched and removed") {
    Shop shop;
    CHECK(shop.lines("tag", {.instance = "db-2", .tag = "role=backup"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("tag", {.instance = "db-2", .tag = "old"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("tag", {.instance = "db-3", .tag = "role=spare"}) == Lines{"db-3:3306"});
    CHECK(shop.lines("tags", {.instance = "db-2"}) == Lines{"old=", "role=backup"});
    CHECK(shop.lines("tag-value", {.instance = "db-2", .tag = "role"}) == Lines{"backup"});
    CHECK(shop.lines("tag-value", {.instance = "db-2", .tag = "old"}) == Lines{""});
    CHECK(shop.lines("tag-value", {.instance = "db-2", .tag = "none"}) == Lines{});
    CHECK(shop.lines("tagged", {.tag = "role"}) == Lines{"db-2:3306", "db-3:3306"});
    CHECK(shop.lines("tagged", {.tag = "role,~old"}) == Lines{"db-3:3306"});
    CHECK(shop.lines("untag", {.instance = "db-2", .tag = "role=spare"}) == Lines{});
    CHECK(shop.lines("untag", {.instance = "db-2", .tag = "~role"}) ==
          Lines{"error: Untag: does not support negation"});
    CHECK(shop.lines("untag-all", {.tag = "role=backup"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("untag-all", {.tag = "role"})[0].find(
              "error: Untag: either indicate an instance or a tag value.") == 0);
    const Json members =
        Json::parse(shop.verb("topology-tags", {.alias = "shop"}).json)["Instances"];
    CHECK(members[1]["Tags"] == Json({"old"}));
    CHECK(members[0]["Tags"] == Json::array());
    CHECK(shop.lines("topology-tags", {.alias = "shop"})[1] ==
          "+ db-2:3306   [0s,ok,8.0.36,ro,ROW,>>] [old]");
  }
}

TEST_SUITE("cmd/command/replication") {
  TEST_CASE("statements for MariaDB name the connection, where it has a name") {
    for (const std::string channel : {"", "east"}) {
      test::FakeServers living;
      Instance replica = test::following(test::mariadb(2, "0-1-100"), 1);
      replica.replication.channel = channel;
      living.add(test::writable(test::mariadb(1, "0-1-100")));
      living.add(replica);
      CommandFixture fixture;
      fixture.servers = &living;
      const std::string word = channel.empty() ? "slave" : "slave 'east'";
      CHECK(
          fixture.lines("restart-replica-statements",
                        {.instance = "db2", .statement = "change master 'east' to master_ssl=1"}) ==
          Lines{"stop " + word + " io_thread;", "stop " + word + " sql_thread;",
                "change master 'east' to master_ssl=1;", "start " + word + " sql_thread;",
                "start " + word + " io_thread;"});
    }
  }
}

TEST_SUITE("cmd/command/names") {
  TEST_CASE("a name is refused that its column cannot hold, or that breaks rows") {
    Shop shop;
    const std::string fits = std::string(126, 'x') + "\u00e4\u00e4";  // 128 characters
    for (const std::string& bad :
         {std::string(100'000, 'x'), fits + "x", std::string("a\tb"), std::string("a\nb")}) {
      CAPTURE(bad.substr(0, 140));
      const auto refused = [&](const char* command, Args args) {
        args.instance = "db-2";
        const auto reply = shop.run(command, std::move(args));
        return !reply && reply.error().kind == ErrorKind::InvalidInput &&
               reply.error().message.size() < 200;
      };
      CHECK(refused("submit-pool-instances", {.pool = bad}));
      CHECK(refused("set-cluster-alias", {.hostname = bad}));
      CHECK(refused("tag", {.tag = bad}));
      CHECK(refused("tag", {.tag = "role=" + bad}));
      CHECK(refused("begin-downtime", {.owner = bad, .reason = "test"}));
      CHECK(refused("register-hostname-unresolve", {.hostname = bad}));
    }
    CHECK(shop.lines("cluster-pool-instances") == Lines{});
    CHECK(shop.lines("tags", {.instance = "db-2"}) == Lines{});
    CHECK(shop.lines("set-cluster-alias", {.instance = "db-2", .hostname = fits}) == Lines{fits});
  }
}

TEST_SUITE("cmd/command/pool") {
  TEST_CASE("a pool is replaced as a whole, or left as it was") {
    Shop shop;
    CHECK(shop.lines("submit-pool-instances", {.instance = "b-2,db-3:3306", .pool = "web"}) ==
          Lines{});
    CHECK(shop.lines("cluster-pool-instances") ==
          Lines{"db-1:3306\tshop\tweb\tdb-2:3306", "db-1:3306\tshop\tweb\tdb-3:3306"});
    CHECK(shop.lines("submit-pool-instances", {.instance = "db-4,a:b:c", .pool = "web"})[0].find(
              "error: 'a:b:c'") == 0);
    CHECK(shop.lines("cluster-pool-instances").size() == 2);
    CHECK(shop.lines("which-heuristic-cluster-pool-instances", {.alias = "shop", .pool = "web"}) ==
          Lines{"db-2:3306", "db-3:3306"});
    CHECK(shop.lines("submit-pool-instances", {.pool = "web"}) == Lines{});
    CHECK(shop.lines("cluster-pool-instances") == Lines{});
    CHECK(shop.lines("submit-pool-instances", {.instance = "db-2"}) ==
          Lines{"error: Please submit --pool"});
  }
}

TEST_SUITE("cmd/command/management") {
  TEST_CASE("maintenance is a lock that one holder has") {
    Shop shop;
    CHECK(shop.lines("begin-maintenance", {.instance = "db-2"}) ==
          Lines{"error: --reason option required"});
    CHECK(shop.lines("begin-maintenance", {.instance = "db-2", .reason = "disk"}) ==
          Lines{"db-2:3306"});
    CHECK(shop.lines("in-maintenance", {.instance = "db-2"}) == Lines{"db-2:3306"});
    const auto again = shop.run("begin-maintenance", {.instance = "db-2", .reason = "me too"});
    REQUIRE_FALSE(again);
    CHECK(again.error().kind == ErrorKind::Conflict);
    CHECK(again.error().message ==
          "Cannot begin maintenance for instance: db-2:3306; maintenance reason: me too");
    CHECK(shop.lines("end-maintenance", {.instance = "db-2"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("in-maintenance", {.instance = "db-2"}) == Lines{});
  }

  TEST_CASE("a downtime shows until it ends, also for a server nobody knows") {
    Shop shop;
    CHECK(shop.lines("begin-downtime", {.instance = "db-2", .reason = "r", .duration = "1x"}) ==
          Lines{"error: Cannot parse simple time: 1x"});
    CHECK(shop.lines("begin-downtime", {.instance = "db-2", .reason = "r", .duration = "1h"}) ==
          Lines{"db-2:3306"});
    CHECK(shop.lines("which-downtimed-instances", {.alias = "shop"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("which-lost-in-recovery") == Lines{});
    CHECK(shop.lines("topology", {.alias = "shop"})[1] ==
          "+ db-2:3306   [0s,ok,8.0.36,ro,ROW,>>,downtimed]");
    shop.clock.advance(std::chrono::hours(2));
    CHECK(shop.lines("which-downtimed-instances", {.alias = "shop"}) == Lines{});
    CHECK(shop.lines("begin-downtime", {.instance = "new:1", .reason = "r"}) == Lines{"new:1"});
    CHECK(shop.lines("end-downtime", {.instance = "new:1"}) == Lines{"new:1"});
  }

  TEST_CASE("a downtime of no time at all is one of ten minutes") {
    Shop shop;
    shop.lines("begin-downtime", {.instance = "db-2", .reason = "r", .duration = "0m"});
    shop.clock.advance(std::chrono::minutes(9));
    CHECK(shop.lines("which-downtimed-instances", {.alias = "shop"}) == Lines{"db-2:3306"});
    shop.clock.advance(std::chrono::minutes(2));
    CHECK(shop.lines("which-downtimed-instances", {.alias = "shop"}) == Lines{});
  }

  TEST_CASE("forgetting needs a name and a record") {
    Shop shop;
    CHECK(shop.lines("forget") == Lines{"error: Cannot deduce instance: "});
    CHECK(shop.lines("forget", {.instance = "db-9"}) ==
          Lines{"error: ForgetInstance(): instance db-9:3306 not found"});
    CHECK(shop.lines("forget", {.instance = "db-4"}) == Lines{"db-4:3306"});
    CHECK(shop.lines("which-replicas", {.instance = "db-2"}) == Lines{});
    CHECK(shop.lines("forget-cluster", {.alias = "shop"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("clusters") == Lines{"other:3307"});
  }

  TEST_CASE("candidates and virtual names are stored by instance") {
    Shop shop;
    CHECK(shop.lines("register-candidate", {.instance = "db-2"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("bulk-promotion-rules") == Lines{"db-2:3306 prefer"});
    CHECK(shop.verb("bulk-promotion-rules", {}).json ==
          R"([{"Hostname":"db-2","Port":3306,"PromotionRule":"prefer",)"
          R"("LastSuggestedString":"2026-01-31 10:20:30",)"
          R"("PromotionRuleExpiry":"2026-01-31 11:20:30"}])");
    CHECK(shop.lines("register-hostname-unresolve", {.instance = "db-2", .hostname = "vip"}) ==
          Lines{"db-2:3306"});
    CHECK(shop.lines("show-unresolve-hosts") == Lines{"db-2 vip"});
    CHECK(shop.lines("deregister-hostname-unresolve", {.instance = "db-2"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("show-unresolve-hosts") == Lines{});
  }
}

TEST_SUITE("cmd/command/cluster") {
  TEST_CASE("the writer of a domain is stored and found again") {
    Shop shop;
    CHECK(shop.lines("which-heuristic-domain-instance", {.alias = "shop"})[0].find(
              "error: no writer") == 0);
    CHECK(shop.lines("set-heuristic-domain-instance", {.alias = "shop"}) == Lines{"db-1:3306"});
    CHECK(shop.lines("which-heuristic-domain-instance", {.alias = "shop"}) == Lines{"db-1:3306"});
    CHECK(Json::parse(shop.verb("set-heuristic-domain-instance", {.alias = "shop"}).json) ==
          Json{{"Hostname", "db-1"}, {"Port", 3306}});
    CHECK(shop.lines("set-heuristic-domain-instance", {.instance = "other:3307"}) ==
          Lines{"error: Cannot find domain name for cluster other:3307"});
  }
}

TEST_SUITE("cmd/command/kv") {
  TEST_CASE("a master is written as five pairs in the contract's order") {
    Shop shop;
    shop.config.kv.kv_cluster_master_prefix = "mysql/master/";
    shop.execute(
        "update database_instance set hostname = '127.0.0.1', cluster_name = '127.0.0.1:3306' "
        "where "
        "hostname = 'db-1'");
    const Lines lines = shop.lines("submit-masters-to-kv-stores", {.instance = "127.0.0.1:3306"});
    CHECK(lines == Lines{"mysql/master/127.0.0.1:3306:127.0.0.1:3306",
                         "mysql/master/127.0.0.1:3306/hostname:127.0.0.1",
                         "mysql/master/127.0.0.1:3306/port:3306",
                         "mysql/master/127.0.0.1:3306/ipv4:127.0.0.1",
                         "mysql/master/127.0.0.1:3306/ipv6:"});
    CHECK(shop.value("select store_value from kv_store where store_key = "
                     "'mysql/master/127.0.0.1:3306/port'") == "3306");
  }
}

TEST_SUITE("cmd/command/kv") {
  TEST_CASE("a former master that takes writes again is not told to the stores (REC-48)") {
    Shop shop;
    shop.config.kv.kv_cluster_master_prefix = "mysql/master/";
    const auto told = [&] {
      return shop.lines("submit-masters-to-kv-stores", {.instance = "db-1"});
    };
    const auto replaced = [&](std::uint32_t id, const InstanceKey& by) {
      REQUIRE(storage::QuarantineStore(shop.database(), shop.clock)
                  .save({.key = {"db-1", 3306}, .server_id = id, .successor = by}));
    };
    replaced(1, {"other", 3307});
    CHECK(told() == Lines{});
    CHECK(shop.value("select count(*) from kv_store") == "0");
    replaced(77, {"other", 3307});  // that was another server of its name
    CHECK(told().front() == "mysql/master/shop:db-1:3306");
    replaced(1, {"db-9", 3306});  // which takes no writes any more
    CHECK(told().front() == "mysql/master/shop:db-1:3306");
  }
}

TEST_SUITE("cmd/command/acknowledge") {
  TEST_CASE("recoveries are acknowledged with a comment and counted") {
    Shop shop;
    shop.execute(
        "insert into topology_recovery (recovery_id, hostname, port, in_active_period, "
        "start_active_period, end_active_period_unixtime, processing_node_hostname, "
        "processcing_node_token, cluster_name, cluster_alias) values "
        "(7, 'db-1', 3306, 1, '2026-01-31 10:00:00', 0, 'n', 't', 'db-1:3306', 'shop')");
    CHECK(shop.lines("ack-all-recoveries") ==
          Lines{"error: --reason option required (comment your ack)"});
    CHECK(shop.lines("ack-cluster-recoveries", {.reason = "seen", .alias = "shop"}) ==
          Lines{"1 recoveries acknowledged"});
    CHECK(shop.lines("ack-instance-recoveries", {.instance = "db-1", .reason = "seen"}) ==
          Lines{"0 recoveries acknowledged"});
    CHECK(shop.lines("check-global-recoveries") == Lines{"OK: Global recoveries disabled: false"});
    CHECK(shop.lines("disable-global-recoveries") ==
          Lines{"OK: Orchestrator recoveries DISABLED globally"});
    CHECK(shop.lines("check-global-recoveries") == Lines{"OK: Global recoveries disabled: true"});
    CHECK(shop.lines("enable-global-recoveries") ==
          Lines{"OK: Orchestrator recoveries ENABLED globally"});
  }
}

TEST_SUITE("cmd/command/meta") {
  TEST_CASE("a token is 64 hex digits, and audit shows who did what") {
    Shop shop;
    shop.config.general.audit_to_backend_db = true;
    const Lines token = shop.lines("access-token");
    REQUIRE(token.size() == 1);
    CHECK(token[0].size() == 64);
    CHECK(token[0].find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(shop.lines("tag", {.instance = "db-2", .tag = "a=b"}) == Lines{"db-2:3306"});
    CHECK(shop.lines("audit") == Lines{"2026-01-31 10:20:30\ttag\tdb-2:3306\tdb-1:3306\ta=b"});
  }

  TEST_CASE("the resolve cache is shown and emptied") {
    Shop shop;
    shop.execute("insert into hostname_resolve values ('a', 'b', '2026-01-31')");
    CHECK(shop.lines("show-resolve-hosts") == Lines{"a b"});
    CHECK(shop.lines("reset-hostname-resolve-cache") == Lines{"hostname resolve cache cleared"});
    CHECK(shop.lines("show-resolve-hosts") == Lines{});
  }
}

}  // namespace orch::cmd
