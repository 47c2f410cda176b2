#pragma once

#include <cstdint>
#include <optional>

namespace orch {

/// A period of leadership; a later leader has a larger one.
using Term = std::uint64_t;

/// Who may change servers. Implemented in ha/; nobody asks how leadership comes about.
class Leadership {
 public:
  virtual ~Leadership() = default;
  /// The term this process leads in; nothing when it does not. Never blocks.
  [[nodiscard]] virtual std::optional<Term> leading() const = 0;
  /// Whether others may come to lead in a later term.
  [[nodiscard]] virtual bool is_elected() const { return false; }
};

}  // namespace orch
