#include "core/plan/second_names.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "core/base/text.h"

namespace orch {

namespace {

struct SecondName {
  InstanceKey of{};
  bool is_certain{false};
  std::string note{};
};

using Found = std::map<InstanceKey, SecondName>;

/// Those that the plan goes by come first, then those that it went by, then those that answer.
std::vector<const Instance*> by_rank(const std::vector<InstanceKey>& meant, const Progress& so_far,
                                     const Topology& fresh) {
  std::vector<InstanceKey> first;
  if (so_far.facts.winner) first.push_back(*so_far.facts.winner);
  first.insert(first.end(), meant.begin(), meant.end());
  for (const StepResult& result : so_far.steps)
    first.push_back(result.step.server);
  std::vector<const Instance*> ranked;
  for (const Instance& instance : fresh.instances())
    ranked.push_back(&instance);
  const auto rank = [&](const Instance* one) {
    const auto place = std::find(first.begin(), first.end(), one->key) - first.begin();
    return std::make_tuple(place, !answers(*one));
  };
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&](const Instance* a, const Instance* b) { return rank(a) < rank(b); });
  return ranked;
}

bool holds_the_same(const Instance& a, const Instance& b) {
  return to_string(received_position(a)) == to_string(received_position(b));
}

std::string note_of(const Instance& second, const Instance& first, bool is_certain) {
  const std::string key = to_string(second.key);
  const std::string is_it = " is " + to_string(first.key) + " under another name ('orch forget " +
                            key + "' drops it), or ";
  return key + is_it +
         (is_certain ? "has a copied data directory (remove auto.cnf there)"
                     : "needs a server_id of its own, and not " + std::to_string(first.server.id)) +
         ": it is left alone";
}

Found second_names(const SecondNames& names, const Progress& so_far, const Topology& fresh) {
  Found found;
  std::vector<const Instance*> firsts;
  for (const Instance* one : by_rank(names.meant, so_far, fresh)) {
    const ServerFacts& server = one->server;
    if (server.binlog_server) continue;  // has its source's identity on purpose
    const auto is_it = [&](const Instance* first) {
      if (!server.uuid.empty() && !first->server.uuid.empty()) {
        return equals_ignoring_case(server.uuid, first->server.uuid);
      }
      const bool ids_tell = names.ids_tell || so_far.facts.winner || holds_the_same(*one, *first);
      return ids_tell && server.id != 0 && server.id == first->server.id;
    };
    const auto first = std::find_if(firsts.begin(), firsts.end(), is_it);
    if (first == firsts.end()) {
      firsts.push_back(one);
      continue;
    }
    const bool is_certain = !server.uuid.empty() && !(*first)->server.uuid.empty();
    found[one->key] = {(*first)->key, is_certain, note_of(*one, **first, is_certain)};
  }
  return found;
}

Topology without(const Found& found, const Topology& topology) {
  std::vector<Instance> instances;
  for (const Instance& instance : topology.instances()) {
    if (found.contains(instance.key)) continue;
    instances.push_back(instance);
    InstanceKey& source = instances.back().replication.source;
    const auto second = found.find(source);
    if (second != found.end() && second->second.is_certain) source = second->second.of;
  }
  return Topology(std::move(instances));
}

}  // namespace

Planner with_one_name_each(SecondNames names, Planner planner) {
  return [names = std::move(names), planner = std::move(planner)](const Progress& so_far,
                                                                  const Topology& fresh) {
    const Found found = second_names(names, so_far, fresh);
    if (found.empty()) return planner(so_far, fresh);
    Progress known = so_far;
    known.at_start = without(found, so_far.at_start);
    Decision decision = planner(known, without(found, fresh));
    const auto note = [&](Account& account) {
      for (const auto& [key, second] : found)
        account.notes.push_back(second.note);
    };
    if (auto* done = std::get_if<Done>(&decision)) note(done->account);
    if (auto* given_up = std::get_if<GiveUp>(&decision)) note(given_up->account);
    return decision;
  };
}

}  // namespace orch
