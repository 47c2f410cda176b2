#include "core/config/credentials.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

/// "user/password", or the error.
std::string read(std::string_view text) {
  const Result<Credentials> credentials = parse_credentials(text);
  if (!credentials) return credentials.error().message;
  return credentials->user + "/" + credentials->password.reveal();
}

}  // namespace

TEST_SUITE("core/config/credentials") {
  TEST_CASE("user and password come from the client section") {
    CHECK(read("[client]\nuser=orc_backend\npassword=\"p;w#1\"\n") == "orc_backend/p;w#1");
    CHECK(read("[client]\r\n  User =  orc  \r\n\tPASSWORD\t= a b \r\n") == "orc/a b");
    CHECK(read("\xEF\xBB\xBF[client]\nuser=u\npassword=p") == "u/p");
    CHECK(read("[ Client ] ; note\nuser=u") == "u/");
    CHECK(read("[client]\nuser=a\nuser=b\n") == "b/");
  }

  TEST_CASE("comments start anywhere outside quotes") {
    CHECK(read("# head\n[client] # here\n;user=x\nuser=u;x\npassword=p#x") == "u/p");
    CHECK(read("[client]\npassword=\"a\"b # c") == "/ab");
  }

  TEST_CASE("quotes keep blanks and know four escapes") {
    CHECK(read("[client]\npassword=  \" a \"  ") == "/ a ");
    CHECK(read(R"([client]
password="\\\"\n\t")") == "/\\\"\n\t");
    CHECK(read("[client]\npassword=\"\"") == "/");
  }

  TEST_CASE("a backslash outside quotes escapes a quote or joins two lines") {
    CHECK(read("[client]\npassword=a\\\"b\n") == "/a\"b");
    CHECK(read("[client]\npassword=ab\\\ncd\nuser=u\n") == "u/abcd");
    CHECK(read("[client]\npassword=ab\\\r\ncd\r\nuser=u\n") == "u/abcd");
  }

  TEST_CASE("what does not concern us is ignored") {
    CHECK(read("[mysqld]\nuser=mysql\nbad \\x \"line\n[client]\nhost=h\\q\nskip-ssl\nuser\nuser=u\n"
               "[mysql]\npassword=other\n") == "u/");
    CHECK(read("") == "/");
  }

  TEST_CASE("an error tells the line and never the content") {
    CHECK(read("[client]\nuser=u\npassword=\"open\n") == "line 3: a quote is not closed");
    CHECK(read("[client\nuser=u\n") == "line 1: a section without ']'");
    CHECK(read("[client]\npassword=a\\qb\n") ==
          "line 2: a backslash before a character that cannot be escaped here");
    CHECK(read("[client]\npassword=\"a\\qb\"\n").starts_with("line 2: a backslash"));
    CHECK(read("[client]\npassword=a\\").starts_with("line 2: a backslash"));
  }

  TEST_CASE("an account that stands in no section is not taken for none") {
    CHECK(read("# account\nuser=u\npassword=p\n") ==
          "line 2: an account outside of all sections; add [client] above");
    CHECK(read("host=h\n[client]\nuser=u\n") == "u/");
  }

  TEST_CASE("a variable stretches from the first opening to the last brace") {
    CHECK(variable_in("${NAME}") == "NAME");
    CHECK(variable_in("x${NAME}y") == "NAME");
    CHECK(variable_in("${A}${B}") == "A}${B");
    CHECK(variable_in("${}") == "");
    CHECK_FALSE(variable_in("$NAME"));
    CHECK_FALSE(variable_in("}${"));
    CHECK_FALSE(variable_in("${"));
  }
}

}  // namespace orch
