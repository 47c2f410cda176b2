#include "core/plan/loss.h"

#include <optional>
#include <string>
#include <vector>

#include "tests/support/recovery_bench.h"

namespace orch::test {

namespace {

/// db1 is dead and waited for one of its clients; db2 answers, and has all that is known of.
struct Remains {
  unsigned clients{2};           ///< that db1 counted
  std::vector<int> named{2, 3};  ///< whom it named
  std::optional<int>
      gone_for{};     ///< db3 was silent to us so many seconds before; unset: never read
  bool is_up{false};  ///< db3 turns our account away
  /// Semi-sync was switched off at db3, whose receiver goes on as it began.
  bool is_off{false};

  [[nodiscard]] Topology seen() const {
    const TimePoint now{std::chrono::hours(1000)};
    std::vector<Instance> servers;
    for (const int number : {1, 2, 3}) {
      if (number == 3 && !gone_for) continue;
      Instance server = mysql(number, gtids("1-100"));
      server.freshness.last_seen = now;
      server.semi_sync.available = true;
      server.semi_sync.replica_enabled = number > 1;
      if (number == 3 && is_off) {
        server.semi_sync.replica_enabled = false;
        server.semi_sync.replica_status = true;
      }
      servers.push_back(number == 1 ? unseen(server) : following(server, 1));
    }
    Instance& dead = servers.front();
    dead.semi_sync.source_enabled = true;
    dead.semi_sync.source_wait_for_replica_count = 1;
    dead.semi_sync.source_clients = clients;
    for (const int number : named)
      dead.replicas.push_back(db(number));
    if (gone_for) {
      Instance& silent = servers.back() = unseen(servers.back());
      silent.freshness.last_seen = now - std::chrono::seconds(*gone_for);
      silent.freshness.last_error = is_up ? Error{ErrorKind::Denied, "login failed", true}
                                          : Error{ErrorKind::Unreachable, ""};
    }
    return Topology(servers);
  }
};

const std::string kSilent = "db3:3306 acknowledges commits and is silent";
const std::string kUnread = "1 of db1:3306's replicas that could not be read acknowledges commits";

}  // namespace

TEST_SUITE("loss") {
  TEST_CASE("who acknowledges and cannot be read is a witness, unless the dead one had missed it") {
    struct Case {
      Remains remains;
      std::string unknown;  // "": nothing is lost
    };
    for (const Case& one : {
             Case{{2, {2, 3}, 0}, kSilent},
             // It acknowledged all the time, though it could not be read for long.
             Case{{2, {2, 3}, 3600}, kSilent},
             Case{{2, {}, 3600}, kSilent},
             Case{{1, {2, 3}, 3600}, kSilent},
             // db2 had no connection, so that the one client was db3.
             Case{{1, {3}, 3600}, kSilent},
             // Seen without it.
             Case{{1, {2}, 3600}, ""},
             Case{{1, {}, 3600}, ""},
             Case{{1, {2}, 3600, true}, ""},
             // It says no, and is up: nothing tells that it does not acknowledge.
             Case{{1, {}, 3600, true}, kSilent},
             Case{{1, {3}, 0, false, true}, kSilent},
             // Never read.
             Case{{2, {2, 3}, {}}, kSilent},
             Case{{2, {2}, {}}, kUnread},
             Case{{2, {}, {}}, kUnread},
             Case{{1, {3}, {}}, kSilent},
             Case{{1, {2, 3}, {}}, ""},
             Case{{1, {}, {}}, ""},
         }) {
      const std::string text = lost_with(one.remains.seen(), db(1), db(2));
      CAPTURE(one.remains.clients);
      CAPTURE(one.remains.named.size());
      CAPTURE(one.remains.gone_for.value_or(-1));
      if (one.unknown.empty()) {
        CHECK(text.starts_with("nothing; what db1:3306 wrote after its last record is unknown"));
      } else {
        CAPTURE(text);
        CHECK(text.starts_with("unknown: " + one.unknown));
        CHECK(text.find("nothing") == std::string::npos);
      }
    }
  }

  TEST_CASE("refuse: nobody is promoted where one that acknowledges is not known") {
    for (const bool refuses : {false, true}) {
      FakeServers servers;
      const Topology seen = Remains{}.seen();
      for (const Instance& server : seen.instances())
        servers.add(server);
      servers.kill(db(1));
      Policy policy;
      policy.refuses_data_loss = refuses;
      const Outcome outcome = run_plan(servers, failover({db(1), {}}, policy));
      CHECK(outcome.error.has_value() == refuses);
      CHECK(servers.writable().empty() == refuses);
      const std::string& text =
          outcome.error ? outcome.error->message : outcome.account.lost_transactions;
      CHECK(text.find(kSilent) != std::string::npos);
    }
  }
}

}  // namespace orch::test
