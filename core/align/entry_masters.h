#pragma once

#include <span>
#include <vector>

#include "core/model/instance.h"

namespace orch {

/// The masters to which Pseudo-GTID entries are to be written: the writable one of each cluster,
/// unless the cluster uses GTID throughout and needs none (PGT-2). Points into `all`.
[[nodiscard]] std::vector<const Instance*> entry_masters(std::span<const Instance> all);

}  // namespace orch
