#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace orch::ha::raft {

/// A command in the log, with the number of whoever waits for its answer.
struct Proposal {
  std::uint64_t proposer{};  ///< of one life of one process
  std::uint64_t number{};
  std::string_view command{};
};

std::string pack_proposal(const Proposal& proposal);
/// Points into `bytes`, which may be longer than what was packed. Nothing when it is no proposal.
std::optional<Proposal> unpack_proposal(std::string_view bytes);

/// With a checksum, which the engine's files have not, and a length that is a multiple of 8.
Result<std::string> pack_snapshot(std::string_view state);
/// Points into `bytes`. Errors: Broken.
Result<std::string_view> unpack_snapshot(std::string_view bytes);

}  // namespace orch::ha::raft
