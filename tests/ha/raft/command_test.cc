#include "ha/raft/command.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("a command comes back as it was") {
  const Command command{
      .dialect = storage::Dialect::Kind::MySql,
      .base = 17,
      .statements = {{"delete from t where a = ?", {std::string("x"), {}}}, {"delete from u", {}}}};
  const Result<Command> back = unpack(pack(command));
  REQUIRE(back.has_value());
  CHECK(back->dialect == command.dialect);
  CHECK(back->base == 17);
  REQUIRE(back->statements.size() == 2);
  CHECK(back->statements[0].sql == command.statements[0].sql);
  CHECK(back->statements[0].arguments == command.statements[0].arguments);
}

TEST_CASE("a command that is cut off, longer, or of a later version is refused") {
  const std::string packed = pack({.statements = {{"delete from t where a = ?", {1.5}}}});
  for (std::size_t size = 0; size < packed.size(); ++size)
    CHECK_FALSE(unpack(std::string_view(packed).substr(0, size)).has_value());
  CHECK_FALSE(unpack(packed + "x").has_value());
  std::string later = packed;
  later[0] = '\x7f';
  CHECK_FALSE(unpack(later).has_value());
}

}  // namespace orch::ha::raft
