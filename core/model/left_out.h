#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/topology.h"

namespace orch {

// Rows that a replica lacks though it has executed their transactions: somebody on the way left
// them out. They stay missing when it is moved elsewhere.

/// The tag that says so, until people remove it; its value names those who left rows out.
inline constexpr std::string_view kIncompleteTag = "orch-incomplete";

/// What the tag says, as Instance::incomplete has it: never "".
[[nodiscard]] inline std::string told_incomplete(std::string value) {
  return value.find_first_not_of(", ") == std::string::npos ? "unknown" : std::move(value);
}

/// It does not apply all that it gets: it filters that, or skips what fails.
[[nodiscard]] bool applies_part(const Instance& replica);

/// Those who leave out rows on the way from `source` down to `replica`, the lowest first: servers
/// below `source` that apply a part of what they replicate, those above `replica` by what they keep
/// out of their binary logs.
[[nodiscard]] std::vector<const Instance*> leaving_out(const Topology& topology,
                                                       const InstanceKey& source,
                                                       const Instance& replica);

/// What the replica's tag is to say: what it says, and who else leaves out rows on its way now; as
/// many as a tag has room for. "": it needs none.
[[nodiscard]] std::string incomplete_by(const Topology& topology, const Instance& replica);

}  // namespace orch
