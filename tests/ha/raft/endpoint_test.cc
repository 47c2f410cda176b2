#include "ha/raft/endpoint.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("an endpoint is a host, or an address in brackets, and a port") {
  const auto name = parse_endpoint("db1.example:10008");
  REQUIRE(name);
  CHECK(name->host == "db1.example");
  CHECK(name->port == 10008);
  const auto six = parse_endpoint("[::1]:7");
  REQUIRE(six);
  CHECK(six->host == "::1");
  CHECK(six->port == 7);
  const auto any = parse_endpoint(":10008");
  REQUIRE(any);
  CHECK(any->host.empty());
  for (const char* wrong : {"", "db1", "db1:", "db1:0", "db1:65536", "db1:x", "::1:7", "a b:7"}) {
    const auto refused = parse_endpoint(wrong);
    REQUIRE_MESSAGE(!refused, wrong);
    CHECK(refused.error().kind == ErrorKind::InvalidInput);
  }
}

TEST_CASE("a node's first number is its address's, and later lives have it in their name") {
  const std::uint64_t first = first_id_of("127.0.0.1:10008");
  CHECK(first == 0xec2e2b614417fee3U);
  CHECK(first != first_id_of("127.0.0.1:10009"));
  CHECK(name_of_life("127.0.0.1:10008", first) == "127.0.0.1:10008");
  CHECK(name_of_life("a:1", 0x1f) == "a:1#000000000000001f");
  CHECK(address_in("a:1#000000000000001f") == "a:1");
  CHECK(address_in("a:1") == "a:1");
  CHECK(*fresh_id() != *fresh_id());
}

}  // namespace orch::ha::raft
