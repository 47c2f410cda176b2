#include "core/plan/second_names.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
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
  std::map<InstanceKey, std::size_t> places;
  const auto add = [&](const InstanceKey& key) {
    places.try_emplace(key, places.size());
  };
  if (so_far.facts.winner) add(*so_far.facts.winner);
  std::for_each(meant.begin(), meant.end(), add);
  for (const StepResult& result : so_far.steps)
    add(result.step.server);
  std::vector<const Instance*> ranked;
  for (const Instance& instance : fresh.instances())
    ranked.push_back(&instance);
  const auto rank = [&](const Instance* one) {
    const auto place = places.find(one->key);
    return std::make_pair(place == places.end() ? places.size() : place->second, !answers(*one));
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
  std::map<std::string, const Instance*> by_uuid;
  std::map<std::uint32_t, const Instance*> by_id;
  for (const Instance* one : by_rank(names.meant, so_far, fresh)) {
    const ServerFacts& server = one->server;
    if (server.binlog_server) continue;  // has its source's identity on purpose
    const bool has_uuid = !server.uuid.empty();
    if (!has_uuid && server.id == 0) continue;
    const Instance* first = has_uuid ? by_uuid.try_emplace(to_lower(server.uuid), one).first->second
                                     : by_id.try_emplace(server.id, one).first->second;
    if (first == one) continue;
    const bool is_it =
        has_uuid || names.ids_tell || is_past_return(so_far) || holds_the_same(*one, *first);
    if (is_it) found[one->key] = {first->key, has_uuid, note_of(*one, *first, has_uuid)};
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
