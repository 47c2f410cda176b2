#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/analysis/circumstances.h"
#include "core/base/clock.h"
#include "core/model/marks.h"
#include "core/model/observation.h"
#include "core/model/topology.h"
#include "core/probe/cluster_name.h"

namespace orch {

/// All servers as they were last seen: the working memory of a service, which its backend only
/// records. One thread at a time.
class Picture {
 public:
  void set_rules(SettleRules rules) { rules_ = std::move(rules); }
  void set_marks(Marks marks);

  /// Takes a record over, as the backend has it; one that is there already stays.
  void add(Instance record);
  /// Takes in what a probe saw. Whoever was asked by another name than its own is known by its own
  /// from now on. The clusters about which something may be different now.
  std::set<std::string> take(const Observation& seen, TimePoint begun, TimePoint ended);
  void forget(const InstanceKey& key);

  [[nodiscard]] const Instance* find(const InstanceKey& key) const;
  [[nodiscard]] std::size_t size() const { return servers_.size(); }
  [[nodiscard]] std::vector<InstanceKey> keys() const;
  [[nodiscard]] std::set<std::string> clusters() const;
  /// Its members, and whoever follows one of them.
  [[nodiscard]] Topology cluster(const std::string& name) const;
  /// The clusters in which somebody leaves rows out.
  [[nodiscard]] std::vector<Topology> leaving_out() const;
  [[nodiscard]] std::set<InstanceKey> replicas_of(const InstanceKey& key) const;
  [[nodiscard]] bool has_replicas(const InstanceKey& key) const { return followers_.contains(key); }
  /// Those that have replicas and answered the latest probe.
  [[nodiscard]] std::set<InstanceKey> living_sources() const;
  [[nodiscard]] bool is_quarantined(const InstanceKey& key) const {
    return marks_.quarantined.contains(key);
  }

  /// What the latest probes say of the cluster's members, and `common` of them: no more than
  /// analysis of this cluster looks at.
  [[nodiscard]] Circumstances circumstances_of(const Topology& cluster,
                                               const Circumstances& common) const;

 private:
  struct Server {
    Instance instance{};
    std::string complaint{};  ///< of the latest probe
  };

  void file(const InstanceKey& key, Instance instance, std::string complaint);
  void unfile(const InstanceKey& key);
  void mark(Instance& instance) const;
  void settle_here(Observation& seen) const;

  SettleRules rules_;
  Marks marks_;
  std::map<InstanceKey, Server> servers_;
  std::map<std::string, std::set<InstanceKey>> members_;    ///< by cluster name
  std::map<InstanceKey, std::set<InstanceKey>> followers_;  ///< by source
};

}  // namespace orch
