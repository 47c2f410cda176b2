#include "core/probe/crawl.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/mutex.h"
#include "core/base/text.h"

namespace orch {
namespace {

/// A crawl under way, shared by its workers.
class Crawl {
 public:
  Crawl(const ProbeFunction& probe, const CrawlSettings& settings,
        const std::function<void(const CrawlProgress&)>& on_progress)
      : probe_(probe), settings_(settings), on_progress_(on_progress) {}

  CrawlResult run(const std::vector<InstanceKey>& seeds);

 private:
  void work();
  std::optional<InstanceKey> next();
  void done(const InstanceKey& key, Observation seen);
  void report();

  void name(const InstanceKey& key) ORCH_REQUIRES(mutex_);
  void name_candidate(const InstanceKey& key, const InstanceKey& source) ORCH_REQUIRES(mutex_);
  void ask(const InstanceKey& key) ORCH_REQUIRES(mutex_);
  void take(const InstanceKey& key, Observation seen) ORCH_REQUIRES(mutex_);
  void name_known_replicas(const InstanceKey& source) ORCH_REQUIRES(mutex_);
  void take_found(const InstanceKey& key, Observation seen) ORCH_REQUIRES(mutex_);
  void accept(Observation seen) ORCH_REQUIRES(mutex_);
  void accept_confirmed() ORCH_REQUIRES(mutex_);
  [[nodiscard]] std::optional<InstanceKey> confirmed_source(const InstanceKey& key,
                                                            const Instance& candidate) const
      ORCH_REQUIRES(mutex_);
  [[nodiscard]] InstanceKey real_key(const InstanceKey& key) const ORCH_REQUIRES(mutex_);
  void use_real_keys(Instance& instance) const ORCH_REQUIRES(mutex_);
  CrawlResult result() ORCH_REQUIRES(mutex_);

  const ProbeFunction& probe_;
  const CrawlSettings& settings_;
  const std::function<void(const CrawlProgress&)>& on_progress_;

  Mutex progress_mutex_;  ///< before mutex_, and held while `on_progress_` runs
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<InstanceKey> queue_ ORCH_GUARDED_BY(mutex_);
  std::size_t busy_ ORCH_GUARDED_BY(mutex_){0};
  std::set<InstanceKey> asked_ ORCH_GUARDED_BY(mutex_);
  std::set<InstanceKey> certain_ ORCH_GUARDED_BY(mutex_);  ///< named by more than a process list
  /// Whose process lists name a key.
  std::map<InstanceKey, std::set<InstanceKey>> candidate_of_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, Observation> held_ ORCH_GUARDED_BY(mutex_);  ///< candidates that answered
  std::map<InstanceKey, Observation> found_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, InstanceKey> real_keys_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, std::string> skipped_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, Error> unreachable_ ORCH_GUARDED_BY(mutex_);
};

void Crawl::ask(const InstanceKey& key) {
  if (!asked_.insert(key).second) return;
  if (settings_.ignore_hosts.matches(key.hostname, key.port)) {
    skipped_[key] = "filtered by DiscoveryIgnoreHostnameFilters";
    return;
  }
  queue_.push_back(key);
}

/// Somebody says for certain that the key is a server of this topology.
void Crawl::name(const InstanceKey& key) {
  if (!is_valid(key) || !certain_.insert(key).second) return;
  ask(key);
  if (const auto held = held_.find(key); held != held_.end()) {
    Observation seen = std::move(held->second);
    held_.erase(held);
    take_found(key, std::move(seen));
  } else if (const auto skipped = skipped_.find(key);
             skipped != skipped_.end() && unreachable_.contains(key)) {
    skipped_.erase(skipped);
  }
}

void Crawl::name_candidate(const InstanceKey& key, const InstanceKey& source) {
  if (!is_valid(key)) return;
  candidate_of_[key].insert(source);
  ask(key);
}

InstanceKey Crawl::real_key(const InstanceKey& key) const {
  const auto found = real_keys_.find(key);
  return found == real_keys_.end() ? key : found->second;
}

/// Of those whose process list names the candidate, the one that it says it follows.
std::optional<InstanceKey> Crawl::confirmed_source(const InstanceKey& key,
                                                   const Instance& candidate) const {
  const auto sources = candidate_of_.find(key);
  if (sources == candidate_of_.end()) return std::nullopt;
  const InstanceKey follows = real_key(candidate.replication.source);
  for (const InstanceKey& source : sources->second) {
    if (source == follows) return source;
    const auto record = found_.find(source);
    if (record != found_.end() && !record->second.instance.server.uuid.empty() &&
        equals_ignoring_case(record->second.instance.server.uuid,
                             candidate.replication.source_uuid)) {
      return source;
    }
  }
  return std::nullopt;
}

void Crawl::accept(Observation seen) {
  const Instance& instance = seen.instance;
  const InstanceKey key = instance.key;
  std::vector<InstanceKey> named = instance.group.others;
  if (is_valid(instance.group.primary)) named.push_back(instance.group.primary);
  named.insert(named.end(), instance.replicas.begin(), instance.replicas.end());
  for (const InstanceKey& replica : seen.ignored_replicas)
    skipped_[replica] = "filtered by DiscoveryIgnoreReplicaHostnameFilters";
  if (const InstanceKey& source = instance.replication.source; is_valid(source)) {
    if (settings_.ignore_sources.matches(source.hostname, source.port)) {
      skipped_[source] = "filtered by DiscoveryIgnoreMasterHostnameFilters";
    } else {
      named.push_back(source);
    }
  }
  const std::vector<InstanceKey> candidates = seen.replica_candidates;
  found_.emplace(key, std::move(seen));
  for (const InstanceKey& other : named)
    name(other);
  name_known_replicas(key);
  for (const InstanceKey& candidate : candidates)
    name_candidate(candidate, key);
}

/// The replicas of a dead server can be asked all the same, and a dead replica is told.
void Crawl::name_known_replicas(const InstanceKey& source) {
  if (!settings_.known_replicas) return;
  for (const InstanceKey& replica : settings_.known_replicas(source)) {
    if (!settings_.ignore_replicas.matches(replica.hostname, replica.port)) name(replica);
  }
}

void Crawl::take_found(const InstanceKey& key, Observation seen) {
  const InstanceKey real = seen.instance.key;
  if (real != key) {
    real_keys_[key] = real;
    asked_.insert(real);
    certain_.insert(real);
    // The same server may have been asked, or be asked right now, by its own name.
    unreachable_.erase(real);
  }
  const auto known = found_.find(real);
  if (known == found_.end()) {
    accept(std::move(seen));
  } else {  // it has one more name
    std::vector<ResolvedName>& names = known->second.resolved;
    names.insert(names.end(), seen.resolved.begin(), seen.resolved.end());
  }
}

void Crawl::take(const InstanceKey& key, Observation seen) {
  const bool certain = certain_.contains(key);
  if (seen.outcome == ProbeOutcome::Skipped) {
    skipped_[key] = "its replication user is filtered by DiscoveryIgnoreReplicationUsernameFilters";
  } else if (!seen.found()) {
    Error error = seen.error.value_or(Error{ErrorKind::Broken, to_string(key) + ": not read"});
    if (!certain) {
      skipped_[key] = fmt::format("guessed from the process list of {}, and not read: {}",
                                  to_string(*candidate_of_[key].begin()), error.message);
    }
    unreachable_[key] = std::move(error);
    if (certain) name_known_replicas(key);
  } else if (certain) {
    take_found(key, std::move(seen));
  } else if (const auto source = confirmed_source(key, seen.instance)) {
    certain_.insert(key);
    found_.at(*source).instance.replicas.push_back(seen.instance.key);
    take_found(key, std::move(seen));
  } else {
    held_.emplace(key, std::move(seen));
  }
}

/// Names learnt since may show that a candidate follows its source after all.
void Crawl::accept_confirmed() {
  for (auto held = held_.begin(); held != held_.end();) {
    const auto source = confirmed_source(held->first, held->second.instance);
    if (!source) {
      ++held;
      continue;
    }
    const InstanceKey key = held->first;
    Observation seen = std::move(held->second);
    held_.erase(held);
    certain_.insert(key);
    found_.at(*source).instance.replicas.push_back(seen.instance.key);
    take_found(key, std::move(seen));
    held = held_.begin();  // what was taken may have taken others
  }
}

std::optional<InstanceKey> Crawl::next() {
  mutex_.lock();
  for (;;) {
    if (queue_.empty() && busy_ == 0) accept_confirmed();
    if (!queue_.empty() || busy_ == 0) break;
    changed_.wait(mutex_);
  }
  std::optional<InstanceKey> key;
  if (!queue_.empty()) {
    key = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
  }
  mutex_.unlock();
  changed_.notify_all();
  return key;
}

void Crawl::done(const InstanceKey& key, Observation seen) {
  {
    const MutexLock lock(mutex_);
    take(key, std::move(seen));
    --busy_;
  }
  changed_.notify_all();
  if (on_progress_) report();
}

void Crawl::report() {
  const MutexLock one_call(progress_mutex_);
  CrawlProgress progress;
  {
    const MutexLock lock(mutex_);
    progress = {found_.size(), unreachable_.size(), queue_.size() + busy_};
  }
  on_progress_(progress);
}

void Crawl::work() {
  while (const std::optional<InstanceKey> key = next()) {
    done(*key, probe_(*key, std::chrono::steady_clock::now() + settings_.probe_timeout));
  }
}

void Crawl::use_real_keys(Instance& instance) const {
  const auto replace = [&](InstanceKey& key) {
    key = real_key(key);
  };
  replace(instance.replication.source);
  replace(instance.group.primary);
  for (std::vector<InstanceKey>* keys : {&instance.replicas, &instance.group.others}) {
    for (InstanceKey& key : *keys)
      replace(key);
    std::ranges::sort(*keys);
    const auto repeated = std::unique(keys->begin(), keys->end());
    keys->erase(repeated, keys->end());
  }
}

CrawlResult Crawl::result() {
  CrawlResult result;
  for (auto& [key, seen] : held_) {
    const InstanceKey& follows = seen.instance.replication.source;
    skipped_[key] = fmt::format(
        "reads the binary log of {}, but {}", to_string(*candidate_of_[key].begin()),
        is_valid(follows) ? "follows " + to_string(follows) : std::string("is no replica"));
  }
  for (auto& [key, seen] : found_) {
    use_real_keys(seen.instance);
    result.found.push_back(std::move(seen));
  }
  for (auto& [key, because] : skipped_) {
    if (!found_.contains(real_key(key))) result.skipped.push_back({key, because});
  }
  for (auto& [key, error] : unreachable_) {
    if (!skipped_.contains(key) && !found_.contains(real_key(key))) {
      result.unreachable.push_back({key, error});
    }
  }
  std::vector<const Instance*> found;
  for (const Observation& seen : result.found)
    found.push_back(&seen.instance);
  result.warnings = twins(found);
  std::vector<Instance> instances;
  for (const Observation& seen : result.found)
    instances.push_back(seen.instance);
  for (std::string& warning : circle_warnings(Topology(std::move(instances))))
    result.warnings.push_back(std::move(warning));
  return result;
}

CrawlResult Crawl::run(const std::vector<InstanceKey>& seeds) {
  {
    const MutexLock lock(mutex_);
    for (const InstanceKey& seed : seeds)
      name(seed);
  }
  std::vector<std::jthread> helpers;
  try {
    for (std::size_t i = 1; i < settings_.width; ++i)
      helpers.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // As many as the system gives; this thread is one in any case.
    helpers.shrink_to_fit();
  }
  work();
  helpers.clear();
  const MutexLock lock(mutex_);
  return result();
}

/// Settles found servers, each after the one that it depends on.
class Settling {
 public:
  Settling(CrawlResult& result, const SettleRules& rules,
           const std::function<std::optional<Instance>(const InstanceKey&)>& stored)
      : rules_(rules), stored_(stored) {
    for (Observation& seen : result.found)
      open_.emplace(seen.instance.key, &seen);
    for (const UnreachedKey& unreached : result.unreachable)
      unreached_.insert(unreached.key);
  }

  void run() {
    while (!open_.empty()) {
      std::vector<InstanceKey> chain = chain_from(open_.begin()->first);
      for (auto key = chain.rbegin(); key != chain.rend(); ++key)
        settle_one(*key);
    }
  }

 private:
  /// From a server up through its sources that are open; a circle is cut so that the member that
  /// gives the cluster its name comes last.
  std::vector<InstanceKey> chain_from(const InstanceKey& start) {
    std::vector<InstanceKey> chain{start};
    for (;;) {
      const auto above = settles_from(open_.at(chain.back())->instance);
      if (!above || !open_.contains(*above)) return chain;
      const auto repeated = std::ranges::find(chain, *above);
      if (repeated == chain.end()) {
        chain.push_back(*above);
        continue;
      }
      const std::vector<InstanceKey> circle(repeated, chain.end());
      const InstanceKey top = top_of(circle);
      cut_ = top;
      // Walk from the top's replica in the circle round to the top.
      const auto at = std::ranges::find(circle, top);
      chain.assign(at + 1, circle.end());
      chain.insert(chain.end(), circle.begin(), at + 1);
      return chain;
    }
  }

  InstanceKey top_of(const std::vector<InstanceKey>& circle) const {
    if (stored_) {
      for (const InstanceKey& member : circle) {
        const auto record = stored_(member);
        if (!record) continue;
        const auto named = std::ranges::find_if(
            circle, [&](const InstanceKey& key) { return to_string(key) == record->cluster_name; });
        if (named != circle.end()) return *named;
      }
    }
    return *std::ranges::min_element(circle);
  }

  void settle_one(const InstanceKey& key) {
    Observation& seen = *open_.at(key);
    if (seen.untold != Untold{} && stored_) {
      if (const auto record = stored_(key)) keep_untold(seen, *record);
    }
    if (stored_) keep_group(seen.instance, stored_);
    std::optional<Instance> source = source_of(seen.instance);
    if (source && cut_ == key) {
      // The top of a circle: of two it is named after itself, of more it has nothing above it.
      source->cluster_name = to_string(key);
      if (source->replication.source != key) source.reset();
    }
    settle(seen.instance, source ? &*source : nullptr, seen.detected_cluster_alias, rules_);
    if (cut_ == key) cut_.reset();
    settled_.emplace(key, &seen.instance);
    open_.erase(key);
  }

  std::optional<Instance> source_of(const Instance& instance) const {
    const auto above = settles_from(instance);
    if (!above) return std::nullopt;
    if (const auto found = settled_.find(*above); found != settled_.end()) return *found->second;
    if (const auto found = open_.find(*above); found != open_.end()) {
      return found->second->instance;
    }
    if (stored_) {
      if (auto record = stored_(*above)) return record;
    }
    if (!unreached_.contains(*above)) return std::nullopt;
    // Nobody ever read it, and yet its replicas are one cluster.
    return Instance{.key = *above, .cluster_name = to_string(*above)};
  }

  const SettleRules& rules_;
  const std::function<std::optional<Instance>(const InstanceKey&)>& stored_;
  std::map<InstanceKey, Observation*> open_;
  std::map<InstanceKey, Instance*> settled_;
  std::set<InstanceKey> unreached_;
  std::optional<InstanceKey> cut_;
};

}  // namespace

CrawlResult crawl(const ProbeFunction& probe, const std::vector<InstanceKey>& seeds,
                  const CrawlSettings& settings,
                  const std::function<void(const CrawlProgress&)>& on_progress) {
  return Crawl(probe, settings, on_progress).run(seeds);
}

std::vector<std::string> twins(const std::vector<const Instance*>& found) {
  std::vector<std::string> warnings;
  std::map<std::string, InstanceKey> by_uuid;
  std::map<std::uint32_t, InstanceKey> by_id;
  for (const Instance* seen : found) {
    const ServerFacts& server = seen->server;
    const std::string key = to_string(seen->key);
    if (server.binlog_server) continue;  // has its source's identity on purpose
    const auto uuid = by_uuid.try_emplace(to_lower(server.uuid), seen->key);
    if (!server.uuid.empty() && !uuid.second) {
      warnings.push_back(fmt::format(
          "{} and {} have the same server_uuid {}: one server under two names, or a copied data "
          "directory (remove auto.cnf there)",
          to_string(uuid.first->second), key, printable(server.uuid)));
      continue;
    }
    const auto id = by_id.try_emplace(server.id, seen->key);
    if (!id.second) {
      warnings.push_back(fmt::format(
          "{} and {} have the same server_id {}: {}give each server of a topology its own",
          to_string(id.first->second), key, server.id,
          server.uuid.empty() ? "one server under two names, or two servers with one id: " : ""));
    }
  }
  return warnings;
}

std::vector<std::string> circle_warnings(const Topology& topology) {
  std::vector<std::string> warnings;
  for (const std::vector<InstanceKey>& circle : topology.circles()) {
    if (circle.size() == 2) continue;
    std::string text = to_string(circle.front());
    for (std::size_t i = 1; i <= circle.size(); ++i)
      text += " follows " + to_string(circle[i % circle.size()]);
    warnings.push_back(
        text +
        ": a circle of replication has no master; stop replication on the server that "
        "is to be it");
  }
  return warnings;
}

void settle_all(CrawlResult& result, const SettleRules& rules,
                const std::function<std::optional<Instance>(const InstanceKey&)>& stored) {
  Settling(result, rules, stored).run();
}

}  // namespace orch
