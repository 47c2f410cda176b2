#include "cmd/http/gzip.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

HttpResponse answered(const std::string& accepted, std::string body) {
  HttpRequest request;
  if (!accepted.empty()) request.headers.emplace_back("Accept-Encoding", accepted);
  HttpResponse response{.body = std::move(body)};
  compress_if_wanted(request, response);
  return response;
}

bool is_packed(const HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Content-Encoding") return value == "gzip" && response.body.starts_with("\x1f\x8b");
  }
  return false;
}

}  // namespace

TEST_SUITE("http/gzip") {
  TEST_CASE("a long body is packed for whoever accepts it") {
    const std::string text(100'000, 'x');
    for (const char* accepted : {"gzip", "deflate, GZIP;q=0.5", "*", "br;q=1.0, gzip ; q=1"}) {
      const HttpResponse response = answered(accepted, text);
      CHECK(is_packed(response));
      CHECK(response.body.size() < 2'000);
    }
  }

  TEST_CASE("who does not accept it gets it as it is, and caches are told that others may not") {
    const std::string text(100'000, 'x');
    for (const char* accepted : {"", "deflate", "gzip;q=0", "gzip;q=0.0, br", "xgzip"}) {
      const HttpResponse response = answered(accepted, text);
      CHECK_FALSE(is_packed(response));
      CHECK(response.body == text);
      REQUIRE(response.headers.size() == 1);
      CHECK(response.headers[0].first == "Vary");
    }
  }

  TEST_CASE("what is short is left alone") {
    CHECK(answered("gzip", "short").body == "short");
  }
}

}  // namespace orch::cmd
