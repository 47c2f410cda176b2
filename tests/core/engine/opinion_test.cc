#include "core/engine/opinion.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/engine/opinion") {
  TEST_CASE("what was seen a while ago says nothing") {
    CHECK(vote_of({.known = true, .answers = false, .fresh = true}) == Vote::Dead);
    CHECK(vote_of({.known = true, .answers = false, .fresh = false}) == Vote::Silent);
    CHECK(vote_of({.known = true, .answers = true, .fresh = true}) == Vote::Alive);
    CHECK(vote_of({.known = true, .answers = true, .fresh = false}) == Vote::Silent);
    CHECK(vote_of({}) == Vote::Silent);
  }

  TEST_CASE("more than half of all nodes must agree, the one that asks included") {
    CHECK(is_dead_by_majority(0, 1));
    CHECK_FALSE(is_dead_by_majority(0, 2));
    CHECK(is_dead_by_majority(1, 2));
    CHECK_FALSE(is_dead_by_majority(0, 3));
    CHECK(is_dead_by_majority(1, 3));
    CHECK_FALSE(is_dead_by_majority(1, 5));
    CHECK(is_dead_by_majority(2, 5));
  }
}

}  // namespace orch
