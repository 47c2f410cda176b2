#include "core/json/instance_list.h"

#include <string>

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/json/instance_list") {
  TEST_CASE("a list is written sorted and without blanks") {
    CHECK(format_instance_list({}) == "[]");
    CHECK(format_instance_list({{"db-3", 3306}, {"db-2", 3307}, {"db-2", 3306}}) ==
          R"([{"Hostname":"db-2","Port":3306},{"Hostname":"db-2","Port":3307},)"
          R"({"Hostname":"db-3","Port":3306}])");
  }

  TEST_CASE("host names that JSON must escape, or that are no UTF-8, do not break the list") {
    const std::string text = format_instance_list({{"a\"b", 1}, {"bad\xff", 2}});
    const std::vector<InstanceKey> keys = parse_instance_list(text);
    REQUIRE(keys.size() == 2);
    CHECK(keys[0].hostname == "a\"b");
    CHECK(keys[1].port == 2);
  }

  TEST_CASE("keys are read in any letter case, and further ones are ignored") {
    const std::vector<InstanceKey> keys = parse_instance_list(
        R"([ {"hostname": "db-2", "PORT": 3306, "Extra": [1]}, {"Hostname":"db-1"} ])");
    CHECK(keys == std::vector<InstanceKey>{{"db-2", 3306}, {"db-1", 0}});
  }

  TEST_CASE("what is no list of instances is empty") {
    for (const std::string text :
         {"", "x", "null", "{}", "[1,\"a\",null,[]]", "[{}]", "[{\"Hostname\":3}]",
          "[{\\\"Hostname\\\":\\\"db\\\",\\\"Port\\\":1}]", "[{\"Hostname\":\"a\"", "\xff\xfe"}) {
      CAPTURE(text);
      CHECK(parse_instance_list(text).empty());
    }
    CHECK(parse_instance_list(R"([{"Hostname":"a","Port":-1},{"Hostname":"b","Port":65536},)"
                              R"({"Hostname":"c","Port":"x"}])") ==
          std::vector<InstanceKey>{{"a", 0}, {"b", 0}, {"c", 0}});
    CHECK(parse_instance_list(std::string(100'000, '[')).empty());
  }
}

}  // namespace orch
