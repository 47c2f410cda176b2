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
  /// The same at this very moment, asked of whoever may have chosen another by now: for just before
  /// something is changed outside. May wait for an answer, for a time shorter than others need to
  /// begin to lead; nothing when there is none.
  [[nodiscard]] virtual std::optional<Term> proven() const { return leading(); }
  /// Whether others may come to lead in a later term.
  [[nodiscard]] virtual bool is_elected() const { return false; }
  /// Whether one that was deposed cannot write to the backend any more.
  [[nodiscard]] virtual bool shuts_out_deposed() const { return false; }
};

}  // namespace orch
