#include "ha/raft/command.h"

#include "ha/raft/packing.h"

namespace orch::ha::raft {

namespace {

constexpr std::uint64_t kCommandForm = 1;  // grows when what follows changes

}  // namespace

std::string pack(const Command& command) {
  Packer packer;
  packer.number(kCommandForm);
  packer.number(static_cast<std::uint64_t>(command.dialect));
  packer.number(command.base);
  packer.number(command.statements.size());
  for (const Statement& statement : command.statements) {
    packer.text(statement.sql);
    packer.number(statement.arguments.size());
    for (const storage::SqlValue& value : statement.arguments)
      packer.value(value);
  }
  return packer.take();
}

Result<Command> unpack(std::string_view packed) {
  Unpacker unpacker(packed);
  Command command;
  const bool known = unpacker.number() == kCommandForm;
  const std::uint64_t dialect = unpacker.number();
  if (!known || dialect > static_cast<std::uint64_t>(storage::Dialect::Kind::MySql)) {
    return fail(ErrorKind::InvalidInput, "a command of a form that this version does not know");
  }
  command.dialect = static_cast<storage::Dialect::Kind>(dialect);
  command.base = unpacker.number();
  const std::size_t statements = unpacker.count();
  for (std::size_t i = 0; i < statements && !unpacker.damaged(); ++i) {
    Statement& statement = command.statements.emplace_back();
    statement.sql = unpacker.text();
    const std::size_t arguments = unpacker.count();
    for (std::size_t j = 0; j < arguments && !unpacker.damaged(); ++j)
      statement.arguments.push_back(unpacker.value());
  }
  if (!unpacker.at_end()) return fail(ErrorKind::InvalidInput, "a damaged command");
  return command;
}

std::string_view to_string(storage::Dialect::Kind kind) {
  return kind == storage::Dialect::Kind::Sqlite ? "SQLite" : "MySQL";
}

}  // namespace orch::ha::raft
