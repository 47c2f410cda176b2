#include "core/plan/recovery/successor.h"

#include <algorithm>

#include "core/plan/candidate.h"
#include "core/plan/foreign.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/recovery/promotion.h"

namespace orch {

namespace {

bool has_followers(const Instance& top, const Topology& fresh) {
  const std::vector<const Instance*> followers = fresh.replicas_of(top.key);
  return std::any_of(followers.begin(), followers.end(),
                     [](const Instance* follower) { return answers(*follower); });
}

}  // namespace

std::vector<const Instance*> writable_tops(const InstanceKey& failed, const Topology& fresh) {
  std::vector<const Instance*> tops;
  for (const Instance* root : fresh.roots()) {
    if (root->key != failed && is_writable_top(*root)) tops.push_back(root);
  }
  return tops;
}

std::string lacks_of(const Instance& top, const Instance& failed, const Topology& fresh) {
  const Position has = executed_position(top);
  bool compared = false;
  for (const Instance* replica : fresh.replicas_of(failed.key)) {
    if (!answers(*replica) || replica->key == top.key) continue;
    const Position received = without_foreign(*replica, usable_position(*replica), fresh);
    if (received.index() != has.index()) continue;
    compared = true;
    if (contains(has, received) || is_only_errant(*replica, has, fresh)) continue;
    return to_string(missing(has, received)) + " of " + to_string(replica->key);
  }
  if (compared || has_followers(top, fresh)) return "";
  const Position had = gtids_of_all(failed);
  if (!is_known(had) || had.index() != has.index()) return "all that could be compared";
  return contains(has, had) ? "" : to_string(missing(has, had)) + " of " + to_string(failed.key);
}

std::string objection_to_tops(const Instance& failed, const Topology& fresh) {
  const std::vector<const Instance*> tops = writable_tops(failed.key, fresh);
  if (tops.empty()) return "";
  const std::string key = to_string(tops.front()->key);
  if (tops.size() > 1) {
    return key + " and " + to_string(tops[1]->key) + " both take writes";
  }
  return key + " takes writes already and is no new primary of these replicas: it lacks " +
         lacks_of(*tops.front(), failed, fresh) +
         "; make it read-only, or take it out with 'orch forget " + key + "'";
}

}  // namespace orch
