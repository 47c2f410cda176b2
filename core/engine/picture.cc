#include "core/engine/picture.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/model/left_out.h"
#include "core/probe/crawl.h"

namespace orch {

namespace {

std::string complaint_of(const Observation& seen) {
  std::vector<std::string> messages;
  if (seen.error) messages.push_back(seen.error->message);
  for (const Error& error : seen.soft_errors)
    messages.push_back(error.message);
  return join(messages, "; ");
}

/// What the check that has just ended says of the record.
void keep_times(Freshness& freshness, const Observation& seen, TimePoint begun, TimePoint ended) {
  // The clock may have been set back while the check went on, or since the last one: what is of a
  // time to come would make a server that is there look as if it hung, or a dead one as if it
  // had just been seen.
  freshness.last_attempted_check = std::min(begun, ended);
  freshness.last_checked = ended;
  freshness.last_check_partial_success = seen.outcome != ProbeOutcome::Failed;
  freshness.last_error = seen.error;
  const bool clean = seen.outcome == ProbeOutcome::Clean;
  if (clean) {
    freshness.last_seen = ended;
  } else if (freshness.last_seen && *freshness.last_seen >= ended) {
    freshness.last_seen = ended - std::chrono::seconds(1);
  }
  freshness.is_last_check_valid = clean;
  freshness.is_up_to_date = true;
  freshness.is_recently_checked = true;
  freshness.since_last_check = std::chrono::seconds(0);
}

/// Since when the replica has heard nothing, as its record before and this one tell.
std::optional<TimePoint> silent_since(const Instance& before, const Replication& now) {
  const Replication& then = before.replication;
  const bool heard = !then.io_running || !now.io_running || then.source != now.source ||
                     then.heartbeats != now.heartbeats || then.read != now.read ||
                     then.retrieved_gtid_set != now.retrieved_gtid_set ||
                     then.gtid_io_pos != now.gtid_io_pos;
  if (heard) return std::nullopt;
  return then.silent_since ? then.silent_since : before.freshness.last_seen;
}

template <typename Index, typename Name>
void drop_from(Index& index, const Name& name, const InstanceKey& key) {
  const auto found = index.find(name);
  if (found == index.end()) return;
  found->second.erase(key);
  if (found->second.empty()) index.erase(found);
}

}  // namespace

void Picture::mark(Instance& instance) const {
  const auto downtime = marks_.downtimes.find(instance.key);
  instance.downtime = downtime == marks_.downtimes.end() ? Downtime{} : downtime->second;
  const auto rule = marks_.promotion_rules.find(instance.key);
  instance.promotion_rule =
      rule == marks_.promotion_rules.end() ? PromotionRule::Neutral : rule->second;
  instance.is_candidate = instance.promotion_rule == PromotionRule::Must ||
                          instance.promotion_rule == PromotionRule::Prefer;
  const auto incomplete = marks_.incomplete.find(instance.key);
  instance.incomplete = incomplete == marks_.incomplete.end() ? "" : incomplete->second;
}

void Picture::set_marks(Marks marks) {
  marks_ = std::move(marks);
  rules_.alias_override = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = marks_.alias_overrides.find(name);
    if (found == marks_.alias_overrides.end()) return std::nullopt;
    return found->second;
  };
  for (auto& [key, server] : servers_)
    mark(server.instance);
}

void Picture::unfile(const InstanceKey& key) {
  const auto found = servers_.find(key);
  if (found == servers_.end()) return;
  drop_from(members_, found->second.instance.cluster_name, key);
  drop_from(followers_, found->second.instance.replication.source, key);
  servers_.erase(found);
}

void Picture::file(const InstanceKey& key, Instance instance, std::string complaint) {
  unfile(key);
  instance.key = key;
  members_[instance.cluster_name].insert(key);
  if (is_valid(instance.replication.source)) followers_[instance.replication.source].insert(key);
  servers_[key] = {std::move(instance), std::move(complaint)};
}

void Picture::add(Instance record) {
  if (servers_.contains(record.key)) return;
  const InstanceKey key = record.key;
  file(key, std::move(record), "");
}

void Picture::settle_here(Observation& seen) const {
  CrawlResult one;
  one.found.push_back(std::move(seen));
  settle_all(one, rules_, [this](const InstanceKey& key) -> std::optional<Instance> {
    const Instance* known = find(key);
    return known == nullptr ? std::nullopt : std::optional<Instance>(*known);
  });
  seen = std::move(one.found.front());
}

std::set<std::string> Picture::take(const Observation& seen, TimePoint begun, TimePoint ended) {
  std::set<std::string> touched;
  if (seen.outcome == ProbeOutcome::Skipped) return touched;
  const InstanceKey key = seen.found() ? seen.instance.key : seen.asked;
  Freshness freshness;
  std::string unresolved;
  std::optional<TimePoint> silent;
  if (const Instance* before = find(key)) {
    touched.insert(before->cluster_name);
    silent = silent_since(*before, seen.instance.replication);
    freshness = before->freshness;
    unresolved = before->unresolved_hostname;
  } else if (!seen.found()) {
    return touched;  // nobody knows it, and it does not answer
  }
  keep_times(freshness, seen, begun, ended);
  if (seen.found()) {
    Observation settled = seen;
    settle_here(settled);
    mark(settled.instance);
    settled.instance.freshness = std::move(freshness);
    settled.instance.replication.silent_since = silent;
    settled.instance.unresolved_hostname = std::move(unresolved);
    touched.insert(settled.instance.cluster_name);
    file(key, std::move(settled.instance), complaint_of(seen));
    if (key != seen.asked) forget(seen.asked);
  } else {
    Server& server = servers_.at(key);
    server.instance.freshness = std::move(freshness);
    server.complaint = complaint_of(seen);
  }
  // It is a replica's word, and its source's affair, which may be of another cluster.
  const Instance& now = servers_.at(key).instance;
  if (const Instance* source = find(now.replication.source)) touched.insert(source->cluster_name);
  return touched;
}

void Picture::forget(const InstanceKey& key) {
  unfile(key);
}

const Instance* Picture::find(const InstanceKey& key) const {
  const auto found = servers_.find(key);
  return found == servers_.end() ? nullptr : &found->second.instance;
}

std::vector<InstanceKey> Picture::keys() const {
  std::vector<InstanceKey> keys;
  keys.reserve(servers_.size());
  for (const auto& [key, server] : servers_)
    keys.push_back(key);
  return keys;
}

std::set<std::string> Picture::clusters() const {
  std::set<std::string> names;
  for (const auto& [name, members] : members_)
    names.insert(name);
  return names;
}

std::set<InstanceKey> Picture::replicas_of(const InstanceKey& key) const {
  const auto found = followers_.find(key);
  return found == followers_.end() ? std::set<InstanceKey>{} : found->second;
}

std::set<InstanceKey> Picture::living_sources() const {
  std::set<InstanceKey> keys;
  for (const auto& [key, followers] : followers_) {
    const Instance* source = find(key);
    if (source != nullptr && source->freshness.is_last_check_valid) keys.insert(key);
  }
  return keys;
}

Topology Picture::cluster(const std::string& name) const {
  std::set<InstanceKey> keys;
  if (const auto found = members_.find(name); found != members_.end()) keys = found->second;
  std::set<InstanceKey> all = keys;
  for (const InstanceKey& key : keys) {
    const auto followers = followers_.find(key);
    if (followers != followers_.end())
      all.insert(followers->second.begin(), followers->second.end());
  }
  std::vector<Instance> instances;
  instances.reserve(all.size());
  for (const InstanceKey& key : all)
    instances.push_back(servers_.at(key).instance);
  return Topology(std::move(instances));
}

std::vector<Topology> Picture::leaving_out() const {
  std::set<std::string> names;
  for (const auto& [key, server] : servers_) {
    const Instance& one = server.instance;
    if (applies_part(one) || one.server.filters_binlog) names.insert(one.cluster_name);
  }
  std::vector<Topology> found;
  for (const std::string& name : names)
    found.push_back(cluster(name));
  return found;
}

Circumstances Picture::circumstances_of(const Topology& cluster,
                                        const Circumstances& common) const {
  Circumstances own;
  own.recoveries_disabled = common.recoveries_disabled;
  const auto copy = [](const auto& from, auto& into, const auto& name) {
    if (const auto found = from.find(name); found != from.end()) into.insert(*found);
  };
  for (const Instance& instance : cluster.instances()) {
    copy(common.stand_still, own.stand_still, instance.key);
    copy(common.maintenance, own.maintenance, instance.key);
    copy(common.clusters, own.clusters, instance.cluster_name);
    copy(common.recovering, own.recovering, instance.cluster_name);
    copy(common.resolved, own.resolved, instance.replication.source.hostname);
    copy(common.resolved, own.resolved, instance.key.hostname);
    const auto server = servers_.find(instance.key);
    if (server != servers_.end() && !server->second.complaint.empty()) {
      own.probe_errors[instance.key] = server->second.complaint;
    }
    if (const auto waiting = instance.semi_sync.source_waiting_sessions) {
      own.semi_sync_waiting[instance.key] = *waiting;
    }
  }
  return own;
}

}  // namespace orch
