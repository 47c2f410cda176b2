#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/model/instance.h"

namespace orch {

/// The servers of one or more clusters as an immutable graph: who follows whom, by the replicas'
/// own word. Values inside never change; a new picture is a new Topology.
class Topology {
 public:
  Topology() = default;
  /// Of two instances with one key the later wins.
  explicit Topology(std::vector<Instance> instances);

  [[nodiscard]] std::span<const Instance> instances() const { return instances_; }  ///< by key
  [[nodiscard]] const Instance* find(const InstanceKey& key) const;

  /// The member that `key` follows: its source, or for a group secondary the group's primary.
  [[nodiscard]] const Instance* source_of(const InstanceKey& key) const;
  /// Those who follow `key` (group secondaries included), by key.
  [[nodiscard]] std::vector<const Instance*> replicas_of(const InstanceKey& key) const;
  /// The others who follow the same source.
  [[nodiscard]] std::vector<const Instance*> siblings_of(const InstanceKey& key) const;
  /// Everything below `key`, nearest first, without `key` itself even in a circle.
  [[nodiscard]] std::vector<const Instance*> descendants_of(const InstanceKey& key) const;
  /// The chain of sources above `key`, nearest first; stops where it would repeat.
  [[nodiscard]] std::vector<const Instance*> ancestors_of(const InstanceKey& key) const;
  [[nodiscard]] bool is_below(const InstanceKey& key, const InstanceKey& ancestor) const;

  /// Members without a source among the members, by key.
  [[nodiscard]] std::vector<const Instance*> roots() const;
  /// The two follow each other.
  [[nodiscard]] bool are_co_sources(const InstanceKey& a, const InstanceKey& b) const;
  /// Circles of replication of any length, each once, starting at its smallest key.
  [[nodiscard]] std::vector<std::vector<InstanceKey>> circles() const;

 private:
  [[nodiscard]] std::optional<std::size_t> index_of(const InstanceKey& key) const;

  std::vector<Instance> instances_;                 ///< by key
  std::vector<std::optional<std::size_t>> source_;  ///< per instance
  std::vector<std::vector<std::size_t>> replicas_;  ///< per instance, by key
};

}  // namespace orch
