#include "core/probe/cluster_name.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/model/gtid_set.h"

namespace orch {
namespace {

bool follow_each_other(const Instance& instance, const Instance* source) {
  return source != nullptr && is_valid(source->replication.source) &&
         source->replication.source == instance.key && instance.replication.source == source->key;
}

void settle_name(Instance& instance, const Instance* source) {
  instance.replication_depth = source != nullptr ? source->replication_depth + 1 : 0;
  instance.cluster_name = source != nullptr ? source->cluster_name : std::string();
  const std::string own = to_string(instance.key);
  instance.is_co_master = follow_each_other(instance, source);
  if (instance.is_co_master) {
    const bool is_a_partner =
        instance.cluster_name == own || instance.cluster_name == to_string(source->key);
    if (!is_a_partner) instance.cluster_name = to_string(std::min(instance.key, source->key));
  }
  if (instance.cluster_name.empty()) instance.cluster_name = own;
  if (instance.is_co_master && instance.cluster_name == own) instance.replication_depth = 0;
}

/// "No" stands for a status without such a column.
std::string source_uuid_of(const Instance& instance) {
  const std::string& uuid = instance.replication.source_uuid;
  return uuid == "No" ? std::string() : uuid;
}

void settle_ancestry(Instance& instance, const Instance* source) {
  std::string inherited = source != nullptr ? source->ancestry_uuid : std::string();
  if (instance.is_co_master) inherited = source_uuid_of(instance);
  std::vector<std::string> parts;
  for (const std::string* part : {&std::as_const(inherited), &std::as_const(instance.server.uuid),
                                  &std::as_const(instance.group.name)}) {
    if (!part->empty()) parts.push_back(*part);
  }
  instance.ancestry_uuid = join(parts, ",");
}

/// What was executed here, comes from none of the ancestors, and is unknown to the source.
void settle_errant(Instance& instance, const Instance* source) {
  instance.gtid.errant.clear();
  if (source == nullptr || instance.gtid.executed.empty() || source->gtid.executed.empty()) return;
  Result<GtidSet> own = GtidSet::parse(instance.gtid.executed);
  Result<GtidSet> of_source = GtidSet::parse(source->gtid.executed);
  if (!own || !of_source) return;
  // The source's set may have been read before ours, and would make its fresh transactions errant.
  for (const std::string& uuid : words(instance.ancestry_uuid, ",")) {
    if (instance.is_co_master || !equals_ignoring_case(uuid, instance.server.uuid)) {
      own->remove_uuid(uuid);
    }
  }
  if (own->empty()) return;
  of_source->remove_uuid(source_uuid_of(instance));
  instance.gtid.errant = own->minus(*of_source).to_string();
}

std::string alias_of(const Instance& instance, const Instance* source,
                     const std::string& detected_alias, const SettleRules& rules) {
  if (rules.alias_override) {
    if (auto alias = rules.alias_override(instance.cluster_name); alias && !alias->empty()) {
      return *std::move(alias);
    }
  }
  if (source != nullptr && !source->suggested_cluster_alias.empty()) {
    return source->suggested_cluster_alias;
  }
  if (!detected_alias.empty()) return detected_alias;
  for (const auto& [pattern, alias] : rules.cluster_name_to_alias) {
    if (pattern.matches(instance.cluster_name)) return alias;
  }
  return {};
}

}  // namespace

void settle(Instance& instance, const Instance* source, const std::string& detected_alias,
            const SettleRules& rules) {
  settle_name(instance, source);
  settle_ancestry(instance, source);
  settle_errant(instance, source);
  if (rules.pseudo_gtid_injected) {
    instance.gtid.uses_pseudo = rules.pseudo_gtid_injected(instance.cluster_name);
  }
  instance.suggested_cluster_alias = alias_of(instance, source, detected_alias, rules);
}

void keep_group(Instance& instance,
                const std::function<std::optional<Instance>(const InstanceKey&)>& stored) {
  const std::string& uuid = instance.server.uuid;
  const bool waits = instance.group.name.empty() && instance.server.read_only &&
                     !instance.replication.configured && !uuid.empty();
  if (!waits) return;
  const std::optional<Instance> before = stored(instance.key);
  if (!before || !is_group_member(*before)) return;
  if (!equals_ignoring_case(before->server.uuid, uuid)) return;
  instance.group = before->group;
  instance.group.state = "OFFLINE";
}

std::optional<InstanceKey> settles_from(const Instance& instance) {
  if (is_group_secondary(instance)) {
    if (is_valid(instance.group.primary)) return instance.group.primary;
    return std::nullopt;
  }
  if (!is_valid(instance.replication.source)) return std::nullopt;
  return instance.replication.source;
}

}  // namespace orch
