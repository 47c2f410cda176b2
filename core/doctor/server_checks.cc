// Settings and state of the servers themselves.

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/doctor/checks.h"
#include "core/plan/recovery/promotion.h"
#include "core/plan/step.h"

namespace orch {

namespace {

constexpr std::chrono::seconds kLongTimeout{30};
constexpr std::chrono::seconds kLongHeartbeat{2};
constexpr std::chrono::milliseconds kClockNotice{2'000};
constexpr std::chrono::milliseconds kClockWarning{30'000};
constexpr std::chrono::hours kForEver{1};

/// A privilege that orch needs for a change, by any of the names that servers give it.
struct Need {
  std::string_view what{};
  std::vector<std::string_view> mysql{};
  std::vector<std::string_view> mariadb{};
};

const std::vector<Need>& needs() {
  static const std::vector<Need> kNeeds = {
      {"stop, start and point replication",
       {"SUPER", "REPLICATION_SLAVE_ADMIN"},
       {"SUPER", "REPLICATION SLAVE ADMIN", "REPLICATION REPLICA ADMIN"}},
      {"set read_only",
       {"SUPER", "SYSTEM_VARIABLES_ADMIN"},
       {"SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN"}},
      {"reset replication (RELOAD)", {"RELOAD"}, {"RELOAD"}},
  };
  return kNeeds;
}

/// Whether one of the grants on all schemas names the privilege.
bool holds(const std::vector<std::string>& grants, std::string_view privilege) {
  return std::any_of(grants.begin(), grants.end(), [&](const std::string& grant) {
    const std::string text = to_upper(grant);
    const std::size_t on = text.find(" ON *.* ");
    if (!text.starts_with("GRANT ") || on == std::string::npos) return false;
    const std::string list = text.substr(6, on - 6);
    for (const std::string_view name : split(list, ',')) {
      if (trim(name) == privilege || trim(name) == "ALL PRIVILEGES") return true;
    }
    return false;
  });
}

/// Roles and proxies bring privileges that the list does not show.
bool shows_all(const std::vector<std::string>& grants) {
  return std::none_of(grants.begin(), grants.end(), [](const std::string& grant) {
    return to_upper(grant).find(" ON ") == std::string::npos;
  });
}

/// MySQL ends an applier's worker only for an account that has this, besides the right to end
/// sessions of others.
void check_system_user(const Round& round, const Instance& instance,
                       const std::vector<std::string>& grants) {
  const bool has_it = parse_server_version(instance.server.version) >= ServerVersion{8, 0, 16};
  if (is_mariadb(instance) || instance.server.binlog_server || !has_it) return;
  if (holds(grants, "SYSTEM_USER")) return;
  round.add(Badness::Warning, "no-system-user", instance.key,
            "orch's account cannot end an applier that waits for the rest of a transaction: when a "
            "master dies while it sends one, the failover may take 60 s longer",
            "GRANT SYSTEM_USER ON *.* TO it");
}

/// How many of the replicas would still acknowledge if `leaving` became the master.
int acknowledgers_without(const Round& round, const Instance& leaving) {
  return static_cast<int>(
      std::count_if(round.replicas.begin(), round.replicas.end(), [&](const Instance* replica) {
        return replica->key != leaving.key && replica->semi_sync.replica_enabled;
      }));
}

/// How many must acknowledge a commit. MariaDB has no such setting: one is enough.
unsigned wanted_by(const Instance& instance) {
  return is_mariadb(instance) ? 1 : instance.semi_sync.source_wait_for_replica_count;
}

void check_remaining(const Round& round, const Instance& replica) {
  const SemiSync& semi_sync = replica.semi_sync;
  if (const std::string text = weaker_wait(replica, *round.master);
      answers(replica) && !text.empty()) {
    round.add(Badness::Warning, "semi-sync-weaker", replica.key,
              "as the master it would not wait for its replicas as this one does: it " + text,
              "set there what is set on the present master");
  }
  const int left = acknowledgers_without(round, replica);
  const auto wanted = static_cast<int>(wanted_by(replica));
  if (!semi_sync.source_enabled || wanted <= left) return;
  round.add(Badness::Critical, "semi-sync-deadlock", replica.key,
            fmt::format("as the master it would wait for {} acknowledgement{}, and {} would be "
                        "left to give one: each commit would hang for {} s",
                        wanted, wanted == 1 ? "" : "s", left == 0 ? "nobody" : std::to_string(left),
                        semi_sync.source_timeout.count() / 1000),
            "enable semi-sync on more replicas, or lower its wait count");
}

}  // namespace

void check_semi_sync(const Round& round) {
  if (round.master == nullptr || !answers(*round.master)) return;
  const SemiSync& semi_sync = round.master->semi_sync;
  if (!semi_sync.source_enabled) {
    if (!round.replicas.empty()) {
      round.add(Badness::Notice, "asynchronous", round.master->key,
                "the master waits for nobody: a failover may lose its last transactions",
                round.patient.settings.data_loss_policy == "refuse"
                    ? "DataLossPolicy is refuse: such a failover would be refused; use semi-sync"
                    : "use semi-synchronous replication where that matters");
    }
    return;
  }
  const unsigned wanted = wanted_by(*round.master);
  if (semi_sync.source_clients < wanted) {
    round.add(Badness::Critical, "semi-sync-starved", round.master->key,
              fmt::format("it waits for {} acknowledgements, and {} replicas give one", wanted,
                          semi_sync.source_clients),
              "enable semi-sync on more replicas, or lower its wait count");
  } else if (semi_sync.source_clients == wanted) {
    round.add(Badness::Notice, "semi-sync-tight", round.master->key,
              "when one more replica fails, commits wait", "enable semi-sync on one more replica");
  }
  if (!semi_sync.source_status) {
    round.add(Badness::Warning, "semi-sync-off", round.master->key,
              "semi-sync is enabled and has given up waiting: commits are not acknowledged",
              "find out why replicas did not answer in time");
  }
  if (semi_sync.source_timeout < kForEver) {
    round.add(Badness::Notice, "semi-sync-gives-up", round.master->key,
              fmt::format("after {} s without an acknowledgement it commits all the same: such "
                          "transactions can be lost",
                          semi_sync.source_timeout.count() / 1000),
              "raise the timeout where losing one is worse than waiting");
  }
  if (equals_ignoring_case(semi_sync.source_wait_point, "AFTER_COMMIT")) {
    round.add(Badness::Warning, "semi-sync-after-commit", round.master->key,
              "it waits after the commit: others may have read what a failover loses",
              "set rpl_semi_sync wait point to AFTER_SYNC");
  }
  for (const Instance* replica : round.replicas)
    check_remaining(round, *replica);
}

void check_fencing(const Round& round) {
  if (round.master == nullptr) return;
  const Examination seen = round.examined(*round.master);
  if (!seen.unbound_accounts.empty()) {
    round.add(Badness::Warning, "not-bound-by-read-only", round.master->key,
              fmt::format("{} may write although it is read-only: no fence and no takeover can "
                          "hold that off",
                          join(seen.unbound_accounts, " and ")),
              "REVOKE READ ONLY ADMIN and SUPER from accounts of applications");
  }
  for (const std::string& event : seen.unbound_events) {
    round.add(Badness::Warning, "event-not-bound-by-read-only", round.master->key,
              fmt::format("{} may go on writing when it is made read-only", event),
              "ALTER EVENT with a DEFINER that has neither READ ONLY ADMIN nor SUPER");
  }
  if (!seen.unbound_routines.empty()) {
    round.add(Badness::Warning, "routine-not-bound-by-read-only", round.master->key,
              fmt::format("who calls {} writes although it is read-only: no fence and no takeover "
                          "can hold that off",
                          join(seen.unbound_routines, " or ")),
              "SQL SECURITY INVOKER, or a DEFINER that has neither READ ONLY ADMIN nor SUPER");
  }
  if (seen.prepared_transactions > 0) {
    round.add(Badness::Notice, "prepared-transactions", round.master->key,
              fmt::format("{} XA transactions are prepared: they can be committed there whatever "
                          "read_only says",
                          seen.prepared_transactions),
              "a takeover is refused while they stay: XA RECOVER lists them");
  }
}

void check_privileges(const Round& round) {
  for (const Instance* instance : round.answering) {
    const std::vector<std::string> grants = round.examined(*instance).grants;
    if (grants.empty() || !shows_all(grants)) continue;
    for (const Need& need : needs()) {
      const auto& names = is_mariadb(*instance) ? need.mariadb : need.mysql;
      const bool held = std::any_of(names.begin(), names.end(),
                                    [&](std::string_view name) { return holds(grants, name); });
      if (held) continue;
      round.add(Badness::Critical, "privilege-missing", instance->key,
                fmt::format("orch's account may not {}", need.what),
                fmt::format("GRANT {} ON *.* to it", names.back()));
    }
    check_system_user(round, *instance, grants);
  }
}

void check_offline(const Round& round) {
  for (const Instance* instance : round.answering) {
    const Badness badness = instance == round.master ? Badness::Critical : Badness::Warning;
    if (instance->server.transactions_read_only) {
      const std::string name = is_mariadb(*instance) ? "tx_read_only" : "transaction_read_only";
      round.add(badness, "transaction-read-only", instance->key,
                name + " is on: clients can write nothing there, whatever read_only says",
                "SET GLOBAL " + name + "=OFF when it is to take writes");
    }
    if (!instance->server.offline) continue;
    round.add(badness, "offline-mode", instance->key,
              "offline_mode is on: it turns clients away, and its replicas",
              "SET GLOBAL offline_mode=OFF when it is to serve again");
  }
}

void check_durability(const Round& round) {
  for (const Instance* instance : round.answering) {
    const Examination seen = round.examined(*instance);
    if (seen.sync_binlog && *seen.sync_binlog != 1) {
      round.add(Badness::Warning, "sync-binlog", instance->key,
                fmt::format("sync_binlog is {}: a crash of its host loses the end of the binary "
                            "log",
                            *seen.sync_binlog),
                "set sync_binlog=1");
    }
    if (seen.flush_log_at_trx_commit && *seen.flush_log_at_trx_commit != 1) {
      round.add(Badness::Warning, "flush-log-at-commit", instance->key,
                fmt::format("innodb_flush_log_at_trx_commit is {}: a crash of its host loses "
                            "committed transactions",
                            *seen.flush_log_at_trx_commit),
                "set innodb_flush_log_at_trx_commit=1");
    }
    const std::string& image = instance->server.binlog_row_image;
    if (!image.empty() && !equals_ignoring_case(image, "FULL")) {
      round.add(Badness::Notice, "binlog-row-image", instance->key,
                "binlog_row_image is " + image + ": rows cannot be restored from the binary log",
                "set binlog_row_image=FULL");
    }
    if (seen.gtid_strict == false && uses_gtid(*instance)) {
      round.add(Badness::Notice, "gtid-strict-mode", instance->key,
                "gtid_strict_mode is off: transactions out of order go unnoticed",
                "set gtid_strict_mode=ON");
    }
  }
}

void check_clocks(const Round& round) {
  for (const Instance* instance : round.answering) {
    const Examination seen = round.examined(*instance);
    if (seen.clock_ahead && std::chrono::abs(*seen.clock_ahead) >= kClockNotice) {
      const auto seconds = static_cast<double>(seen.clock_ahead->count()) / 1000;
      round.add(
          std::chrono::abs(*seen.clock_ahead) >= kClockWarning ? Badness::Warning : Badness::Notice,
          "clock-skew", instance->key,
          fmt::format("its clock is {:.1f} s {} that of this host: lag is told wrongly",
                      std::abs(seconds), seconds > 0 ? "ahead of" : "behind"),
          "synchronize the clocks");
    }
    if (seen.net_timeout && *seen.net_timeout > kLongTimeout && instance->replication.configured) {
      round.add(Badness::Notice, "net-timeout", instance->key,
                fmt::format("slave_net_timeout is {} s: so long it may believe in a dead source",
                            seen.net_timeout->count()),
                "set it to some seconds, so that a failure is confirmed soon");
    }
    const auto heartbeat = instance->replication.heartbeat;
    if (heartbeat && (heartbeat->count() == 0 || *heartbeat > kLongHeartbeat)) {
      round.add(Badness::Notice, "heartbeat-period", instance->key,
                heartbeat->count() == 0
                    ? "its source sends no heartbeats: it does not notice that one is frozen"
                    : fmt::format("it hears of its source each {:.1f} s: so long it takes longer "
                                  "until one that is frozen is replaced",
                                  static_cast<double>(heartbeat->count()) / 1000),
                "STOP the receiver, CHANGE the heartbeat period to 1 second, START it");
    }
  }
}

void check_connections(const Round& round) {
  for (const Instance* instance : round.answering) {
    if (const auto full = round.patient.full.find(instance->key);
        full != round.patient.full.end()) {
      round.add(Badness::Critical, "connections", instance->key, full->second,
                "raise max_connections, or end what holds its connections");
      continue;
    }
    const Examination seen = round.examined(*instance);
    if (!seen.connections || !seen.max_connections || *seen.max_connections <= 0) continue;
    if (*seen.connections * 10 < *seen.max_connections * 9) continue;
    round.add(
        Badness::Warning, "connections", instance->key,
        fmt::format("{} of {} connections are in use", *seen.connections, *seen.max_connections),
        "raise max_connections: orch and replicas need some, too");
  }
}

}  // namespace orch
