#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

/// A server that lost its place as a master. Its name may come to stand for another server, so
/// that what identifies the server itself is kept, as far as it was known.
struct Quarantine {
  std::int64_t id{0};
  InstanceKey key{};
  std::string server_uuid{};   ///< "" when not known, and for MariaDB
  std::uint32_t server_id{0};  ///< 0 when not known
  std::string cluster_alias{};
  InstanceKey successor{};  ///< who took its place
  std::string recovery_uid{};
  std::string reason{};
  std::string owner{};
  std::optional<TimePoint> since{};
  std::optional<TimePoint> released_at{};
  std::string released_by{};
  std::string release_reason{};
};

/// The quarantine list. At most one entry of a server is in force.
class QuarantineStore {
 public:
  QuarantineStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Puts a server on the list; an entry in force gives way to the new one.
  Result<> save(const Quarantine& entry);
  /// The entry in force.
  [[nodiscard]] Result<std::optional<Quarantine>> find(const InstanceKey& key) const;
  /// Those in force, by key.
  [[nodiscard]] Result<std::vector<Quarantine>> list() const;
  /// False when it is not on the list.
  Result<bool> release(const InstanceKey& key, const std::string& by, const std::string& reason);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
