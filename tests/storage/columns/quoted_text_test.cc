#include "storage/columns/quoted_text.h"

#include <string>

#include <doctest/doctest.h>

namespace orch::storage {

TEST_SUITE("storage/columns/quoted_text") {
  TEST_CASE("a message is stored quoted and in ASCII") {
    CHECK(quote_text("") == "");
    CHECK(quote_text("plain") == R"("plain")");
    CHECK(quote_text("a \"b\" \\ c") == R"("a \"b\" \\ c")");
    CHECK(quote_text("one\ntwo\tthree") == R"("one\ntwo\tthree")");
    CHECK(quote_text("r\xc3\xa9pl") == R"("r\u00e9pl")");
    CHECK(quote_text("\xf0\x9f\x98\x80") == R"("\U0001f600")");
    CHECK(quote_text("bad \xff\x01\x7f") == R"("bad \xff\x01\x7f")");
  }

  TEST_CASE("reading gives back every byte of what was written") {
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
      all += static_cast<char>(byte);
    for (const std::string& text :
         {std::string("plain"), std::string("a \"b\" \\x41"), all,
          std::string("\xe2\x82\xac \xf0\x9f\x98\x80 \xc3("), std::string("\xed\xa0\x80")}) {
      CHECK(unquote_text(quote_text(text)) == text);
    }
  }

  TEST_CASE("text that is not quoted, or escapes nobody knows, stay as they are") {
    CHECK(unquote_text("plain \\n") == "plain \\n");
    CHECK(unquote_text("\"") == "\"");
    CHECK(unquote_text(R"("a\qb\x4")") == R"(a\qb\x4)");
    CHECK(unquote_text(R"("ends \")") == "ends \\");
  }
}

}  // namespace orch::storage
