#pragma once

#include <map>
#include <set>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/hostname_store.h"

namespace orch::cmd {

/// Keeps the addresses of hosts in the backend, each looked up again after ten minutes. For one
/// thread.
class AddressBook {
 public:
  /// Looks up those whose turn it is, some hundreds at most. A name without an answer is left as it
  /// was. Errors: the backend's.
  Result<> refresh(const std::set<std::string>& hosts, storage::HostnameStore store);

 private:
  std::map<std::string, SteadyPoint> until_;
};

}  // namespace orch::cmd
