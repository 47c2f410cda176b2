#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// The host name of attributes that belong to no host: cluster domain -> "host:port" of its writer.
inline constexpr std::string_view kNoHost = "*";

/// Generic attributes of hosts.
class AttributeStore {
 public:
  AttributeStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  [[nodiscard]] Result<std::optional<std::string>> find(std::string_view hostname,
                                                        std::string_view attribute) const;
  Result<> save(std::string_view hostname, std::string_view attribute, std::string_view value);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
