#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace re2 {
class RE2;
}

namespace orch {

/// A regular expression in RE2 syntax, searched anywhere in a text, in time linear in the text.
class Pattern {
 public:
  /// Errors: InvalidInput, and the message quotes the expression and says what is wrong.
  static Result<Pattern> compile(std::string_view expression);

  [[nodiscard]] bool matches(std::string_view text) const;
  /// What the first group caught in the first match; nothing without a match or a group.
  [[nodiscard]] std::optional<std::string> first_group(std::string_view text) const;
  [[nodiscard]] bool has_group() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> expression);

  std::shared_ptr<const re2::RE2> expression_;
};

/// A list in which each entry is an IP address (equal to the host name) or an expression (searched
/// in "host:port"): the form of the configuration's host name filters.
class HostFilter {
 public:
  HostFilter() = default;
  /// Errors: InvalidInput, at the first entry that does not compile.
  static Result<HostFilter> compile(const std::vector<std::string>& entries);

  [[nodiscard]] bool empty() const { return addresses_.empty() && patterns_.empty(); }
  [[nodiscard]] bool matches(std::string_view hostname, std::uint16_t port) const;

 private:
  std::vector<std::string> addresses_;
  std::vector<Pattern> patterns_;
};

}  // namespace orch
