#include "cmd/command/command.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

struct Synonym {
  std::string_view old_name{};
  std::string_view name{};
};

/// The old spellings (cli document, 7); every one is accepted, nothing else is derived.
constexpr std::array<Synonym, 27> kSynonyms = {{
    {"stop-slave", "stop-replica"},
    {"start-slave", "start-replica"},
    {"restart-slave", "restart-replica"},
    {"reset-slave", "reset-replica"},
    {"restart-slave-statements", "restart-replica-statements"},
    {"relocate-slaves", "relocate-replicas"},
    {"regroup-slaves", "regroup-replicas"},
    {"regroup-slaves-gtid", "regroup-replicas-gtid"},
    {"regroup-slaves-pgtid", "regroup-replicas-pgtid"},
    {"move-up-slaves", "move-up-replicas"},
    {"move-slaves-gtid", "move-replicas-gtid"},
    {"match-slaves", "match-replicas"},
    {"match-up-slaves", "match-up-replicas"},
    {"repoint-slaves", "repoint-replicas"},
    {"get-candidate-slave", "get-candidate-replica"},
    {"which-slaves", "which-replicas"},
    {"which-cluster-osc-slaves", "which-cluster-osc-replicas"},
    {"which-cluster-gh-ost-slaves", "which-cluster-gh-ost-replicas"},
    {"enslave-siblings", "take-siblings"},
    {"enslave-master", "take-master"},
    {"detach-slave", "detach-replica-master-host"},
    {"detach-replica", "detach-replica-master-host"},
    {"detach-slave-master-host", "detach-replica-master-host"},
    {"reattach-slave", "reattach-replica-master-host"},
    {"reattach-replica", "reattach-replica-master-host"},
    {"reattach-slave-master-host", "reattach-replica-master-host"},
    {"relocate-below", "relocate"},
}};

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (const auto family :
       {relocation_commands, pseudo_gtid_commands, replication_commands, pool_commands,
        topology_commands,   information_commands, selection_commands,   cluster_commands,
        kv_commands,         tag_commands,         discovery_commands,   management_commands,
        recovery_commands,   analysis_commands,    doctor_commands,      journal_commands,
        quarantine_commands, raft_commands,        acknowledge_commands, meta_commands,
        config_commands}) {
    for (Command& command : family())
      all.push_back(std::move(command));
  }
  return all;
}

}  // namespace

const std::vector<Command>& catalog() {
  static const std::vector<Command> kAll = all_commands();
  return kAll;
}

bool takes_alias(const Command& command) {
  return std::find(command.words.begin(), command.words.end(), Word::Cluster) !=
         command.words.end();
}

std::string canonical_name(std::string_view name) {
  const auto* const found = std::find_if(kSynonyms.begin(), kSynonyms.end(),
                                         [&](const Synonym& s) { return s.old_name == name; });
  return std::string(found == kSynonyms.end() ? name : found->name);
}

const Command* find_command(std::string_view name) {
  const std::string canonical = canonical_name(name);
  const auto found = std::find_if(catalog().begin(), catalog().end(), [&](const Command& command) {
    return command.name == canonical;
  });
  return found == catalog().end() || canonical.empty() ? nullptr : &*found;
}

std::vector<std::string_view> nearest_commands(std::string_view name) {
  constexpr std::size_t kFarthest = 3;
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const Command& command : catalog()) {
    if (command.offer == Offer::Legacy) continue;
    const std::size_t distance = edit_distance(name.substr(0, 64), command.name);
    if (distance <= kFarthest) near.emplace_back(distance, command.name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < near.size() && i < 3; ++i)
    names.push_back(near[i].second);
  return names;
}

Result<std::chrono::seconds> parse_simple_time(std::string_view text) {
  const auto problem = [&] {
    return fail(ErrorKind::InvalidInput,
                fmt::format("Cannot parse simple time: {}", printable(text)));
  };
  if (text.size() < 2) return problem();
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86'400;
      break;
    case 'w':
      unit = 604'800;
      break;
    default:
      return problem();
  }
  const std::optional<std::uint64_t> number = parse_uint(text.substr(0, text.size() - 1));
  constexpr std::uint64_t kLongest = 100ULL * 366 * 86'400;  // a century, in seconds
  if (!number || *number > kLongest / static_cast<std::uint64_t>(unit)) return problem();
  return std::chrono::seconds(static_cast<std::int64_t>(*number) * unit);
}

}  // namespace orch::cmd
