#include "ha/raft/founding.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("a group begins when all of its nodes are new") {
  CHECK(how_to_begin({1, 1, 0}) == Founding::Begin);
  CHECK(how_to_begin({3, 3, 0}) == Founding::Begin);
  CHECK(how_to_begin({3, 2, 0}) == Founding::Wait);
  CHECK(how_to_begin({5, 4, 0}) == Founding::Wait);
}

TEST_CASE("a node that hears of a log joins, whatever the others say") {
  CHECK(how_to_begin({3, 2, 1}) == Founding::Join);
  CHECK(how_to_begin({3, 1, 1}) == Founding::Join);
  CHECK(how_to_begin({5, 4, 1}) == Founding::Join);
}

}  // namespace orch::ha::raft
