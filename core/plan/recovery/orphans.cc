#include "core/plan/recovery/orphans.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/text.h"
#include "core/model/left_out.h"
#include "core/plan/binlog_family.h"
#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/move.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/second_names.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

/// Those who followed the failed server when the run, or an earlier one that was cut off, began,
/// or do now.
std::set<InstanceKey> orphans_of(const InstanceKey& failed, const Progress& so_far,
                                 const Topology& fresh) {
  std::set<InstanceKey> keys;
  if (so_far.facts.orphans) keys.insert(so_far.facts.orphans->begin(), so_far.facts.orphans->end());
  for (const Topology* topology : {&so_far.at_start, &fresh}) {
    for (const Instance* replica : topology->replicas_of(failed)) {
      if (!is_group_secondary(*replica)) keys.insert(replica->key);
    }
  }
  return keys;
}

/// Whether its place in the refuge's log is found by Pseudo-GTID.
bool matches(const Instance& orphan, const Instance& refuge, const Policy& policy) {
  return !gtid_compatible(orphan, refuge) && may_match(orphan, refuge, policy);
}

/// Why the orphan cannot go there; "" when it can be tried.
std::string objection_to(const Instance& orphan, const Instance* refuge, const Topology& fresh,
                         const Policy& policy) {
  if (refuge == nullptr) return "is not known";
  if (!answers(*refuge)) return silence_of(*refuge);
  if (refuge->key == orphan.key) return "is itself";
  if (fresh.is_below(refuge->key, orphan.key)) return "is below it";
  if (hand_out_one_log(fresh, orphan.replication.source, refuge->key)) {
    const auto can = can_replicate_from(orphan, *refuge, policy.rules());
    return can ? "" : can.error().message;
  }
  const bool match = matches(orphan, *refuge, policy);
  const auto can =
      match ? check_match(orphan, *refuge, policy) : check_gtid_move(orphan, *refuge, policy);
  return can ? "" : can.error().message;
}

Move move_to(const Instance& orphan, const Refuge& refuge, const Policy& policy,
             const Topology& fresh) {
  Move move;
  const Instance* server = fresh.find(refuge.server);
  if (hand_out_one_log(fresh, orphan.replication.source, refuge.server)) {
    move.target.positioning = Positioning::Coordinates;
    move.same_log = true;
  } else if (server != nullptr && matches(orphan, *server, policy)) {
    move.target.positioning = Positioning::Coordinates;
    move.by_pseudo_gtid = true;
  }
  move.server = orphan.key;
  move.target.source = refuge.server;
  move.why = refuge.why;
  move.always_start = true;
  return move;
}

/// The first move that is under way or can be tried; what it says about the last one when all
/// failed.
MoveState next_of_orphan(const Instance& orphan, const std::vector<Refuge>& refuges,
                         const Policy& policy, const Progress& so_far, const Topology& fresh) {
  std::string reasons;
  const auto note = [&](const Refuge& refuge, const std::string& because) {
    reasons += (reasons.empty() ? "" : "; ") + to_string(refuge.server) + ": " + because;
  };
  for (const Refuge& refuge : refuges) {
    if (refuge.server == orphan.key) continue;
    const bool follows = orphan.replication.source == refuge.server;
    if (!follows) {
      std::string because = objection_to(orphan, fresh.find(refuge.server), fresh, policy);
      if (!because.empty()) {
        note(refuge, because);
        continue;
      }
    }
    MoveState state = next_of_move(move_to(orphan, refuge, policy, fresh), so_far, fresh, policy);
    if (state.kind != MoveState::Kind::Lost) return state;
    note(refuge, state.because);
  }
  if (reasons.empty()) reasons = "there is no server that it could follow";
  return {MoveState::Kind::Lost, {}, reasons};
}

/// The refuge that took most.
std::optional<InstanceKey> main_refuge(const std::vector<InstanceKey>& moved,
                                       const Topology& fresh) {
  std::map<InstanceKey, int> taken;
  for (const InstanceKey& key : moved)
    ++taken[fresh.find(key)->replication.source];
  const auto most = std::max_element(
      taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == taken.end()) return std::nullopt;
  return most->first;
}

/// Rows that a server on their old way left out do not come by the new one either.
void note_filtered(const InstanceKey& failed, const Topology& before, const Topology& now,
                   Account& account) {
  const Instance* way = before.find(failed);
  const Instance* filter = way == nullptr ? nullptr : filter_between(before, {}, *way);
  if (filter == nullptr) return;
  std::string who;
  for (const InstanceKey& key : account.moved) {
    const Instance* source = now.source_of(key);
    const Instance* shared = source == nullptr ? nullptr : filter_between(now, {}, *source);
    if (shared != nullptr && shared->key == filter->key) continue;
    who += (who.empty() ? "" : ", ") + to_string(key);
  }
  if (who.empty()) return;
  account.notes.push_back(
      to_string(filter->key) +
      (filter->server.skips_errors ? " skipped errors" : " filtered what it replicated") +
      ": rows that it left out are missing in " + who +
      " until somebody brings them there; by the tag " + std::string(kIncompleteTag) +
      " they are passed over until then (orch untag)");
}

bool is_preferred(const Instance& instance) {
  return instance.promotion_rule == PromotionRule::Must ||
         instance.promotion_rule == PromotionRule::Prefer;
}

bool same_site(const Instance& a, const Instance& b) {
  return a.location.data_center == b.location.data_center &&
         a.location.physical_environment == b.location.physical_environment;
}

/// Larger is better.
auto sibling_rank(const Instance& sibling, const Instance& failed, const Topology& fresh) {
  const Position executed = executed_position(sibling);
  const auto* set = std::get_if<GtidSet>(&executed);
  std::uint64_t advance = set == nullptr ? 0 : set->count();
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&executed)) {
    for (const MariaDbGtid& gtid : pos->ends())
      advance = std::max(advance, gtid.sequence);
  }
  return std::make_tuple(is_preferred(sibling) && same_site(sibling, failed), is_preferred(sibling),
                         same_site(sibling, failed), fresh.replicas_of(sibling.key).size(),
                         advance);
}

bool can_shelter(const Instance& sibling, const Instance& failed, const Policy& policy) {
  return answers(sibling) && sibling.server.log_bin && sibling.server.log_replica_updates &&
         replica_running(sibling) && sibling.replication.channels <= 1 &&
         !is_banned(sibling, policy) &&
         sibling.replication.has_filters == failed.replication.has_filters &&
         (failed.server.skips_errors || !sibling.server.skips_errors) &&
         sibling.server.filters_binlog == failed.server.filters_binlog &&
         sibling.server.binlog_server == failed.server.binlog_server;
}

/// Sources of a lost link of their own: what the failed one's data center has, then the others.
void add_siblings(const Instance& failed, bool in_data_center, const Policy& policy,
                  const Topology& fresh, std::vector<Refuge>& refuges) {
  std::vector<const Instance*> siblings;
  for (const Instance* sibling : fresh.siblings_of(failed.key)) {
    const bool near = sibling->location.data_center == failed.location.data_center;
    if (near == in_data_center && can_shelter(*sibling, failed, policy)) {
      siblings.push_back(sibling);
    }
  }
  std::stable_sort(siblings.begin(), siblings.end(), [&](const Instance* a, const Instance* b) {
    return sibling_rank(*a, failed, fresh) > sibling_rank(*b, failed, fresh);
  });
  for (const Instance* sibling : siblings) {
    refuges.push_back({sibling->key, in_data_center
                                         ? "a sibling of the failed server, in its data center"
                                         : "a sibling of the failed server, elsewhere"});
  }
}

/// The most advanced of the orphans, under which the others may gather. Decided at the start.
const Instance* leader_of(const InstanceKey& failed, const Policy& policy, const Progress& so_far) {
  const Instance* leader = nullptr;
  for (const Instance* replica : so_far.at_start.replicas_of(failed)) {
    const bool fit = answers(*replica) && replica->server.log_bin &&
                     replica->server.log_replica_updates && !is_banned(*replica, policy);
    if (!fit) continue;
    if (leader == nullptr || !contains(received_position(*leader), received_position(*replica))) {
      leader = replica;
    }
  }
  return leader;
}

Decision decline(std::string text) {
  return GiveUp{Error{ErrorKind::Refused, std::move(text)}, {}};
}

Decision next_dead_intermediate(const InstanceKey& key, const Policy& policy,
                                const Progress& so_far, const Topology& fresh) {
  const Instance* failed = fresh.find(key);
  if (failed == nullptr) return decline("Error reading " + to_string(key));
  if (so_far.facts.giving_up) return GiveUp{*so_far.facts.giving_up, {}};
  if (answers(*failed) && so_far.steps.empty()) {
    return decline(to_string(key) + " answers: move its replicas with 'orch relocate-replicas'");
  }
  const Instance* source = fresh.source_of(key);
  if (source == nullptr) {
    return decline(to_string(key) + " is no intermediate master: it follows nobody that is known");
  }
  std::vector<Refuge> refuges;
  add_siblings(*failed, true, policy, fresh, refuges);
  const Instance* leader = leader_of(key, policy, so_far);
  if (leader != nullptr && so_far.at_start.replicas_of(key).size() > 1) {
    refuges.push_back({leader->key, "the most advanced of the failed server's replicas"});
  }
  add_siblings(*failed, false, policy, fresh, refuges);
  refuges.push_back({source->key, "the failed server's own source"});
  return next_of_orphans(key, refuges, policy, so_far, fresh);
}

Decision next_dead_group_member(const InstanceKey& key, const Policy& policy,
                                const Progress& so_far, const Topology& fresh) {
  const Instance* failed = fresh.find(key);
  if (failed == nullptr) return decline("Error reading " + to_string(key));
  if (so_far.facts.giving_up) return GiveUp{*so_far.facts.giving_up, {}};
  if (answers(*failed) && is_group_member(*failed) && so_far.steps.empty()) {
    return decline(to_string(key) + " answers: move its replicas with 'orch relocate-replicas'");
  }
  std::vector<const Instance*> members;
  for (const InstanceKey& other : failed->group.others) {
    const Instance* member = fresh.find(other);
    if (member == nullptr || !answers(*member) || !is_group_member(*member)) continue;
    if (!equals_ignoring_case(member->group.state, "ONLINE")) continue;
    if (member->group.name == failed->group.name) members.push_back(member);
  }
  if (members.empty() && failed->group.others.empty()) {
    return decline("which other members the group of " + to_string(key) +
                   " has is not known: let its replicas follow one of them");
  }
  if (members.empty()) {
    return decline("no other member of the replication group of " + to_string(key) + " is online");
  }
  std::stable_sort(members.begin(), members.end(), [&](const Instance* a, const Instance* b) {
    const auto rank = [&](const Instance& member) {
      return std::make_tuple(same_site(member, *failed), is_group_secondary(member));
    };
    return rank(*a) > rank(*b);
  });
  std::vector<Refuge> refuges;
  for (const Instance* member : members)
    refuges.push_back({member->key, "another member of the group, online"});
  return next_of_orphans(key, refuges, policy, so_far, fresh);
}

}  // namespace

Decision next_of_orphans(const InstanceKey& failed, const std::vector<Refuge>& refuges,
                         const Policy& policy, const Progress& so_far, const Topology& fresh) {
  Run run;
  std::vector<MoveState> states;
  Account account;
  const std::set<InstanceKey> orphans = orphans_of(failed, so_far, fresh);
  run.facts.orphans = std::vector<InstanceKey>(orphans.begin(), orphans.end());
  for (const InstanceKey& key : orphans) {
    const Instance* orphan = fresh.find(key);
    if (orphan == nullptr) continue;
    if (!answers(*orphan)) {
      account.lost.push_back({key, silence_of(*orphan)});
      continue;
    }
    if (orphan->replication.channels > 1) {
      account.lost.push_back(
          {key, "replicates from " + std::to_string(orphan->replication.channels) + " sources"});
      continue;
    }
    MoveState state = next_of_orphan(*orphan, refuges, policy, so_far, fresh);
    if (state.kind == MoveState::Kind::Moved) account.moved.push_back(key);
    if (state.kind == MoveState::Kind::Lost) account.lost.push_back({key, state.because});
    states.push_back(std::move(state));
  }
  run.steps = next_steps_of(std::move(states));
  if (run.steps.empty()) run.steps = undo_thread_steps(so_far, fresh, account.lost);
  if (!run.steps.empty()) return run;
  account.promoted = main_refuge(account.moved, fresh);
  note_filtered(failed, so_far.at_start, fresh, account);
  if (!account.moved.empty()) return Done{std::move(account)};
  std::string text = "no replica of " + to_string(failed) + " could be moved";
  for (const LostReplica& lost : account.lost)
    text += "; " + to_string(lost);
  std::vector<const Instance*> those;
  for (const LostReplica& lost : account.lost) {
    if (const Instance* server = fresh.find(lost.key)) those.push_back(server);
  }
  return GiveUp{Error{kind_of_failing(those), std::move(text)}, std::move(account)};
}

Planner dead_intermediate(InstanceKey failed, Policy policy) {
  return with_one_name_each({{failed}, true}, [=](const Progress& so_far, const Topology& fresh) {
    return next_dead_intermediate(failed, policy, so_far, fresh);
  });
}

Planner dead_group_member(InstanceKey failed, Policy policy) {
  return with_one_name_each({{failed}, true}, [=](const Progress& so_far, const Topology& fresh) {
    return next_dead_group_member(failed, policy, so_far, fresh);
  });
}

}  // namespace orch
