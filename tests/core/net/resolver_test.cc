#include "core/net/resolver.h"

#include <doctest/doctest.h>

namespace orch {
namespace {

constexpr SteadyPoint kDeadline = SteadyPoint::max();

/// DNS that knows "db" and counts the questions.
DnsFunctions small_dns(int& questions) {
  return {
      .canonical_name = [&questions](const std::string& host, SteadyPoint) -> Result<std::string> {
        ++questions;
        if (host != "db") return fail(ErrorKind::Unreachable, host + " does not resolve");
        return std::string("db.example.com");
      },
      .addresses = [&questions](const std::string& host,
                                SteadyPoint) -> Result<std::vector<std::string>> {
        ++questions;
        if (host != "db") return fail(ErrorKind::Unreachable, host + " does not resolve");
        return std::vector<std::string>{"2001:db8::1", "10.0.0.1"};
      }};
}

}  // namespace

TEST_SUITE("core/net/resolver") {
  TEST_CASE("none and default leave names alone and ask nobody") {
    int questions = 0;
    for (const ResolveMethod method : {ResolveMethod::None, ResolveMethod::Default}) {
      Resolver resolver({.method = method}, {}, small_dns(questions));
      CHECK(*resolver.resolve(" db ", kDeadline) == "db");
    }
    CHECK(questions == 0);
  }

  TEST_CASE("cname and ip ask DNS once and remember") {
    int questions = 0;
    Resolver by_name({.method = ResolveMethod::Cname}, {}, small_dns(questions));
    CHECK(*by_name.resolve("db", kDeadline) == "db.example.com");
    CHECK(*by_name.resolve("db", kDeadline) == "db.example.com");
    CHECK(questions == 1);
    Resolver by_address({.method = ResolveMethod::Ip}, {}, small_dns(questions));
    CHECK(*by_address.resolve("db", kDeadline) == "10.0.0.1");
  }

  TEST_CASE("a failure is told once and then remembered as the name itself") {
    int questions = 0;
    Resolver resolver({.method = ResolveMethod::Cname}, {}, small_dns(questions));
    CHECK(resolver.resolve("nobody", kDeadline).error().kind == ErrorKind::Unreachable);
    CHECK(*resolver.resolve("nobody", kDeadline) == "nobody");
    CHECK(questions == 1);
  }

  TEST_CASE("a rejected result leaves the name and is not remembered") {
    int questions = 0;
    Resolver resolver({.method = ResolveMethod::Cname, .reject = *Pattern::compile("example")}, {},
                      small_dns(questions));
    CHECK(*resolver.resolve("db", kDeadline) == "db");
    CHECK(*resolver.resolve("db", kDeadline) == "db");
    CHECK(questions == 2);
  }

  TEST_CASE("what the backend stored and what a server said of itself go before DNS") {
    int questions = 0;
    Resolver resolver(
        {.method = ResolveMethod::Cname},
        [](const std::string& name) -> std::optional<std::string> {
          return name == "vip" ? std::optional<std::string>("db1") : std::nullopt;
        },
        small_dns(questions));
    CHECK(*resolver.resolve("vip", kDeadline) == "db1");
    resolver.learn("10.0.0.7", "db7");
    CHECK(*resolver.resolve("10.0.0.7", kDeadline) == "db7");
    CHECK(questions == 0);
  }

  TEST_CASE("empty names and commas are errors, detached names stay as they are") {
    int questions = 0;
    Resolver resolver({.method = ResolveMethod::Cname}, {}, small_dns(questions));
    CHECK(resolver.resolve(" ", kDeadline).error().kind == ErrorKind::InvalidInput);
    CHECK(resolver.resolve("a,b", kDeadline).error().kind == ErrorKind::InvalidInput);
    CHECK(*resolver.resolve("//db", kDeadline) == "//db");
    CHECK(questions == 0);
  }

  TEST_CASE("methods are read in any letter case, and nothing else is one") {
    CHECK(parse_resolve_method("CName") == ResolveMethod::Cname);
    CHECK_FALSE(parse_resolve_method("dns"));
  }
}

}  // namespace orch
