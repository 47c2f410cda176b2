#include "ha/maintenance_locks.h"

#include <fmt/format.h>

namespace orch::ha {

Result<> BackendLocks::claim(const InstanceKey& key, const std::string& reason) {
  ORCH_ASSIGN(const std::optional<std::int64_t> lock,
              store_.claim({.key = key, .owner = owner_, .reason = reason}));
  if (lock) return {};
  return fail(ErrorKind::Conflict,
              fmt::format("Cannot begin maintenance on {}: Cannot begin maintenance for instance: "
                          "{}; maintenance reason: {} ('orch maintenance' shows who holds it)",
                          to_string(key), to_string(key), reason));
}

Result<> BackendLocks::release(const InstanceKey& key) {
  ORCH_ASSIGN([[maybe_unused]] const bool held, store_.end(key));
  return {};
}

}  // namespace orch::ha
