#include "cmd/command/recovery_reply.h"

#include <doctest/doctest.h>

#include "core/plan/recovery/promotion.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

namespace {

const InstanceKey kOld{"db1", 3306};
const InstanceKey kNew{"db2", 3306};
const InstanceKey kOther{"db3", 3306};

Instance server(const InstanceKey& key, bool does_answer, bool by_server = false) {
  Instance instance;
  instance.key = key;
  instance.freshness.is_last_check_valid = does_answer;
  if (!does_answer) instance.freshness.last_error = Error{ErrorKind::Denied, "no", by_server};
  return instance;
}

/// Whether a script hears that not all went well.
bool is_failed(const std::vector<Instance>& servers, const std::vector<InstanceKey>& lost,
               bool legacy = false) {
  ha::RecoveryOutcome recovery;
  recovery.work.failed = kOld;
  recovery.outcome.topology = Topology(servers);
  recovery.outcome.account.promoted = kNew;
  for (const InstanceKey& key : lost)
    recovery.outcome.account.lost.push_back({key, "does not follow"});
  const std::string leftover = promotion_leftover(*recovery.outcome.topology.find(kNew));
  if (!leftover.empty()) recovery.outcome.account.notes.push_back(leftover);
  const auto reply = cmd::recovery_reply(recovery, legacy, false);
  REQUIRE(reply);
  return reply->failed;
}

}  // namespace

TEST_SUITE("cmd/command/recovery_reply") {
  TEST_CASE("a recovery that left a living server out says so in its exit code") {
    const Instance promoted = server(kNew, true);
    CHECK_FALSE(is_failed({server(kOld, false), promoted, server(kOther, true)}, {}));
    CHECK_FALSE(is_failed({server(kOld, false), promoted, server(kOther, false)}, {kOther}));
    CHECK(is_failed({server(kOld, false), promoted, server(kOther, true)}, {kOther}));
    CHECK_FALSE(is_failed({server(kOld, false), promoted, server(kOther, true)}, {kOther}, true));
    // It lives, and does not let itself be read.
    CHECK(is_failed({server(kOld, false), promoted, server(kOther, false, true)}, {kOther}));
  }

  TEST_CASE("a takeover whose old master fell silent on the way is one in part") {
    CHECK(is_failed({server(kOld, false), server(kNew, true)}, {kOld}));
  }

  TEST_CASE("so is a promotion after which the new master still has a source") {
    Instance promoted = server(kNew, true);
    promoted.replication.configured = true;
    promoted.replication.source = kOld;
    CHECK(is_failed({server(kOld, false), promoted}, {}));
  }

  TEST_CASE("transactions that are lost are told on either command line") {
    ha::RecoveryOutcome recovery;
    recovery.work.failed = kOld;
    recovery.outcome.topology = Topology({server(kOld, false), server(kNew, true)});
    recovery.outcome.account.promoted = kNew;
    recovery.outcome.account.lost_transactions = "nothing; what db1:3306 wrote since is unknown";
    CHECK_FALSE(cmd::recovery_reply(recovery, true, false)->failed);
    recovery.outcome.account.lost_transactions = "1 transaction";
    const auto reply = cmd::recovery_reply(recovery, true, false);
    CHECK(reply->failed);  // so that the notes are no mere information
    CHECK_FALSE(reply->refused);
    CHECK(reply->notes == std::vector<std::string>{"lost: 1 transaction"});
    CHECK_FALSE(cmd::recovery_reply(recovery, false, false)->failed);
  }

  TEST_CASE("what could not be recorded is in the exit code, and told once") {
    const std::string full = "o.db cannot grow: the disk is full";
    for (const bool legacy : {false, true}) {
      ha::RecoveryOutcome recovery;
      recovery.id = 7;
      recovery.uid = "u7";
      recovery.work.failed = kOld;
      recovery.outcome.topology = Topology({server(kOld, true), server(kNew, true)});
      recovery.outcome.account.promoted = kNew;
      CHECK_FALSE(cmd::recovery_reply(recovery, legacy, false)->refused);
      recovery.unrecorded = recovery.resumable = true;
      recovery.notes = {full, full, "its journal: " + full, full, "its journal: " + full};
      const auto reply = cmd::recovery_reply(recovery, legacy, false);
      CHECK(reply->refused == ErrorKind::Broken);
      CHECK(reply->lines == std::vector<std::string>{"db2:3306"});
      REQUIRE(reply->notes.size() == 2);
      CHECK(reply->notes[0] == "its journal: " + full);
      CHECK(reply->notes[1].find("'orch recovery resume u7'") != std::string::npos);
      recovery.resumable = false;  // nothing is left that a resume would do
      CHECK(cmd::recovery_reply(recovery, legacy, false)->notes[1] ==
            "not all of this could be recorded");
      recovery.error = Error{ErrorKind::Broken, full};
      const auto failed = cmd::recovery_reply(recovery, legacy, false);
      REQUIRE_FALSE(failed);
      CHECK(failed.error().message.starts_with(full + "; its journal: " + full + "; not all"));
    }
  }
}
