#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "ha/raft/group.h"
#include "storage/database.h"

namespace orch::ha::raft {

struct Statement {
  std::string sql{};
  std::vector<storage::SqlValue> arguments{};
};

/// One transaction, as all nodes carry it out. Statements are in the words of one kind of database:
/// all nodes of a group have the same.
struct Command {
  storage::Dialect::Kind dialect{storage::Dialect::Kind::Sqlite};
  /// The latest command that had changed anything when this one was made: what it has read holds
  /// only as long as nothing else has come in between.
  Index base{};
  std::vector<Statement> statements{};
};

std::string pack(const Command& command);
/// Errors: InvalidInput.
Result<Command> unpack(std::string_view packed);

std::string_view to_string(storage::Dialect::Kind kind);

/// What a command is answered.
inline constexpr std::string_view kDone = "done";
inline constexpr std::string_view kOutdated =
    "outdated";  ///< see Command::base; nothing is changed
inline constexpr std::string_view kNotUnderstood = "not understood";

}  // namespace orch::ha::raft
