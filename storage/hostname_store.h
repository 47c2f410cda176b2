#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/observation.h"
#include "storage/database.h"

namespace orch::storage {

/// A host's address of each family, as text; "" when it has none.
struct HostAddresses {
  std::string hostname{};
  std::string ipv4{};
  std::string ipv6{};
};

/// The last address of each family.
HostAddresses addresses_of(const std::string& hostname, const std::vector<std::string>& addresses);

/// What names resolve to, and the virtual names used in their place.
class HostnameStore {
 public:
  HostnameStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  [[nodiscard]] Result<std::optional<std::string>> find_resolved(const std::string& hostname) const;
  /// By host name.
  [[nodiscard]] Result<std::vector<ResolvedName>> list_resolved() const;
  /// Also remembers, where the names differ, who was last called so.
  Result<> save_resolved(std::span<const ResolvedName> names);
  /// Empties hostname_resolve.
  Result<std::int64_t> forget_resolved();
  Result<std::int64_t> expire_resolved(std::chrono::minutes age);

  /// The virtual name, unless it was registered longer ago than `age`.
  [[nodiscard]] Result<std::optional<std::string>> find_unresolved(const std::string& hostname,
                                                                   std::chrono::minutes age) const;
  /// Real name and virtual name, by real name.
  [[nodiscard]] Result<std::vector<ResolvedName>> list_unresolved() const;
  /// An empty virtual name forgets.
  Result<> save_unresolved(const std::string& hostname, const std::string& virtual_name);
  Result<> forget_unresolved(const std::string& hostname);
  Result<std::int64_t> expire_unresolved(std::chrono::minutes age);

  /// hostname_ips; nothing for a host that was never looked up.
  [[nodiscard]] Result<std::optional<HostAddresses>> find_addresses(
      const std::string& hostname) const;
  Result<> save_addresses(std::span<const HostAddresses> hosts);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
