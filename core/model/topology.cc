#include "core/model/topology.h"

#include <algorithm>
#include <utility>

namespace orch {

namespace {

const InstanceKey& followed_key(const Instance& instance) {
  return is_group_secondary(instance) ? instance.group.primary : instance.replication.source;
}

bool before_by_key(const Instance& a, const Instance& b) {
  return a.key < b.key;
}

}  // namespace

Topology::Topology(std::vector<Instance> instances) {
  std::stable_sort(instances.begin(), instances.end(), before_by_key);
  for (Instance& instance : instances) {
    if (!instances_.empty() && instances_.back().key == instance.key) {
      instances_.back() = std::move(instance);
    } else {
      instances_.push_back(std::move(instance));
    }
  }
  replicas_.resize(instances_.size());
  source_.reserve(instances_.size());
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    source_.push_back(index_of(followed_key(instances_[i])));
    if (source_.back()) replicas_[*source_.back()].push_back(i);
  }
}

std::optional<std::size_t> Topology::index_of(const InstanceKey& key) const {
  const auto at =
      std::lower_bound(instances_.begin(), instances_.end(), key,
                       [](const Instance& a, const InstanceKey& wanted) { return a.key < wanted; });
  if (at == instances_.end() || at->key != key) return std::nullopt;
  return static_cast<std::size_t>(at - instances_.begin());
}

const Instance* Topology::find(const InstanceKey& key) const {
  const auto index = index_of(key);
  return index ? &instances_[*index] : nullptr;
}

const Instance* Topology::source_of(const InstanceKey& key) const {
  const auto index = index_of(key);
  if (!index || !source_[*index]) return nullptr;
  return &instances_[*source_[*index]];
}

std::vector<const Instance*> Topology::replicas_of(const InstanceKey& key) const {
  std::vector<const Instance*> found;
  if (const auto index = index_of(key)) {
    for (const std::size_t replica : replicas_[*index]) {
      found.push_back(&instances_[replica]);
    }
    return found;
  }
  for (const Instance& instance : instances_) {
    if (followed_key(instance) == key) found.push_back(&instance);
  }
  return found;
}

std::vector<const Instance*> Topology::siblings_of(const InstanceKey& key) const {
  const Instance* self = find(key);
  if (!self) return {};
  const InstanceKey& source = followed_key(*self);
  if (source.hostname.empty()) return {};
  std::vector<const Instance*> found = replicas_of(source);
  std::erase(found, self);
  return found;
}

std::vector<const Instance*> Topology::descendants_of(const InstanceKey& key) const {
  std::vector<const Instance*> found = replicas_of(key);
  std::vector<bool> seen(instances_.size(), false);
  const auto index_of_pointer = [&](const Instance* instance) {
    return static_cast<std::size_t>(instance - instances_.data());
  };
  if (const Instance* self = find(key)) {
    seen[index_of_pointer(self)] = true;
    std::erase(found, self);
  }
  for (const Instance* instance : found) {
    seen[index_of_pointer(instance)] = true;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const std::size_t next : replicas_[index_of_pointer(found[i])]) {
      if (seen[next]) continue;
      seen[next] = true;
      found.push_back(&instances_[next]);
    }
  }
  return found;
}

std::vector<const Instance*> Topology::ancestors_of(const InstanceKey& key) const {
  std::vector<const Instance*> found;
  const auto start = index_of(key);
  if (!start) return found;
  std::vector<bool> seen(instances_.size(), false);
  seen[*start] = true;
  for (auto at = source_[*start]; at && !seen[*at]; at = source_[*at]) {
    seen[*at] = true;
    found.push_back(&instances_[*at]);
  }
  return found;
}

bool Topology::is_below(const InstanceKey& key, const InstanceKey& ancestor) const {
  const auto above = ancestors_of(key);
  return std::any_of(above.begin(), above.end(),
                     [&](const Instance* instance) { return instance->key == ancestor; });
}

std::vector<const Instance*> Topology::roots() const {
  std::vector<const Instance*> found;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (!source_[i]) found.push_back(&instances_[i]);
  }
  return found;
}

bool Topology::are_co_sources(const InstanceKey& a, const InstanceKey& b) const {
  const Instance* source_of_a = source_of(a);
  const Instance* source_of_b = source_of(b);
  return a != b && source_of_a && source_of_b && source_of_a->key == b && source_of_b->key == a;
}

std::vector<std::vector<InstanceKey>> Topology::circles() const {
  std::vector<std::vector<InstanceKey>> found;
  // Which walk came by; every server has one source at most, so each walk ends in a root, in a
  // place that was seen before, or in itself: only the last is a circle, and a new one.
  std::vector<std::size_t> walk_at(instances_.size(), 0);
  for (std::size_t start = 0; start < instances_.size(); ++start) {
    const std::size_t walk = start + 1;
    std::optional<std::size_t> at = start;
    while (at && walk_at[*at] == 0) {
      walk_at[*at] = walk;
      at = source_[*at];
    }
    if (!at || walk_at[*at] != walk) continue;
    std::vector<InstanceKey> circle;
    std::size_t member = *at;
    do {
      circle.push_back(instances_[member].key);
      member = source_[member].value_or(*at);
    } while (member != *at);
    std::rotate(circle.begin(), std::min_element(circle.begin(), circle.end()), circle.end());
    found.push_back(std::move(circle));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace orch
