#pragma once

#include <cstddef>

namespace orch::ha::raft {

/// What a node without a log hears from the nodes of its list.
struct Neighbourhood {
  std::size_t nodes{};  ///< in the list, this one too
  std::size_t fresh{};  ///< that have no log, this one too
  std::size_t with_log{};
};

enum class Founding { Wait, Begin, Join };

/// A group begins when all nodes of the list say that they have no log: each of them then writes
/// the same first entry. A silent one may have the log of a group whose other nodes have lost their
/// disks: what it acknowledged would be lost to a second group, and the two could not live side by
/// side. Whoever knows better takes it out of the list; those that are not on it, and live, are
/// heard when they want this node, and count then. A node that hears of a log must not begin
/// either: its own disk may have been lost, and with it what it voted for and acknowledged. It
/// joins as somebody new, under a number of its own, which takes the place of its former self.
constexpr Founding how_to_begin(const Neighbourhood& seen) {
  if (seen.with_log > 0) return Founding::Join;
  return seen.fresh == seen.nodes ? Founding::Begin : Founding::Wait;
}

}  // namespace orch::ha::raft
