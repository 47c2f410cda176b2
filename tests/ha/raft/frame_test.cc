#include "ha/raft/frame.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("a proposal comes back as it was, whatever pads it") {
  const std::string command("a\0b", 3);
  const std::string bytes = pack_proposal({7, 1ULL << 60U, command}) + std::string(5, '\0');
  const auto proposal = unpack_proposal(bytes);
  REQUIRE(proposal);
  CHECK(proposal->proposer == 7);
  CHECK(proposal->number == 1ULL << 60U);
  CHECK(proposal->command == command);
}

TEST_CASE("what is no proposal is not taken for one") {
  const std::string bytes = pack_proposal({7, 8, "command"});
  CHECK(!unpack_proposal(""));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(!unpack_proposal(bytes.substr(0, size)));
  CHECK(!unpack_proposal(std::string(64, '\xff')));
}

TEST_CASE("a snapshot comes back as it was, and a damaged one does not") {
  for (const std::string& state : {std::string(), std::string("state"), std::string(4096, 'x')}) {
    const auto packed = pack_snapshot(state);
    REQUIRE(packed);
    CHECK(packed->size() % 8 == 0);
    const auto unpacked = unpack_snapshot(*packed);
    REQUIRE(unpacked);
    CHECK(*unpacked == state);
  }
  const std::string good = *pack_snapshot("some state");
  for (std::size_t place = 0; place < 8 + 8 + 32 + 10; ++place) {
    std::string damaged = good;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    const auto refused = unpack_snapshot(damaged);
    REQUIRE_MESSAGE(!refused, place);
    CHECK(refused.error().kind == ErrorKind::Broken);
  }
  CHECK(!unpack_snapshot(good.substr(0, 40)));
  CHECK(!unpack_snapshot(""));
}

}  // namespace orch::ha::raft
