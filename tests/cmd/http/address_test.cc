#include "cmd/http/address.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

std::string parsed(std::string_view url) {
  const auto address = parse_api_address(url);
  return address ? to_string(*address) : "error: " + address.error().message;
}

}  // namespace

TEST_SUITE("http address") {
  TEST_CASE("an API's address ends in /api however it was given") {
    for (const char* url :
         {"http://h:3000", "http://h:3000/", "http://h:3000/api", " http://h:3000/api/\n"})
      CHECK(parsed(url) == "http://h:3000/api");
    CHECK(parsed("https://h") == "https://h:443/api");
    CHECK(parsed("http://h/orch") == "http://h:80/orch/api");
    CHECK(parsed("http://[::1]:3000/orch/api") == "http://[::1]:3000/orch/api");
    CHECK(parse_api_address("http://[::1]:3000")->host == "::1");
  }

  TEST_CASE("user and password are taken out of it and not shown") {
    const auto address = parse_api_address("http://me:p%40ss:word@h:3000");
    REQUIRE(address);
    CHECK(address->user == "me");
    CHECK(address->password.reveal() == "p@ss:word");
    CHECK(to_string(*address) == "http://h:3000/api");
    CHECK(parsed("http://me:secret@h:x").find("secret") == std::string::npos);
  }

  TEST_CASE("a socket has a path and perhaps a prefix") {
    const auto address = parse_api_address("http://unix:/run/orch.sock:/prefix");
    REQUIRE(address);
    CHECK(address->socket == "/run/orch.sock");
    CHECK(address->path == "/prefix/api");
    CHECK(parse_api_address("http://unix:/run/orch.sock:")->path == "/api");
    CHECK(parse_api_address("http://unix:/run/orch.sock")->path == "/api");
  }

  TEST_CASE("what is no address is refused") {
    for (const char* url : {"", "h:3000", "ftp://h", "http://", "http://:3000", "http://h:0",
                            "http://h:65536", "http://h:port", "http://h?x=1", "http://a b",
                            "http://unix:orch.sock:", "http://h:3000/a\r\nX: y"}) {
      CAPTURE(url);
      CHECK(parsed(url).starts_with("error: "));
    }
  }

  TEST_CASE("credentials look as HTTP wants them") {
    CHECK(basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(basic_authorization("a", "b") == "Basic YTpi");
    CHECK(basic_authorization("a", "bc") == "Basic YTpiYw==");
  }
}

}  // namespace orch::cmd
