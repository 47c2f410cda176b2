#pragma once

#include <functional>

#include "cmd/command/services.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"

namespace orch::cmd {

/// What to do with a virtual name that does not lead to its server.
enum class WrongName { Refuse, UseOwn };

/// The name by which replicas are told of a source (register-hostname-unresolve): the virtual one,
/// once the server that answers to it has said that it is the source (discovery document, 12.4).
/// Errors: Refused, when it is another; the probe's, when none answers.
[[nodiscard]] std::function<Result<std::string>(const InstanceKey& source, SteadyPoint deadline)>
written_name(const Services& services, WrongName wrong);

}  // namespace orch::cmd
