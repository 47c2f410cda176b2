#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "core/model/tag.h"
#include "core/model/topology.h"
#include "storage/database.h"

namespace orch::storage {

/// Tags of instances; an instance need not be known.
class TagStore {
 public:
  TagStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<> save(const InstanceKey& key, const Tag& tag);
  [[nodiscard]] Result<std::optional<Tag>> find(const InstanceKey& key,
                                                const std::string& name) const;
  /// By name.
  [[nodiscard]] Result<std::vector<Tag>> list(const InstanceKey& key) const;
  /// Every tag, by instance and name.
  [[nodiscard]] Result<std::map<InstanceKey, std::vector<Tag>>> list_all() const;
  /// Instances for which all expressions hold, by key.
  [[nodiscard]] Result<std::vector<InstanceKey>> list_tagged(
      std::span<const TagExpression> expressions) const;
  /// Removes the tag, with a value only if it is equal. False when nothing was removed.
  Result<bool> forget(const InstanceKey& key, const TagExpression& expression);
  /// Tags those that lack rows and do not say so yet (core/model/left_out.h): the new tags.
  Result<std::vector<std::pair<InstanceKey, Tag>>> mark_incomplete(const Topology& cluster);
  /// By instance, and never "".
  [[nodiscard]] Result<std::map<InstanceKey, std::string>> list_incomplete() const;
  /// Removes the tag from all instances; answers with those that had it, by key.
  Result<std::vector<InstanceKey>> forget_everywhere(const Tag& tag);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
