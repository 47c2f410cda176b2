#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"
#include "core/model/change.h"
#include "core/model/instance.h"

namespace orch {

struct SqlStatement {
  Secret text{};         ///< what is sent
  std::string shown{};   ///< the same with passwords masked
  bool optional{false};  ///< its refusal does not fail the change
};

struct StatementSettings {
  bool use_super_read_only{false};  ///< UseSuperReadOnly
};

/// The statements that make the change on that server, in its version's words. `instance` is as
/// probed just before: the options of a link are repeated from there. Pure.
[[nodiscard]] std::vector<SqlStatement> statements_for(const Instance& instance,
                                                       const Change& change,
                                                       const StatementSettings& settings);

/// A string literal: quotes and backslashes doubled.
[[nodiscard]] std::string sql_quoted(std::string_view text);

}  // namespace orch
