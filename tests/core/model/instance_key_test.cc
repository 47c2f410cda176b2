#include "core/model/instance_key.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

constexpr std::uint16_t kDefault = 3306;

std::string read_key(std::string_view text) {
  const auto key = parse_instance_key(text, kDefault);
  return key ? key->hostname + " " + std::to_string(key->port) : "refused";
}

}  // namespace

TEST_SUITE("core/model/instance_key") {
  TEST_CASE("a host without a port gets the default port") {
    CHECK(read_key("db-1") == "db-1 3306");
    CHECK(read_key("db_1.example.com:3307") == "db_1.example.com 3307");
    CHECK(read_key("10.0.0.7:3306") == "10.0.0.7 3306");
    CHECK_FALSE(parse_instance_key("db-1", 0));
  }

  TEST_CASE("IPv6 is read bare and in brackets with a port") {
    CHECK(read_key("2001:db8::7") == "2001:db8::7 3306");
    CHECK(read_key("::1") == "::1 3306");
    CHECK(read_key("::") == ":: 3306");
    CHECK(read_key("fe80:1:2:3:4:5:6:7") == "fe80:1:2:3:4:5:6:7 3306");
    CHECK(read_key("::ffff:10.0.0.7") == "::ffff:10.0.0.7 3306");
    CHECK(read_key("[2001:db8::7]:3307") == "2001:db8::7 3307");
    for (const char* text : {"[::1]", "[::1]:", "[]:3306", "[db-1]:3306", "[10.0.0.7]:3306",
                             "[::1]3306", "::1%eth0", ":::", "1:2:3:4:5:6:7:8:3306"}) {
      CHECK_MESSAGE(read_key(text) == "refused", text);
    }
  }

  TEST_CASE("a port is a decimal number from 1 to 65535") {
    CHECK(read_key("db:65535") == "db 65535");
    for (const char* text : {"db:", "db:0", "db:65536", "db:-1", "db:+1", "db:3306x", "db: 3306",
                             "db:99999999999999999999", ":3306"}) {
      CHECK_MESSAGE(read_key(text) == "refused", text);
    }
  }

  TEST_CASE("a text with quotes, blanks or shell characters names no server") {
    for (const char* text :
         {"",       " ",    "db 1",   " db",  "db'",  "db\"",  "db`id`",  "db;rm",
          "db,db2", "db/x", "db$x",   "db|x", "db&x", "db(x)", "db<x",    "db>x",
          "db\\x",  "db\n", "db\x01", "db*",  "db?",  "db%",   "-oproxy", "db\xC3\xA9",
          "db@x",   "db#x", "db!x",   "db~x", "db=x"}) {
      CHECK_MESSAGE(read_key(text) == "refused", text);
    }
    CHECK(read_key(std::string("db\0x", 4)) == "refused");
    CHECK(read_key(std::string("::1\0", 4)) == "refused");
    CHECK(read_key(std::string(255, 'a')) != "refused");
    CHECK(read_key(std::string(256, 'a')) == "refused");
  }

  TEST_CASE("a pattern is a key whose host may have wildcards") {
    const auto pattern = parse_instance_pattern("db%.example:3307", kDefault);
    REQUIRE(pattern);
    CHECK(to_string(*pattern) == "db%.example:3307");
    CHECK(is_pattern(*pattern));
    CHECK_FALSE(is_pattern(parse_instance_pattern("db_1", kDefault).value()));
    for (const char* text : {"", "db*", "db 1%", "-db%", "db%:%", "fe80::1%eth0"}) {
      CHECK_FALSE_MESSAGE(parse_instance_pattern(text, kDefault), text);
    }
  }

  TEST_CASE("a detached key keeps its mark, and loses it when reattached") {
    CHECK(read_key("//db-1:3306") == "//db-1 3306");
    CHECK(read_key("//[::1]:3306") == "//::1 3306");
    for (const char* text : {"//", "///db", "//db/x", "/db"}) {
      CHECK_MESSAGE(read_key(text) == "refused", text);
    }
    const InstanceKey key{"db-1", 3306};
    CHECK(is_detached(detached(key)));
    CHECK(detached(detached(key)) == detached(key));
    CHECK(reattached(detached(key)) == key);
    CHECK(reattached(key) == key);
  }

  TEST_CASE("only a real host with a port may be contacted") {
    CHECK(is_valid({"db-1", 3306}));
    CHECK_FALSE(is_valid({"", 3306}));
    CHECK_FALSE(is_valid({"_", 3306}));
    CHECK_FALSE(is_valid({"//db-1", 3306}));
    CHECK_FALSE(is_valid({"db-1", 0}));
  }

  TEST_CASE("keys are printed without brackets and ordered by host, then port") {
    CHECK(to_string(InstanceKey{"2001:db8::7", 3306}) == "2001:db8::7:3306");
    CHECK(InstanceKey{"db-1", 3307} < InstanceKey{"db-2", 3306});
    CHECK(InstanceKey{"db-1", 3306} < InstanceKey{"db-1", 3307});
    CHECK(InstanceKey{"DB", 1} != InstanceKey{"db", 1});
  }

  TEST_CASE("addresses are told from names") {
    CHECK(is_ipv4("10.0.0.7"));
    for (const char* text : {"10.0.0", "10.0.0.256", "10.0.0.7.", "db", "::1", ""}) {
      CHECK_FALSE_MESSAGE(is_ipv4(text), text);
    }
    CHECK(is_ip_address("::1"));
    CHECK(is_ip_address("10.0.0.7"));
    CHECK_FALSE(is_ip_address("db"));
  }
}

}  // namespace orch
