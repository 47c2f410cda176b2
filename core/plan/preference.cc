#include "core/plan/preference.h"

#include "core/plan/candidate.h"
#include "core/plan/position.h"
#include "core/plan/recovery/fetching.h"

namespace orch {

namespace {

bool at_one_site(const Instance& a, const Instance& b) {
  return a.location.data_center == b.location.data_center &&
         a.location.physical_environment == b.location.physical_environment;
}

/// Whether it has all that `best` has, or can soon fetch it from there.
bool keeps_up_with(const Instance& best, const Instance& instance, const InstanceKey& failed,
                   const Policy& policy) {
  const Position held = usable_position(instance);
  const Position wanted = usable_position(best);
  const bool comparable = is_known(held) && held.index() == wanted.index();
  const bool soon = instance.replication.sql_delay.count() == 0 &&
                    instance.replication.last_sql_error.empty() &&
                    instance.replication.last_io_error.find("ccess denied") == std::string::npos &&
                    has_reasonable_lag(instance, policy.reasonable_replication_lag);
  if (!comparable || !soon) return false;
  return contains(held, wanted) ||
         (instance.replication.source == best.replication.source &&
          best.replication.last_sql_error.empty() &&
          best.replication.sql_delay <= policy.reasonable_maintenance_replication_lag &&
          obstacle_to_fetch(instance, best, failed, policy, {}).empty());
}

}  // namespace

Preference preference(const std::vector<const Instance*>& fit, const Instance* failed,
                      const Policy& policy) {
  if (fit.size() < 2 || !is_replica(*fit.front())) return {};
  const Instance& best = *fit.front();
  const auto wanted = [](const Instance& i) {
    return i.promotion_rule == PromotionRule::Must || i.promotion_rule == PromotionRule::Prefer;
  };
  const auto neutral = [](const Instance& i) {
    return i.promotion_rule == PromotionRule::Neutral;
  };
  const auto near = [&](const Instance& i) {
    return failed != nullptr && at_one_site(i, *failed);
  };
  const InstanceKey key = failed == nullptr ? InstanceKey{} : failed->key;
  const auto first = [&](auto ruled, auto placed) -> const Instance* {
    for (const Instance* one : fit) {
      const bool other = one != &best && ruled(*one) && placed(*one);
      if (other && keeps_up_with(best, *one, key, policy)) return one;
    }
    return nullptr;
  };
  const auto beside_best = [&](const Instance& i) {
    return at_one_site(i, best);
  };
  const auto anywhere = [](const Instance&) {
    return true;
  };
  if (wanted(best) && near(best)) return {};
  const Instance* found = first(wanted, near);
  if (found == nullptr && wanted(best)) return {};
  if (found == nullptr) found = first(wanted, beside_best);
  if (found == nullptr) found = first(wanted, anywhere);
  if (found != nullptr) {
    return {found, "promotion rule " + std::string(to_string(found->promotion_rule))};
  }
  if (best.promotion_rule != PromotionRule::PreferNot) return {};
  found = first(neutral, near);
  if (found == nullptr) found = first(neutral, beside_best);
  if (found == nullptr) found = first(neutral, anywhere);
  return {found, "promotion rule prefer_not speaks against " + to_string(best.key)};
}

}  // namespace orch
