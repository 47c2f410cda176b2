// Reads the texts in tests/scenarios/recovery: a topology, what is done about a failure, and what
// orch does to which server, in order. ORCH_REWRITE_SCENARIOS=1 writes what it does now into them:
// look at the difference. Each recovery is also cut off after each of its changes and begun anew.

#include "core/model/recovery.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/plan/recovery/orphans.h"
#include "core/plan/recovery/repairs.h"
#include "core/plan/refactor/move.h"
#include "tests/support/recovery_bench.h"

namespace orch::test {

namespace {

int number_of(std::string_view name) {
  const auto number = parse_int(name.substr(std::min<std::size_t>(name.size(), 2)));
  REQUIRE_MESSAGE((name.starts_with("db") && number), std::string(name));
  return static_cast<int>(*number);
}

/// The servers of a scenario.
class Stage {
 public:
  /// A line of the topology: its depth says whom the server follows.
  void add(std::string_view flavor, std::size_t depth, std::string_view line) {
    const std::vector<std::string> all = words(trim(line), " ");
    const int number = number_of(all.front());
    path_.resize(depth);
    const int source = path_.empty() ? 0 : path_.back();
    std::map<std::string, std::string> told;
    for (const std::string& word : all) {
      const std::size_t equals = word.find('=');
      static const std::set<std::string> kKnown = {
          "executed", "received", "writable",     "read-only", "must-not", "prefer",   "no-log",
          "dead",     "follows",  "acknowledges", "waits-for", "has",      "priority", "member"};
      const std::string name = word.substr(0, equals);
      REQUIRE_MESSAGE((&word == all.data() || kKnown.contains(name)), word);
      told[name] = equals == std::string::npos ? "" : word.substr(equals + 1);
    }
    Instance instance = made(flavor, number, source, told);
    instance.server.read_only = source != 0 || told.contains("read-only");
    if (told.contains("writable")) instance.server.read_only = false;
    set_group(instance, told);
    set_semi_sync(instance, told);
    if (told.contains("must-not")) instance.promotion_rule = PromotionRule::MustNot;
    if (told.contains("prefer")) instance.promotion_rule = PromotionRule::Prefer;
    if (told.contains("no-log")) instance.server.log_replica_updates = false;
    if (told.contains("dead")) dead_.insert(instance.key);
    servers_.push_back(std::move(instance));
    path_.push_back(number);
  }

  void set_up(FakeServers& servers) const {
    for (const Instance& instance : servers_)
      servers.add(instance);
    for (const InstanceKey& key : dead_)
      servers.kill(key);
  }

 private:
  static Instance made(std::string_view flavor, int number, int source,
                       std::map<std::string, std::string>& told) {
    const std::string executed = told.contains("executed") ? told["executed"] : "100";
    const std::string received = told.contains("received") ? told["received"] : executed;
    if (flavor == "coordinates") {
      const std::int64_t place = parse_int(executed).value_or(0);
      Instance instance = by_coordinates(number, source, place);
      instance.replication.read.log_pos = parse_int(received).value_or(0);
      if (source != 0) return instance;
      instance.replication = {};
      instance.server.binlog.log_pos = place;
      return instance;
    }
    if (flavor == "mariadb") {
      const Instance instance = mariadb(number, "0-1-" + executed);
      return source == 0 ? instance : following(instance, source, "0-1-" + received);
    }
    REQUIRE_MESSAGE(flavor == "mysql", std::string(flavor));
    const Instance instance = mysql(number, gtids("1-" + executed));
    // Of a pair, the one that is named second follows the first by its place, and is followed.
    if (told.contains("follows")) return following(instance, number_of(told["follows"]));
    return source == 0 ? instance : following(instance, source, gtids("1-" + received));
  }

  static void set_group(Instance& instance, std::map<std::string, std::string>& told) {
    if (!told.contains("member")) return;
    instance.group.name = "g";
    instance.group.primary = db(1);
    instance.group.state = told["member"].empty() ? "ONLINE" : told["member"];
    instance.group.role = instance.key == db(1) ? "PRIMARY" : "SECONDARY";
    for (const int other : {1, 2, 3}) {
      if (instance.key != db(other)) instance.group.others.push_back(db(other));
    }
    // Members follow nobody: their group gives them what they have.
    instance.replication = {};
  }

  static void set_semi_sync(Instance& instance, std::map<std::string, std::string>& told) {
    SemiSync& semi_sync = instance.semi_sync;
    if (told.contains("waits-for")) {
      semi_sync.source_enabled = true;
      semi_sync.source_wait_for_replica_count =
          static_cast<unsigned>(parse_int(told["waits-for"]).value_or(1));
      semi_sync.source_clients = static_cast<unsigned>(parse_int(told["has"]).value_or(0));
    }
    semi_sync.priority = static_cast<unsigned>(parse_int(told["priority"]).value_or(0));
    semi_sync.replica_enabled = told.contains("acknowledges");
  }

  std::vector<Instance> servers_;
  std::set<InstanceKey> dead_;
  std::vector<int> path_;
};

/// "dead-master of db1 to db2" -> what carries that out.
Planner planner_of(std::string_view wish) {
  const std::vector<std::string> all = words(wish, " ");
  REQUIRE_MESSAGE(all.size() >= 3, std::string(wish));
  const InstanceKey failed = db(number_of(all[2]));
  std::optional<InstanceKey> to;
  if (all.size() == 5) to = db(number_of(all[4]));
  const std::optional<RecoveryKind> kind = parse_recovery_kind(all[0]);
  REQUIRE_MESSAGE(kind, all[0]);
  switch (*kind) {
    case RecoveryKind::DeadMaster:
      return failover({failed, to}, {});
    case RecoveryKind::DeadCoMaster:
      return failover({.failed = failed, .designated = to, .co_master = true}, {});
    case RecoveryKind::DeadIntermediateMaster:
      return dead_intermediate(failed, {});
    case RecoveryKind::DeadGroupMember:
      return dead_group_member(failed, {});
    case RecoveryKind::NonWriteableMaster:
      return not_writable(failed, {});
    case RecoveryKind::LockedSemiSyncMaster:
      return semi_sync_repair(failed, SemiSyncGoal::Enough, {});
    case RecoveryKind::TooManySemiSyncReplicas:
      return semi_sync_repair(failed, SemiSyncGoal::Exact, {});
    case RecoveryKind::GracefulTakeover:
      break;
  }
  return takeover({failed, to, true, true}, {});
}

/// Without the port that all have.
std::string short_names(std::string text) {
  for (std::size_t at = 0; (at = text.find(":3306", at)) != std::string::npos;)
    text.erase(at, 5);
  return text;
}

std::vector<std::string> told(const Outcome& outcome) {
  std::vector<std::string> lines;
  for (const StepResult& result : outcome.steps) {
    if (result.error || !changes_server(result.step)) continue;
    lines.push_back(to_string(result.step.server) + ' ' + describe(result.step.action));
  }
  const Account& account = outcome.account;
  if (outcome.error) lines.push_back("refused: " + outcome.error->message);
  if (account.promoted) lines.push_back("successor: " + to_string(*account.promoted));
  for (const LostReplica& lost : account.lost)
    lines.push_back("lost: " + orch::to_string(lost));
  if (!account.lost_transactions.empty())
    lines.push_back("lost transactions: " + account.lost_transactions);
  for (const std::vector<std::string>* more : {&account.notes, &outcome.left}) {
    for (const std::string& line : *more)
      lines.push_back("note: " + line);
  }
  for (std::string& line : lines)
    line = "  " + short_names(line);
  return lines;
}

/// However often it is cut off, whoever begins anew comes to as many servers that take writes.
void check_cut_off(const Stage& stage, const std::string& wish, std::size_t changes,
                   std::size_t writable) {
  for (std::size_t n = 0; n < changes; ++n) {
    CAPTURE(n);
    FakeServers servers;
    stage.set_up(servers);
    run_plan(servers, planner_of(wish), static_cast<int>(n));
    CHECK(servers.writable().size() <= 1);
    const Outcome again = run_plan(servers, planner_of(wish));
    CHECK_MESSAGE(servers.writable().size() == writable, said(again));
  }
}

/// Runs a scenario -> its text with what orch does now.
std::string run_scenario(const std::string& text, std::set<std::string>& seen) {
  std::optional<Stage> stage;
  std::string flavor;
  std::string now_text;
  bool in_topology = false;
  bool in_conclusion = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (in_conclusion && line.starts_with("  ")) continue;
    in_conclusion = false;
    now_text += line + "\n";
    if (line.empty() || line.starts_with("#")) {
      in_topology = false;
    } else if (line.starts_with("topology ")) {
      flavor = line.substr(9);
      stage.emplace();
      in_topology = true;
    } else if (in_topology) {
      stage->add(flavor, line.find_first_not_of(' ') / 2 - 1, line);
    } else {
      REQUIRE_MESSAGE((stage && line.starts_with("recover ")), line);
      in_conclusion = true;
      const std::string wish = line.substr(8);
      CAPTURE(line);
      FakeServers servers;
      stage->set_up(servers);
      const Outcome outcome = run_plan(servers, planner_of(wish));
      for (const std::string& said : told(outcome))
        now_text += said + "\n";
      check_cut_off(*stage, wish, servers.changes().size(), servers.writable().size());
      if (!outcome.error) seen.insert(words(wish, " ").front());
    }
  }
  return now_text;
}

}  // namespace

TEST_SUITE("scenarios/recovery") {
  TEST_CASE("orch does what the scenarios say, and every kind of recovery has one") {
    const char* root = std::getenv("ORCH_SOURCE_ROOT");
    REQUIRE(root != nullptr);
    std::set<std::string> seen;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(root) /
                                                                 "tests/scenarios/recovery")) {
      CAPTURE(entry.path().filename().string());
      std::ifstream stream(entry.path());
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      const std::string now_text = run_scenario(text, seen);
      CHECK_MESSAGE(now_text == text, now_text);
      if (std::getenv("ORCH_REWRITE_SCENARIOS") != nullptr) {
        std::ofstream(entry.path()) << now_text;
      }
      ++files;
    }
    CHECK(files > 0);
    for (int kind = 0; kind <= static_cast<int>(RecoveryKind::GracefulTakeover); ++kind)
      CHECK_MESSAGE(seen.count(std::string(to_string(static_cast<RecoveryKind>(kind)))) == 1, kind);
  }
}

}  // namespace orch::test
