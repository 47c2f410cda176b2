#include "core/net/resolver.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/name_lookup.h"
#include "core/base/text.h"
#include "core/model/instance_key.h"

namespace orch {
namespace {

constexpr std::chrono::minutes kFailureLifetime{1};
constexpr std::chrono::minutes kAddressLifetime{10};

}  // namespace

std::optional<ResolveMethod> parse_resolve_method(std::string_view text) {
  if (equals_ignoring_case(text, "none")) return ResolveMethod::None;
  if (equals_ignoring_case(text, "default")) return ResolveMethod::Default;
  if (equals_ignoring_case(text, "cname")) return ResolveMethod::Cname;
  if (equals_ignoring_case(text, "ip")) return ResolveMethod::Ip;
  return std::nullopt;
}

DnsFunctions system_dns() {
  return {
      .canonical_name = [](const std::string& host, SteadyPoint deadline) -> Result<std::string> {
        ORCH_ASSIGN(NameLookup found, look_up_name(host, deadline));
        return found.canonical_name.empty() ? host : std::move(found.canonical_name);
      },
      .addresses = [](const std::string& host,
                      SteadyPoint deadline) -> Result<std::vector<std::string>> {
        ORCH_ASSIGN(NameLookup found, look_up_name(host, deadline));
        return std::move(found.addresses);
      }};
}

Resolver::Resolver(ResolveSettings settings, StoredName stored, DnsFunctions dns)
    : settings_(std::move(settings)), stored_(std::move(stored)), dns_(std::move(dns)) {
  settings_.expiry = std::max(settings_.expiry, std::chrono::minutes(1));
}

Result<std::string> Resolver::ask(const std::string& hostname, SteadyPoint deadline) const {
  switch (settings_.method) {
    case ResolveMethod::Cname:
      return dns_.canonical_name(hostname, deadline);
    case ResolveMethod::Ip: {
      ORCH_ASSIGN(std::vector<std::string> addresses, dns_.addresses(hostname, deadline));
      const auto first = std::ranges::find_if(addresses, is_ipv4);
      if (first != addresses.end()) return std::move(*first);
      if (addresses.empty()) return fail(ErrorKind::Unreachable, hostname + " has no address");
      return std::move(addresses.front());
    }
    case ResolveMethod::None:
    case ResolveMethod::Default:
      break;
  }
  return hostname;
}

void Resolver::keep(const std::string& hostname, const std::string& resolved,
                    std::chrono::minutes lifetime) {
  const SteadyPoint until = std::chrono::steady_clock::now() + lifetime;
  const MutexLock lock(mutex_);
  cache_[hostname] = {resolved, until};
}

void Resolver::learn(const std::string& hostname, const std::string& resolved) {
  keep(hostname, resolved, settings_.expiry);
}

Result<std::string> Resolver::resolve(const std::string& name, SteadyPoint deadline) {
  std::string hostname(trim(name));
  if (hostname.empty()) return fail(ErrorKind::InvalidInput, "an empty host name");
  if (hostname.find(',') != std::string::npos) {
    return fail(ErrorKind::InvalidInput, fmt::format("host name '{}' has a comma", hostname));
  }
  if (is_detached({hostname, 0})) return hostname;
  {
    const MutexLock lock(mutex_);
    const auto found = cache_.find(hostname);
    if (found != cache_.end() && found->second.until > std::chrono::steady_clock::now()) {
      return found->second.resolved;
    }
  }
  if (stored_) {
    if (auto resolved = stored_(hostname); resolved && !resolved->empty()) {
      keep(hostname, *resolved, settings_.expiry);
      return *std::move(resolved);
    }
  }
  Result<std::string> resolved = ask(hostname, deadline);
  if (!resolved) {
    keep(hostname, hostname, kFailureLifetime);
    return resolved;
  }
  if (settings_.reject && settings_.reject->matches(*resolved)) {
    log::warning("resolve {}: '{}' is rejected by RejectHostnameResolvePattern", hostname,
                 *resolved);
    return hostname;
  }
  keep(hostname, *resolved,
       settings_.method == ResolveMethod::Ip ? std::min(kAddressLifetime, settings_.expiry)
                                             : settings_.expiry);
  return resolved;
}

}  // namespace orch
