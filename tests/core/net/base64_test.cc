#include "core/net/base64.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("net/base64") {
  TEST_CASE("bytes of any number are written with padding and read again") {
    CHECK(base64_encoded("") == "");
    CHECK(base64_encoded("a") == "YQ==");
    CHECK(base64_encoded("ab") == "YWI=");
    CHECK(base64_encoded("abc") == "YWJj");
    CHECK(base64_encoded(std::string("\xff\xfe\x00", 3)) == "//4A");
    for (const char* text : {"", "a", "ab", "abc", "db-1:3306"})
      CHECK(base64_decoded(base64_encoded(text)) == text);
    CHECK(base64_decoded("YQ") == "a");
    CHECK_FALSE(base64_decoded("Y Q").has_value());
  }
}

}  // namespace orch
