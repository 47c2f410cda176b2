#pragma once

#include <string>

#include "cmd/command/services.h"
#include "core/analysis/analysis.h"
#include "core/base/result.h"
#include "ha/recovery_work.h"

namespace orch::cmd {

/// What the analysis calls for, to be carried out in the name of `owner`. Errors: the backend's;
/// NotFound, the server is not known any more.
Result<ha::RecoveryWork> work_for(const Services& services, const Analysis& analysis,
                                  const std::string& owner);

}  // namespace orch::cmd
