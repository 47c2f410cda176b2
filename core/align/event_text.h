#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/pattern.h"
#include "core/base/result.h"
#include "core/model/binlog_event.h"

namespace orch {

// What the text of an event says, and what of it may differ between servers that have the same.

/// The text without what differs from server to server: numbers of transactions and of tables,
/// groups of commits, the form of literals. The order of the rules is fixed (PGT-4).
[[nodiscard]] std::string normalised(std::string_view info);

/// How Pseudo-GTID entries are recognised, and what is passed over when logs are compared.
class EntryRules {
 public:
  struct Texts {
    std::string pattern{};  ///< PseudoGTIDPattern
    bool is_fixed{false};
    std::string monotonic_hint{};
    std::vector<std::string> skipped{};  ///< SkipBinlogEventsContaining
  };
  /// Errors: InvalidInput, for a pattern that does not compile; Refused, for none at all.
  static Result<EntryRules> compile(Texts texts);

  [[nodiscard]] bool is_entry(const BinlogEvent& event) const;
  /// Texts of such entries grow from one to the next.
  [[nodiscard]] bool is_monotonic(std::string_view text) const;
  /// Says nothing about what was executed: heads and ends of logs, markers of transactions without
  /// a name (PGT-6), what the configuration names.
  [[nodiscard]] bool is_passed_over(const BinlogEvent& event) const;

 private:
  explicit EntryRules(Texts texts) : texts_(std::move(texts)) {}
  Texts texts_;
  std::optional<Pattern> pattern_{};
};

/// Follows transactions from event to event: a place inside of one is no place to begin at.
class TransactionWatch {
 public:
  void see(const BinlogEvent& event);
  [[nodiscard]] bool inside() const { return state_ != State::Outside; }

 private:
  enum class State { Outside, Named, Open };
  State state_{State::Outside};
};

}  // namespace orch
