#include "cmd/command/written_name.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cmd/command/observe.h"
#include "core/base/log.h"
#include "storage/hostname_store.h"

namespace orch::cmd {

namespace {

/// Who answers to the virtual name must be the source itself.
Result<> check_name(const Services& services, storage::HostnameStore& names,
                    const InstanceKey& source, const std::string& name, SteadyPoint deadline) {
  const SteadyPoint limit = std::chrono::steady_clock::now() + probe_limit(services);
  const Observation seen = services.servers().probe({name, source.port}, std::min(deadline, limit));
  if (!seen.found()) {
    return fail(seen.error.value_or(Error{ErrorKind::Unreachable, name + " does not answer"})
                    .within(fmt::format("virtual name '{}' of {}", name, to_string(source))));
  }
  const bool trusted = seen.instance.server.binlog_server &&
                       services.config().discovery.skip_binlog_server_unresolve_check;
  const std::string& found = seen.instance.key.hostname;
  if (!trusted && found != source.hostname) {
    return fail(ErrorKind::Refused,
                fmt::format("Error unresolving; hostname={}, unresolved={}, re-resolved={}; "
                            "mismatch. Skip/ignore with --skip-unresolve-check",
                            source.hostname, name, found));
  }
  // Replicas will name their source so.
  return names.save_resolved(seen.resolved);
}

Result<std::string> checked_name(const Services& services, const InstanceKey& source,
                                 SteadyPoint deadline) {
  auto names = services.store<storage::HostnameStore>();
  ORCH_ASSIGN(std::optional<std::string> name,
              names.find_unresolved(source.hostname,
                                    services.config().discovery.expiry_hostname_resolves_minutes));
  if (!name || name->empty() || *name == source.hostname) return source.hostname;
  ORCH_TRY(check_name(services, names, source, *name, deadline));
  return *std::move(name);
}

}  // namespace

std::function<Result<std::string>(const InstanceKey& source, SteadyPoint deadline)> written_name(
    const Services& services, WrongName wrong) {
  return
      [&services, wrong](const InstanceKey& source, SteadyPoint deadline) -> Result<std::string> {
        Result<std::string> name = checked_name(services, source, deadline);
        if (name || wrong == WrongName::Refuse) return name;
        log::warning("{}; its own name is used", name.error().message);
        return source.hostname;
      };
}

}  // namespace orch::cmd
