#pragma once

#include <string>

#include "cmd/command/command.h"

namespace orch::cmd {

/// Columns aligned to the left, two blanks between, the heading bold when `colour`; every line ends
/// with "\n". No rows: "".
std::string table_text(const Table& table, bool colour);

/// How a reply looks to people: its text, else its table, else its lines.
std::string people_text(const Reply& reply, bool colour);

/// The reply as one JSON document with "\n".
std::string json_text(const Reply& reply);

/// {"Code":"ERROR","Message":"...","Kind":"Refused"} with "\n".
std::string error_json(const Error& error);

}  // namespace orch::cmd
