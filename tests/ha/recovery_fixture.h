#pragma once

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ha/quarantine.h"
#include "ha/recovery.h"
#include "ha/standalone.h"
#include "storage/journal_store.h"
#include "storage/recovery_store.h"
#include "tests/storage/memory_backend.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch::ha {

/// Thrown to end a process at once, as SIGKILL would: nothing is written any more.
struct Killed {};

/// Servers whose caller dies at the n-th change, before or after it is done.
class MortalServers final : public ForwardingServers {
 public:
  using ForwardingServers::ForwardingServers;

  void die_at(int change, bool after) {
    left_ = change;
    after_ = after;
  }
  [[nodiscard]] int changes() const { return made_; }

  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override {
    return mortal([&] { return ForwardingServers::apply(as_probed, change, deadline); });
  }
  Result<> fence(const Instance& as_probed, SteadyPoint deadline) override {
    return mortal([&] { return ForwardingServers::fence(as_probed, deadline); });
  }

 private:
  template <typename Work>
  Result<> mortal(const Work& work) {
    const bool last = left_ > 0 && --left_ == 0;
    if (last && !after_) throw Killed{};
    ++made_;
    Result<> done = work();
    if (last) throw Killed{};
    return done;
  }

  int left_{0};
  int made_{0};
  bool after_{false};
};

/// What was told.
class Notebook final : public Teller {
 public:
  void audit(std::string_view type, const InstanceKey& key, std::string_view message) override {
    lines.push_back(std::string(type) + ' ' + to_string(key) + ' ' + std::string(message));
  }
  void say(std::string_view line) override { lines.emplace_back(line); }
  [[nodiscard]] bool holds(std::string_view part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
  std::vector<std::string> lines{};
};

/// Why a recovery did not succeed.
inline std::string text_of(const Result<RecoveryOutcome>& outcome) {
  if (!outcome) return outcome.error().message;
  return outcome->error ? outcome->error->message : "no error";
}

/// db1 is the master of "shop"; db2 and db3 follow it. A backend, servers, and as many processes
/// one after the other as a test wants.
struct RecoveryFixture : storage::MemoryBackend {
  explicit RecoveryFixture(bool mariadb = false) {
    using namespace orch::test;  // NOLINT(google-build-using-namespace)
    if (mariadb) {
      servers.add(in_cluster(writable(test::mariadb(1, "0-1-100")), 0));
      servers.add(in_cluster(following(test::mariadb(2, "0-1-100"), 1), 1));
      servers.add(in_cluster(following(test::mariadb(3, "0-1-90"), 1, "0-1-95"), 1));
    } else {
      servers.add(in_cluster(writable(mysql(1, gtids("1-100"))), 0));
      servers.add(in_cluster(following(mysql(2, gtids("1-100")), 1), 1));
      servers.add(in_cluster(following(mysql(3, gtids("1-90")), 1, gtids("1-95")), 1));
    }
    save_records();
    REQUIRE(clusters().save_alias("db1:3306", "shop"));
    config.kv.kv_cluster_master_prefix = "mysql/master/";
    config.discovery.hostname_resolve_method = "none";
  }

  static Instance in_cluster(Instance instance, unsigned depth) {
    instance.cluster_name = "db1:3306";
    instance.suggested_cluster_alias = "shop";
    instance.replication_depth = depth;
    return instance;
  }

  [[nodiscard]] storage::InstanceStore instances() { return {database(), clock, {}}; }
  [[nodiscard]] storage::ClusterStore clusters() {
    return {database(), clock, [](std::string_view) {
              return std::string();
            }};
  }
  [[nodiscard]] storage::JournalStore journal() { return {database(), clock}; }
  [[nodiscard]] storage::RecoveryStore recoveries() { return {database(), clock, {"here", "t"}}; }

  void save_records() {
    const Topology all = servers.records();
    for (const Instance& instance : all.instances()) {
      const storage::InstanceWrite write{&instance, true};
      REQUIRE(instances().save({&write, 1}));
    }
  }

  /// The records of what was read, as a probe would leave them.
  Result<> keep(const Topology& fresh) {
    for (Instance instance : fresh.instances()) {
      if (!instance.freshness.is_last_check_valid) continue;
      instance.replication_depth = is_replica(instance) ? 1 : 0;
      const storage::InstanceWrite write{&instance, true};
      ORCH_TRY(instances().save({&write, 1}));
    }
    return {};
  }

  /// What a new process works with.
  Parts process() { return process(watcher); }
  Parts process(StepObserver& observer) { return process(observer, leadership); }
  Parts process(StepObserver& observer, const Leadership& leads) {
    ++processes;
    kv = std::make_unique<KvStores>(config.kv, leadership);
    mortal = std::make_unique<MortalServers>(servers);
    return {.config = config,
            .clock = clock,
            .database = database(),
            .servers = *mortal,
            .leadership = leads,
            .kv = *kv,
            .running = running[processes],
            .self = {"here", "process " + std::to_string(processes)},
            .instances = instances(),
            .clusters = clusters(),
            .teller = notebook,
            .watcher = observer,
            .policy = policy,
            .executor = settings(),
            .record = [this](const std::set<InstanceKey>&, const Topology& fresh) {
              return keep(fresh);
            }};
  }

  [[nodiscard]] static ExecutorSettings settings() {
    ExecutorSettings settings;
    settings.width = 1;
    settings.survey_width = 1;
    auto now = std::make_shared<std::int64_t>(0);
    settings.pace.now = [now] {
      return SteadyPoint(std::chrono::milliseconds(*now));
    };
    settings.pace.pause = [now](std::chrono::milliseconds time) {
      *now += time.count();
      return true;
    };
    return settings;
  }

  static RecoveryWork work(RecoveryKind kind) {
    RecoveryWork work;
    work.kind = kind;
    work.description = "it is dead";
    work.cluster = "db1:3306";
    work.cluster_alias = "shop";
    work.failed = test::db(1);
    work.replicas = {test::db(2), test::db(3)};
    work.choose = work.start_old_master = kind == RecoveryKind::GracefulTakeover;
    work.owner = "me";
    return work;
  }

  /// The process that carried recoveries out is gone for good.
  void bury_owner() {
    run("update orch_recovery_run set owner_process = 'gone'");
    clock.advance(std::chrono::seconds(60));
  }

  /// The hook writes its name, and what it was told, into the log.
  std::string logging(const std::string& name) {
    return "echo " + name + " {failedHost} {successorHost} >> " + log_file;
  }

  Config config{};
  Policy policy{};
  test::FakeServers servers{};
  std::unique_ptr<MortalServers> mortal{};
  Standalone leadership{};
  std::unique_ptr<KvStores> kv{};
  Notebook notebook{};
  StepObserver watcher{};
  int processes{0};
  std::map<int, RunningRecoveries> running{};  ///< by process
  std::string log_file{};
};

}  // namespace orch::ha
