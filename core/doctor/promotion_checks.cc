// Whether there is a master, and somebody to take its place.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/doctor/checks.h"
#include "core/plan/candidate.h"
#include "core/plan/step.h"

namespace orch {

namespace {

template <typename Value>
void check_duplicates(const Round& round, std::string_view code, std::string_view name,
                      Value (*value_of)(const Instance&), std::string_view remedy) {
  std::map<Value, std::vector<const Instance*>> holders;
  for (const Instance* instance : round.answering)
    holders[value_of(*instance)].push_back(instance);
  for (const auto& [value, instances] : holders) {
    if (value == Value{} || instances.size() < 2) continue;
    std::vector<std::string> names;
    for (const Instance* instance : instances)
      names.push_back(to_string(instance->key));
    round.add(Badness::Critical, code, instances.front()->key,
              fmt::format("{} have the same {} {}", join(names, " and "), name, value),
              std::string(remedy));
  }
}

}  // namespace

bool is_full(std::string_view message) {
  const std::string text = to_lower(message);
  return text.find("too many connections") != std::string::npos ||
         text.find("takes no more connections") != std::string::npos;
}

void check_reach(const Round& round) {
  for (const auto& [key, why] : round.patient.unreached) {
    const bool master = round.master != nullptr && round.master->key == key;
    round.add(master ? Badness::Critical : Badness::Warning, "not-reached", key,
              fmt::format("the {} could not be read: {}", master ? "master" : "server", why),
              is_full(why) ? "it lives: raise max_connections, or end what holds its connections"
              : master     ? "if it is dead: orch failover " + round.patient.alias
                           : "repair the server or forget it: orch forget " + to_string(key));
  }
}

void check_shape(const Round& round) {
  const Topology& topology = round.patient.topology;
  std::vector<std::string> writable_tops;
  for (const Instance* root : topology.roots()) {
    if (!root->server.read_only) writable_tops.push_back(to_string(root->key));
  }
  if (writable_tops.size() > 1) {
    round.add(Badness::Critical, "several-masters", {},
              fmt::format("{} are writable and follow nobody", join(writable_tops, " and ")),
              "make all but one read-only, and let them follow it");
  }
  if (round.master != nullptr && is_group_member(*round.master) &&
      !round.master->group.single_primary) {
    round.add(Badness::Notice, "several-primaries", round.master->key,
              "it is one of several primaries: none of its replicas is promoted while another of "
              "them may live",
              "when it is gone for good, its replicas are to follow another");
  }
  for (const std::vector<InstanceKey>& circle : topology.circles()) {
    std::vector<std::string> names;
    for (const InstanceKey& key : circle)
      names.push_back(to_string(key));
    const bool pair = circle.size() == 2;
    round.add(pair ? Badness::Notice : Badness::Critical, pair ? "co-masters" : "circle", {},
              join(names, pair ? " and " : " -> ") +
                  (pair ? " are co-masters" : " replicate in a circle"),
              pair ? "only one of them may be writable"
                   : "orch does not recover circles of more than two: break it up");
  }
  for (const Instance* instance : round.answering) {
    if (instance->replication.channels < 2) continue;
    round.add(Badness::Warning, "several-sources", instance->key,
              fmt::format("it replicates from {} sources: orch never moves or promotes it",
                          instance->replication.channels),
              "move it by hand when its source is replaced");
  }
}

void check_identity(const Round& round) {
  check_duplicates<std::uint32_t>(
      round, "same-server-id", "server_id", [](const Instance& i) { return i.server.id; },
      "give each server a server_id of its own; with one id they skip each other's transactions");
  check_duplicates<std::string>(
      round, "same-server-uuid", "server_uuid", [](const Instance& i) { return i.server.uuid; },
      "stop one, delete its auto.cnf, and start it again");
}

void check_candidates(const Round& round) {
  if (round.master == nullptr) {
    round.add(Badness::Critical, "no-master", {}, "no server of the cluster is its master",
              "orch topology " + round.patient.alias + " shows who follows whom");
    return;
  }
  if (round.patient.topology.replicas_of(round.master->key).empty()) {
    round.add(Badness::Critical, "no-replica", round.master->key,
              "the master has no replica: there is nobody to take its place", "add a replica");
    return;
  }
  const Choice choice =
      choose_candidate(round.patient.topology, round.master->key, round.patient.policy);
  std::size_t fit = 0;
  std::vector<std::string> reasons;
  for (const Verdict& verdict : choice.ranked) {
    if (verdict.fit) {
      ++fit;
      continue;
    }
    reasons.push_back(fmt::format("{}: {}", to_string(verdict.key), verdict.because));
    round.add(Badness::Notice, "not-promotable", verdict.key, verdict.because,
              "it will never take the master's place; mend that if it should");
  }
  if (!choice.winner) {
    round.add(Badness::Critical, "no-candidate", round.master->key,
              "nobody can take the master's place" +
                  (reasons.empty() ? std::string() : " (" + join(reasons, "; ") + ")"),
              "make at least one replica fit: binary log, log_slave_updates, no promotion rule "
              "against it, within reach");
  } else if (fit == 1) {
    round.add(Badness::Notice, "single-candidate", *choice.winner,
              "it is the only one that can take the master's place",
              "make another replica fit, so that one may fail");
  }
}

void check_versions(const Round& round) {
  const auto differ = [&](auto value_of) {
    return std::any_of(round.answering.begin(), round.answering.end(), [&](const Instance* i) {
      return value_of(*i) != value_of(*round.answering.front());
    });
  };
  const auto list = [&](auto value_of) {
    std::vector<std::string> texts;
    for (const Instance* i : round.answering)
      texts.push_back(fmt::format("{} {}", to_string(i->key), value_of(*i)));
    return join(texts, ", ");
  };
  if (round.answering.empty()) return;
  if (differ([](const Instance& i) { return is_mariadb(i); })) {
    round.add(Badness::Critical, "mixed-flavors", {},
              "MySQL and MariaDB are in one cluster: " +
                  list([](const Instance& i) { return i.server.version; }),
              "servers of one flavor cannot follow the other by GTID");
  } else if (differ([](const Instance& i) { return major_version(i.server.version); })) {
    round.add(Badness::Warning, "mixed-versions", {},
              "several versions: " + list([](const Instance& i) { return i.server.version; }),
              "a server cannot follow a newer one safely: upgrade all, the master last");
  }
  if (differ([](const Instance& i) { return i.server.binlog_format; })) {
    round.add(
        Badness::Warning, "mixed-binlog-formats", {},
        "several binlog formats: " + list([](const Instance& i) { return i.server.binlog_format; }),
        "set binlog_format=ROW everywhere");
  }
}

/// One that was replaced, and what it had committed that the new master never got: to follow the
/// new one it must be without them.
void check_replaced(const Round& round, const Instance& old, const std::optional<Instance>& heir) {
  if (!heir) {
    round.add(
        Badness::Critical, "master-read-only", old.key,
        "it is read-only and in quarantine: another took its place, which does not answer, so "
        "that it is not known whether this one has transactions that the other lacks",
        "'orch quarantine list' names the other one");
    return;
  }
  const Position has = executed_position(old);
  const Position there = executed_position(*heir);
  const bool compares = is_known(has) && has.index() == there.index() &&
                        !std::holds_alternative<BinlogCoordinates>(has);
  const Difference extra = compares ? missing(there, has) : Difference{};
  const std::string heir_key = to_string(heir->key);
  round.add(Badness::Critical, "master-read-only", old.key,
            "it is read-only and in quarantine: " + heir_key + " took its place",
            extra.empty() ? "let it follow " + heir_key : "see errant-gtids, before it follows");
  if (extra.empty()) return;
  round.add(
      Badness::Critical, "errant-gtids", old.key,
      "it has transactions that " + heir_key + ", which took its place, lacks: " + to_string(extra),
      "look at them in its binary log; set it up anew from " + heir_key +
          " before it follows that one");
}

/// Read-only is what makes a failover one.
void check_quarantined(const Round& round) {
  for (const auto& [key, heir] : round.patient.quarantined) {
    const Instance* server = round.patient.topology.find(key);
    if (server == nullptr || !answers(*server) || server->server.read_only) continue;
    const std::string name = to_string(key);
    round.add(Badness::Critical, "quarantined-writable", key,
              "it takes writes although it is in quarantine: " +
                  (heir ? to_string(heir->key) + " took its place"
                        : std::string("another took its place, which does not answer")),
              heir ? "orch discover " + name + " makes it read-only"
                   : "if it is to be the master: orch quarantine release " + name);
  }
}

void check_read_only(const Round& round) {
  check_quarantined(round);
  if (round.master != nullptr && answers(*round.master) && round.master->server.read_only) {
    const auto replaced = round.patient.quarantined.find(round.master->key);
    if (replaced != round.patient.quarantined.end()) {
      check_replaced(round, *round.master, replaced->second);
    } else {
      round.add(Badness::Critical, "master-read-only", round.master->key, "the master is read-only",
                "orch set-writeable " + to_string(round.master->key));
    }
  }
  for (const Instance* replica : round.replicas) {
    if (!replica->replication.configured) continue;
    if (!replica->server.read_only) {
      round.add(Badness::Warning, "writable-replica", replica->key,
                "the replica is writable: what is written there is lost or breaks replication",
                "orch set-read-only " + to_string(replica->key));
    } else if (round.patient.settings.use_super_read_only &&
               replica->server.super_read_only == false) {
      round.add(Badness::Notice, "super-read-only-off", replica->key,
                "super_read_only is off, though UseSuperReadOnly is set",
                "orch set-read-only " + to_string(replica->key));
    }
  }
}

}  // namespace orch
