#include "core/base/text.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/base/text") {
  TEST_CASE("words are separated by runs of the given characters") {
    CHECK(words(" a,b\r\n\tc ,", " ,\r\n\t") == std::vector<std::string>{"a", "b", "c"});
    CHECK(words("").empty());
  }

  TEST_CASE("a number is the whole text or none") {
    CHECK(parse_int("-17") == -17);
    CHECK_FALSE(parse_int("17 "));
    CHECK_FALSE(parse_int("99999999999999999999"));
    CHECK_FALSE(parse_uint("-1"));
    CHECK_FALSE(parse_int(""));
  }

  TEST_CASE("bytes that are not UTF-8 never pass") {
    CHECK(printable("ok \xC3\xA9") == "ok \xC3\xA9");
    CHECK(printable("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(printable("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(printable("a\x1B[31mb") == "a?[31mb");
    CHECK(printable("a\xC2\x9B"
                    "31mb\xC2\xA0") == "a?31mb\xC2\xA0");
    CHECK(printable("a\xE2\x80\xAE"
                    "b\xE2\x81\xA6"
                    "c\xE2\x82\xAC") == "a?b?c\xE2\x82\xAC");
    CHECK(printable("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  }

  TEST_CASE("the first byte that is not UTF-8 is found") {
    CHECK(valid_utf8_prefix("") == 0);
    CHECK(valid_utf8_prefix("\xC3\xA9") == 2);
    CHECK(valid_utf8_prefix("ab\xC3\xA9\xFFx") == 4);
    CHECK(valid_utf8_prefix("ab\xC3") == 2);
  }

  TEST_CASE("the nearest word is the one with the fewest edits") {
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("same", "same") == 0);
  }

  TEST_CASE("an excerpt is short, quoted and on one line") {
    CHECK(quoted_excerpt("a\nb\x01") == "\"a b?\"");
    CHECK(quoted_excerpt(std::string(50, 'x'), 4) == "\"xxxx...\"");
    CHECK(quoted_excerpt("xxxx", 4) == "\"xxxx\"");
  }

  TEST_CASE("a name stands on a line of its own") {
    CHECK(as_line("so\non\tand \x1b\xc3\xbc") == "so?on?and ?\xc3\xbc");
  }

  TEST_CASE("replacing leaves the rest alone") {
    CHECK(replace_all("a::b::c", "::", "-") == "a-b-c");
    CHECK(replace_all("abc", "", "x") == "abc");
  }
}

}  // namespace orch
