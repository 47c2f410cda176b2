#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/pattern.h"
#include "core/base/result.h"

namespace orch {

enum class ResolveMethod { None, Default, Cname, Ip };

/// "none", "default", "cname" or "ip", in any letter case.
std::optional<ResolveMethod> parse_resolve_method(std::string_view text);

struct ResolveSettings {
  ResolveMethod method{ResolveMethod::Default};
  std::optional<Pattern> reject{};  ///< RejectHostnameResolvePattern
  std::chrono::minutes expiry{60};  ///< ExpiryHostnameResolvesMinutes; at least one
};

/// The questions to DNS; both answer by the deadline.
struct DnsFunctions {
  std::function<Result<std::string>(const std::string& host, SteadyPoint deadline)> canonical_name;
  std::function<Result<std::vector<std::string>>(const std::string& host, SteadyPoint deadline)>
      addresses;
};
DnsFunctions system_dns();

/// Gives a server one name, whatever name, alias or address it was mentioned by (discovery
/// document, 12.2). Thread-safe.
class Resolver {
 public:
  using StoredName = std::function<std::optional<std::string>(const std::string& hostname)>;

  /// `stored` answers from the backend's hostname_resolve and may be empty.
  explicit Resolver(ResolveSettings settings, StoredName stored = {},
                    DnsFunctions dns = system_dns());

  /// The name to use for `hostname`. Errors: InvalidInput for an empty name or one with a comma,
  /// Unreachable when DNS has no answer; the caller goes on with the name as it was.
  Result<std::string> resolve(const std::string& hostname, SteadyPoint deadline);

  /// Notes what a server said of itself.
  void learn(const std::string& hostname, const std::string& resolved);

 private:
  struct Entry {
    std::string resolved{};
    SteadyPoint until{};
  };
  Result<std::string> ask(const std::string& hostname, SteadyPoint deadline) const;
  void keep(const std::string& hostname, const std::string& resolved,
            std::chrono::minutes lifetime);

  ResolveSettings settings_;
  StoredName stored_;
  DnsFunctions dns_;
  Mutex mutex_;
  std::map<std::string, Entry> cache_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch
