#pragma once

#include <cstddef>

namespace orch::ha::raft {

/// What a node without a log has heard from the nodes of its list.
struct Neighbourhood {
  std::size_t nodes{};  ///< in the list, this one too
  std::size_t fresh{};  ///< that have no log, this one too
  std::size_t with_log{};
  bool waited{};  ///< long enough for those that are merely slow
};

enum class Founding { Wait, Begin, Join };

/// A group begins when all nodes of the list say that they have no log, or a majority does and the
/// others stay silent for a while: each of them then writes the same first entry. A node that hears
/// of a log must not do so: its disk may have been lost, and with it what it voted for and
/// acknowledged. It joins as somebody new, under a number of its own, which takes the place of its
/// former self.
constexpr Founding how_to_begin(const Neighbourhood& seen) {
  if (seen.with_log > 0) return Founding::Join;
  if (seen.fresh == seen.nodes) return Founding::Begin;
  return seen.waited && seen.fresh > seen.nodes / 2 ? Founding::Begin : Founding::Wait;
}

}  // namespace orch::ha::raft
