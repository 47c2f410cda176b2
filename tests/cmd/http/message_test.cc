#include "cmd/http/message.h"

#include <doctest/doctest.h>

namespace orch::cmd {

TEST_SUITE("http message") {
  TEST_CASE("percent signs are decoded, a plus is a blank in queries only, broken ones stay") {
    CHECK(percent_decoded("a%2Fb%0A") == "a/b\n");
    CHECK(percent_decoded("a+b") == "a+b");
    CHECK(percent_decoded("a+b", true) == "a b");
    CHECK(percent_decoded("100%") == "100%");
    CHECK(percent_decoded("%zz%4") == "%zz%4");
    CHECK(percent_decoded("%00x") == std::string("\0x", 2));
  }

  TEST_CASE("queries are found by name, with bare equals signs in their values") {
    const HttpRequest request{.target = "/api/tag/h/1?x=1&tag=role=web&empty&n%61me=v%20w"};
    CHECK(request.path() == "/api/tag/h/1");
    CHECK(request.query("tag") == "role=web");
    CHECK(request.query("empty").empty());
    CHECK(request.query("name") == "v w");
    CHECK(request.query("none").empty());
    CHECK(HttpRequest{.target = "/api/x"}.query("tag").empty());
  }

  TEST_CASE("headers are found in any letter case") {
    const HttpRequest request{
        .headers = {{"X-Forwarded-User", "alice"}, {"x-forwarded-user", "b"}}};
    CHECK(request.header("x-FORWARDED-user") == "alice");
    CHECK(request.header("Cookie").empty());
  }
}

}  // namespace orch::cmd
