#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// What `ClusterNameToAlias` makes of a cluster name; "" when no pattern matches.
using AliasByName = std::function<std::string(std::string_view cluster_name)>;

struct ClusterInfo {
  std::string name{};
  std::string alias{};   ///< by the rules of alias_of()
  std::string domain{};  ///< "" when none is known
  std::int64_t instance_count{0};
};

/// That servers of a cluster tell an alias.
struct AliasClaim {
  std::string alias{};
  std::string cluster{};
  bool alone{false};  ///< a server without replicas, or below one that a recovery left behind
  /// One of the two masters is the other's replica by that one's own last record, as between a
  /// promotion and the end of its recovery: both are the same cluster.
  bool kin{false};
};

/// Clusters by name, their aliases and domains.
class ClusterStore {
 public:
  ClusterStore(Database& database, const Clock& clock, AliasByName alias_by_name)
      : database_(database), clock_(clock), alias_by_name_(std::move(alias_by_name)) {}

  /// By name.
  [[nodiscard]] Result<std::vector<ClusterInfo>> list() const;
  [[nodiscard]] Result<std::vector<std::string>> list_names() const;
  [[nodiscard]] Result<std::optional<ClusterInfo>> find(const std::string& name) const;
  /// A cluster with this name, else the first cluster with this alias (cli document, 4.5).
  [[nodiscard]] Result<std::optional<std::string>> find_name(
      const std::string& name_or_alias) const;
  /// The cluster with this name, else all with this alias, by name. Two can have one alias by
  /// ClusterNameToAlias.
  [[nodiscard]] Result<std::vector<std::string>> find_names(const std::string& name_or_alias) const;
  /// The stored alias; without one, or where it equals the name, what the name's pattern gives;
  /// else the name itself.
  [[nodiscard]] Result<std::string> alias_of(const std::string& name) const;

  /// The alias set by hand.
  [[nodiscard]] Result<std::optional<std::string>> find_alias_override(
      const std::string& name) const;
  Result<> save_alias_override(const std::string& name, const std::string& alias);
  /// An alias of now: it belongs to this cluster and to no other.
  Result<> save_alias(const std::string& name, const std::string& alias);
  /// By alias, of several with one alias the one first whose it is.
  [[nodiscard]] Result<std::vector<AliasClaim>> list_claims() const;
  /// The clusters that claim this alias, if they are several, the one first whose it is. A server
  /// alone is no rival of a cluster that has it.
  [[nodiscard]] Result<std::vector<std::string>> find_rivals(const std::string& alias) const;
  /// Builds cluster_alias anew from what instances suggest (discovery document, 11.3). Who holds an
  /// alias keeps it.
  Result<> rebuild_aliases();
  Result<std::int64_t> expire_aliases(std::chrono::hours age);

  [[nodiscard]] Result<std::optional<std::string>> find_domain(const std::string& name) const;
  Result<> save_domain(const std::string& name, const std::string& domain);
  Result<std::int64_t> expire_domains(std::chrono::minutes age);

  /// Moves alias, override and domain of a cluster to its new name.
  Result<> rename(const std::string& from, const std::string& to);
  /// Forgets alias and domain, not the override.
  Result<> forget(const std::string& name);

 private:
  [[nodiscard]] std::string alias_from(const std::string& name, const std::string& stored) const;

  Database& database_;
  const Clock& clock_;
  AliasByName alias_by_name_;
};

}  // namespace orch::storage
