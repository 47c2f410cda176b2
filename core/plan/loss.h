#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/model/topology.h"

namespace orch {

/// What a promotion loses, as far as can be known.
struct Loss {
  std::string text{};  ///< "nothing", "3 transactions (...)", "unknown: ..."; and what is not known
  std::optional<std::uint64_t> transactions{};  ///< nothing when not even the known part counts
};

/// What the failed server is known to have had and `winner` lacks, and what `ahead`, if any, has
/// received and the winner has not. Of a server that does not answer it is known what its latest
/// record says. It is unknown where silent replicas alone may have acknowledged a commit, where
/// others cannot be compared (without GTID, below another dead server), and where rows were left
/// out: `filters` is filter_text() of the winner before it was moved.
[[nodiscard]] Loss loss_with(const Topology& topology, const InstanceKey& failed,
                             const InstanceKey& winner, const Instance* ahead = nullptr,
                             const std::string& filters = {});

/// The text of loss_with() before anybody was moved.
[[nodiscard]] std::string lost_with(const Topology& topology, const InstanceKey& failed,
                                    const InstanceKey& winner);

}  // namespace orch
