#include "core/model/selection.h"

#include <algorithm>
#include <map>
#include <string>

#include "core/model/instance_order.h"

namespace orch {

namespace {

bool holds(const InstanceFilter& filter, const Instance& instance) {
  return filter && filter(instance);
}

bool logs_updates(const Instance& instance) {
  return instance.server.log_bin && instance.server.log_replica_updates;
}

/// May serve as a master by its configuration and its latest check.
bool is_fit(const Instance& instance, const InstanceFilter& ignored) {
  return instance.freshness.is_last_check_valid && logs_updates(instance) &&
         !instance.server.binlog_server && !is_banned_from_promotion(instance, ignored);
}

int version_order(const Instance& a, const Instance& b) {
  if (is_smaller_major_version(a.server.version, b.server.version)) return -1;
  return is_smaller_major_version(b.server.version, a.server.version) ? 1 : 0;
}

/// Unknown formats come last, so that the order is strict for a sort.
int format_rank(const Instance& instance) {
  const std::string& format = instance.server.binlog_format;
  return format == "STATEMENT" ? 0 : format == "MIXED" ? 1 : format == "ROW" ? 2 : 3;
}

/// The better candidate replica first; REC-17: one criterion after the other, both ways.
bool is_better_candidate(const Instance& a, const Instance& b, const Instance* source) {
  const auto by_place = compare(b.replication.exec, a.replication.exec);
  if (by_place != std::weak_ordering::equivalent) return by_place == std::weak_ordering::less;
  if (logs_updates(a) != logs_updates(b)) return logs_updates(a);
  if (const int order = version_order(a, b); order != 0) return order < 0;
  if (format_rank(a) != format_rank(b)) return format_rank(a) < format_rank(b);
  const auto is_near = [&](const Instance& i) {
    return source && i.location.data_center == source->location.data_center;
  };
  if (is_near(a) != is_near(b)) return is_near(a);
  if (a.gtid.errant.empty() != b.gtid.errant.empty()) return a.gtid.errant.empty();
  if (a.promotion_rule != b.promotion_rule) return a.promotion_rule < b.promotion_rule;
  return a.key < b.key;
}

/// The member whose `precedes` class is the largest; of classes of one size the first by order.
template <typename Precedes>
const Instance* of_most_frequent(std::span<const Instance> instances, const Precedes& precedes) {
  std::map<const Instance*, int, Precedes> counts(precedes);
  for (const Instance& instance : instances) {
    ++counts[&instance];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? nullptr : most->first;
}

/// Per data center (descending) the first two, busy ones and lagging leaves first.
Chosen two_per_data_center(Chosen members) {
  std::sort(members.begin(), members.end(), [](const Instance* a, const Instance* b) {
    if (a->location.data_center != b->location.data_center) {
      return a->location.data_center > b->location.data_center;
    }
    if (a->replicas.size() != b->replicas.size()) return a->replicas.size() > b->replicas.size();
    if (a->replicas.empty() && a->replication.lag != b->replication.lag) {
      return a->replication.lag > b->replication.lag;
    }
    return a->key < b->key;
  });
  std::map<std::string, int> taken;
  std::erase_if(members, [&](const Instance* i) { return ++taken[i->location.data_center] > 2; });
  return members;
}

bool tops_cluster(const Instance& instance) {
  return instance.replication_depth == 0 || instance.is_co_master;
}

/// The steps by which the replacement of a promoted server is found.
class Replacement {
 public:
  Replacement(std::span<const Instance> cluster, const Instance& promoted, const Instance* failed,
              const PromotionLimits& limits)
      : promoted_(promoted), failed_(failed), limits_(limits) {
    for (const Instance& member : cluster) {
      if (!failed || member.key != failed->key) members_.push_back(&member);
    }
    std::sort(members_.begin(), members_.end(),
              [](const Instance* a, const Instance* b) { return a->key < b->key; });
  }

  [[nodiscard]] const Instance& find() const {
    const bool promoted_is_candidate = is_candidate(promoted_);
    if (promoted_is_candidate && is_near_failed(promoted_)) return promoted_;
    if (const Instance* near =
            last_able(&Replacement::is_candidate, &Replacement::is_near_failed)) {
      return *near;
    }
    if (promoted_is_candidate && is_allowed(promoted_)) return promoted_;
    if (const Instance* found = last_able_of(&Replacement::is_candidate)) {
      return *found;
    }
    if (is_allowed(promoted_) && promoted_.promotion_rule != PromotionRule::PreferNot) {
      return promoted_;
    }
    if (const Instance* near = last_able(&Replacement::is_neutral, &Replacement::is_near_failed)) {
      return *near;
    }
    const Instance* found = last_able_of(&Replacement::is_neutral);
    return found ? *found : promoted_;
  }

 private:
  using Test = bool (Replacement::*)(const Instance&) const;

  [[nodiscard]] bool is_candidate(const Instance& i) const {
    return i.promotion_rule == PromotionRule::Must || i.promotion_rule == PromotionRule::Prefer;
  }
  [[nodiscard]] bool is_neutral(const Instance& i) const {
    return i.promotion_rule == PromotionRule::Neutral;
  }
  [[nodiscard]] bool is_near_failed(const Instance& i) const {
    return failed_ && in_one_site(i, *failed_);
  }
  [[nodiscard]] bool is_near_promoted(const Instance& i) const { return in_one_site(i, promoted_); }
  [[nodiscard]] static bool in_one_site(const Instance& a, const Instance& b) {
    return a.location.data_center == b.location.data_center &&
           a.location.physical_environment == b.location.physical_environment;
  }
  /// By the prevention of failovers between data centers and regions.
  [[nodiscard]] bool is_allowed(const Instance& i) const {
    if (!failed_) return true;
    return (!limits_.prevent_cross_data_center ||
            i.location.data_center == failed_->location.data_center) &&
           (!limits_.prevent_cross_region || i.location.region == failed_->location.region);
  }
  [[nodiscard]] bool is_able(const Instance& i) const {
    return is_fit(i, limits_.ignored) && i.replication.source == promoted_.key &&
           can_replicate_from(promoted_, i, limits_.rules).has_value();
  }

  [[nodiscard]] const Instance* last_able(Test has_rule, Test is_placed) const {
    const auto found = std::find_if(members_.rbegin(), members_.rend(), [&](const Instance* i) {
      return (this->*has_rule)(*i) && (this->*is_placed)(*i) && is_able(*i);
    });
    return found == members_.rend() ? nullptr : *found;
  }
  /// Near the promoted one, else anywhere that is allowed.
  [[nodiscard]] const Instance* last_able_of(Test has_rule) const {
    const Instance* near = last_able(has_rule, &Replacement::is_near_promoted);
    return near ? near : last_able(has_rule, &Replacement::is_allowed);
  }

  Chosen members_;  ///< without the failed one, by key
  const Instance& promoted_;
  const Instance* failed_;
  const PromotionLimits& limits_;
};

}  // namespace

bool is_banned_from_promotion(const Instance& instance, const InstanceFilter& ignored) {
  return instance.promotion_rule == PromotionRule::MustNot || holds(ignored, instance);
}

const Instance* candidate_replica(const Instance* source, std::span<const Instance> replicas,
                                  const InstanceFilter& ignored) {
  const Instance* version_limit = of_most_frequent(
      replicas, [](const Instance* a, const Instance* b) { return version_order(*a, *b) < 0; });
  const Instance* format_limit = of_most_frequent(
      replicas,
      [](const Instance* a, const Instance* b) { return format_rank(*a) < format_rank(*b); });
  const Instance* best = nullptr;
  for (const Instance& replica : replicas) {
    if (!is_fit(replica, ignored) || version_order(*version_limit, replica) < 0 ||
        is_smaller_binlog_format(format_limit->server.binlog_format,
                                 replica.server.binlog_format)) {
      continue;
    }
    if (!best || is_better_candidate(replica, *best, source)) best = &replica;
  }
  return best;
}

Chosen osc_replicas(std::span<const Instance> cluster, const InstanceFilter& ignored) {
  const auto eligible = [&](const auto& is_wanted) {
    Chosen members;
    for (const Instance& i : cluster) {
      if (is_wanted(i) && !i.server.binlog_server && i.freshness.is_last_check_valid &&
          !holds(ignored, i)) {
        members.push_back(&i);
      }
    }
    return members;
  };
  Chosen chosen =
      two_per_data_center(eligible([](const Instance& i) { return i.replication_depth == 1; }));
  for (std::size_t i = 0, tier = chosen.size(); i < tier; ++i) {
    if (chosen[i]->replicas.empty()) continue;
    const InstanceKey source = chosen[i]->key;
    Chosen replicas = eligible([&](const Instance& r) { return r.replication.source == source; });
    std::sort(replicas.begin(), replicas.end(),
              [](const Instance* a, const Instance* b) { return before_by_replicas(*a, *b); });
    replicas.resize(std::min<std::size_t>(replicas.size(), 2));
    chosen.insert(chosen.end(), replicas.begin(), replicas.end());
  }
  const Chosen third =
      two_per_data_center(eligible([](const Instance& i) { return i.replication_depth == 3; }));
  chosen.insert(chosen.end(), third.begin(), third.end());
  return chosen;
}

Chosen gh_ost_replicas(std::span<const Instance> cluster) {
  Chosen chosen;
  for (const Instance& i : cluster) {
    if (i.replication_depth > 0 && i.server.binlog_format == "ROW" && logs_updates(i) &&
        i.freshness.is_last_check_valid && !i.server.binlog_server) {
      chosen.push_back(&i);
    }
  }
  std::sort(chosen.begin(), chosen.end(), [](const Instance* a, const Instance* b) {
    if (a->replicas.size() != b->replicas.size()) return a->replicas.size() < b->replicas.size();
    return a->key < b->key;
  });
  return chosen;
}

std::optional<std::chrono::seconds> heuristic_lag(std::span<const Instance> cluster,
                                                  const InstanceFilter& ignored) {
  std::optional<std::chrono::seconds> largest;
  for (const Instance* i : osc_replicas(cluster, ignored)) {
    largest = std::max(largest.value_or(std::chrono::seconds(0)),
                       i->replication.lag.value_or(std::chrono::seconds(0)));
  }
  return largest;
}

const Instance* cluster_master(std::span<const Instance> cluster) {
  const Instance* master = nullptr;
  const auto precedes = [](const Instance& a, const Instance& b) {
    if (a.server.read_only != b.server.read_only) return b.server.read_only;
    if (a.replication_depth != b.replication_depth) {
      return a.replication_depth < b.replication_depth;
    }
    return a.key < b.key;
  };
  for (const Instance& i : cluster) {
    if (tops_cluster(i) && (!master || precedes(i, *master))) master = &i;
  }
  return master;
}

Chosen writable_cluster_masters(std::span<const Instance> instances) {
  Chosen masters;
  for (const Instance& i : instances) {
    if (tops_cluster(i) && !i.server.read_only) masters.push_back(&i);
  }
  std::sort(masters.begin(), masters.end(),
            [](const Instance* a, const Instance* b) { return before_by_cluster(*a, *b); });
  const auto rest = std::unique(masters.begin(), masters.end(), [](const auto* a, const auto* b) {
    return a->cluster_name == b->cluster_name;
  });
  masters.erase(rest, masters.end());
  return masters;
}

const Instance& promoted_replacement(std::span<const Instance> cluster, const Instance& promoted,
                                     const Instance* failed, const PromotionLimits& limits) {
  return Replacement(cluster, promoted, failed, limits).find();
}

}  // namespace orch
