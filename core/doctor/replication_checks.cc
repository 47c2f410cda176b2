// Whether the replicas could follow a new master, and what would be lost.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/doctor/checks.h"
#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/step.h"

namespace orch {

namespace {

void check_running(const Round& round, const Instance& replica) {
  const Replication& link = replica.replication;
  if (link.io_running && link.sql_running) return;
  const std::string error =
      !link.sql_running && !link.last_sql_error.empty() ? link.last_sql_error : link.last_io_error;
  round.add(Badness::Critical, "replication-broken", replica.key,
            fmt::format("its {} not run{}",
                        !link.sql_running && !link.io_running ? "receiver and applier do"
                        : link.sql_running                    ? "receiver does"
                                                              : "applier does",
                        error.empty() ? "" : ": " + error),
            error.empty()
                ? "orch start-replica " + to_string(replica.key)
                : "repair what the error says, then: orch start-replica " + to_string(replica.key));
}

void check_lag(const Round& round, const Instance& replica) {
  const Replication& link = replica.replication;
  if (link.sql_delay.count() > 0) {
    round.add(Badness::Notice, "delayed", replica.key,
              fmt::format("it lags {} s on purpose", link.sql_delay.count()),
              "give it a promotion rule of must_not");
    return;
  }
  const auto limit = round.patient.policy.reasonable_replication_lag;
  if (!link.lag || *link.lag <= limit) return;
  round.add(Badness::Warning, "lag", replica.key,
            fmt::format("it lags {} s: a failover would wait for it to apply what it has received",
                        link.lag->count()),
            "find out what holds it up");
}

GtidSet gtids_of(const std::string& text) {
  return GtidSet::parse(text).value_or({});
}

/// The numbers between the ranges that the server has executed.
GtidSet holes_of(const GtidSet& executed) {
  GtidSet holes;
  for (const auto& [origin, intervals] : executed.intervals()) {
    for (std::size_t i = 1; i < intervals.size(); ++i)
      holes.add(origin, {intervals[i - 1].last + 1, intervals[i].first - 1});
  }
  return holes;
}

void check_holes(const Round& round, const Instance& instance) {
  const GtidSet holes = holes_of(gtids_of(instance.gtid.executed));
  if (holes.empty()) return;
  const GtidSet missing = round.master == nullptr || round.is_master(instance)
                              ? GtidSet()
                              : holes.intersected(gtids_of(round.master->gtid.executed));
  if (missing.empty()) {
    round.add(Badness::Notice, "gtid-holes", instance.key,
              "what it has executed has holes: " + holes.to_string(),
              "harmless unless somebody has these transactions");
  } else {
    round.add(Badness::Warning, "gtid-holes", instance.key,
              "it has skipped transactions that the master has: " + missing.to_string(),
              "if they stay missing (an applier that works in parallel leaves holes for a moment), "
              "rebuild it");
  }
}

/// Whether `source`, if it were the master, could still serve what `replica` lacks.
void check_purged(const Round& round, const Instance& source, const Instance& replica) {
  if (source.gtid.purged.empty() || replica.gtid.executed.empty()) return;
  const GtidSet missing = gtids_of(source.gtid.purged).minus(gtids_of(replica.gtid.executed));
  if (missing.empty()) return;
  round.add(round.is_master(source) ? Badness::Critical : Badness::Warning, "purged-gtids",
            replica.key,
            fmt::format("it needs {}, which {} has purged: it could not follow it",
                        missing.to_string(), to_string(source.key)),
            "keep binary logs for longer; rebuild the replica, or let it catch up first");
}

/// A co-master that the other one follows: what it writes is there, or on its way.
bool feeds_a_partner(const Topology& topology, const Instance& replica) {
  const Instance* partner = topology.source_of(replica.key);
  return partner != nullptr && topology.are_co_sources(replica.key, partner->key) &&
         answers(*partner) && replica_running(*partner);
}

void check_binlog_filters(const Round& round, const Instance& server) {
  const std::string text = binlog_filter_text(server);
  if (text.empty()) return;
  round.add(Badness::Warning, "binlog-filters", server.key, "it " + text,
            "remove binlog_do_db and binlog_ignore_db there, and build anew what follows it");
}

/// What it wrote and others lack.
void check_own_writes(const Round& round, const Instance& replica) {
  if (feeds_a_partner(round.patient.topology, replica)) return;
  const std::string errant = errant_transactions(round.patient.topology, replica);
  if (!errant.empty()) {
    round.add(Badness::Critical, "errant-gtids", replica.key,
              "it has transactions of its own, which no server above or beside it has: " + errant +
                  "; if it is promoted, others get them or break",
              is_mariadb(replica)
                  ? "find out what wrote there; rebuild it, or make the others execute them"
                  : "find out what wrote there; remove them (orch gtid-errant-reset-master) or "
                    "make the others execute them");
  } else if (const std::string own = unknown_writes(round.patient.topology, replica);
             !own.empty()) {
    round.add(Badness::Warning, "own-writes", replica.key,
              "it wrote " + own + " itself, and no other server's binary log knows of it",
              "unless it was the master before the others were set up, its rows differ: compare "
              "them");
  }
}

}  // namespace

void check_links(const Round& round) {
  if (round.master != nullptr) check_binlog_filters(round, *round.master);
  for (const Instance* replica : round.replicas) {
    if (!replica->replication.configured) continue;
    check_running(round, *replica);
    check_lag(round, *replica);
    const std::string filters =
        filter_text(round.patient.topology,
                    round.master == nullptr ? InstanceKey{} : round.master->key, *replica);
    if (!filters.empty()) {
      round.add(
          Badness::Warning, "replication-filters", replica->key,
          "it " + filters + ": as a master it would lack them",
          "orch register-candidate " + to_string(replica->key) + " --promotion-rule must_not");
    }
    check_binlog_filters(round, *replica);
    if (!replica->server.log_bin || !replica->server.log_replica_updates) {
      round.add(Badness::Warning, "does-not-log", replica->key,
                replica->server.log_bin ? "log_slave_updates is off: it cannot be promoted"
                                        : "it has no binary log: it cannot be promoted",
                replica->server.log_bin ? "set log_slave_updates" : "set log_bin");
    }
  }
}

void check_gtid(const Round& round) {
  for (const Instance* replica : round.replicas) {
    if (!replica->replication.configured) continue;
    if (!uses_gtid(*replica) && !replica->gtid.uses_pseudo) {
      round.add(Badness::Critical, "no-gtid", replica->key,
                "it does not replicate by GTID: it may be impossible to put it beneath another "
                "master",
                is_mariadb(*replica) ? "CHANGE MASTER TO MASTER_USE_GTID=slave_pos"
                                     : "set gtid_mode=ON, and SOURCE_AUTO_POSITION=1");
    }
    if (round.master != nullptr && replica->gtid.mode != round.master->gtid.mode &&
        is_mariadb(*replica) == is_mariadb(*round.master)) {
      round.add(Badness::Warning, "gtid-modes-differ", replica->key,
                fmt::format("its gtid_mode is {}, the master's is {}", replica->gtid.mode,
                            round.master->gtid.mode),
                "set gtid_mode=ON everywhere");
    }
    check_own_writes(round, *replica);
  }
  for (const Instance* instance : round.answering)
    check_holes(round, *instance);
  for (const Instance* source : round.answering) {
    for (const Instance* replica : round.replicas) {
      if (source != replica) check_purged(round, *source, *replica);
    }
  }
}

namespace {

constexpr std::string_view kCannotFollow =
    "after a takeover the old master could not follow the new one";

/// A takeover asks the new master, then its siblings: one that tells is enough.
void check_credentials_query(const Round& round) {
  std::string first;
  for (const Instance* replica : round.replicas) {
    if (!round.patient.examined.contains(replica->key)) continue;
    const std::optional<std::string> why = round.examined(*replica).credentials_trouble;
    if (!why) return;
    if (first.empty()) first = fmt::format("{}: {}", to_string(replica->key), *why);
  }
  if (first.empty()) return;
  round.add(Badness::Warning, "no-replication-credentials", {},
            fmt::format("ReplicationCredentialsQuery tells no user and password on any replica "
                        "({}): {}",
                        first, kCannotFollow),
            "repair the query, or the table that it reads");
}

}  // namespace

void check_credentials(const Round& round) {
  if (round.replicas.empty()) return;
  if (round.patient.settings.has_credentials_query) return check_credentials_query(round);
  const bool somebody = std::any_of(
      round.answering.begin(), round.answering.end(),
      [](const Instance* instance) { return instance->replication.credentials_available; });
  if (somebody) return;
  round.add(
      Badness::Warning, "no-replication-credentials", {},
      fmt::format("no server tells orch user and password for replication: {}", kCannotFollow),
      "set ReplicationCredentialsQuery, or let servers keep the credentials in tables "
      "(master_info_repository=TABLE)");
}

}  // namespace orch
