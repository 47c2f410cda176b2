#include "ha/raft/founding.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("a group begins at once when all of its nodes are new") {
  CHECK(how_to_begin({1, 1, 0, false}) == Founding::Begin);
  CHECK(how_to_begin({3, 3, 0, false}) == Founding::Begin);
  CHECK(how_to_begin({3, 2, 0, false}) == Founding::Wait);
}

TEST_CASE("a majority of new nodes begins after a while, and fewer never do") {
  CHECK(how_to_begin({3, 2, 0, true}) == Founding::Begin);
  CHECK(how_to_begin({3, 1, 0, true}) == Founding::Wait);
  CHECK(how_to_begin({4, 2, 0, true}) == Founding::Wait);
  CHECK(how_to_begin({5, 3, 0, true}) == Founding::Begin);
}

TEST_CASE("a node that hears of a log joins, whatever the others say") {
  CHECK(how_to_begin({3, 2, 1, false}) == Founding::Join);
  CHECK(how_to_begin({3, 1, 1, true}) == Founding::Join);
  CHECK(how_to_begin({5, 4, 1, true}) == Founding::Join);
}

}  // namespace orch::ha::raft
