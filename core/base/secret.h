#pragma once

#include <string>
#include <utility>

namespace orch {

/// A string that must not reach a log, an error, an answer or an audit row. Only reveal() shows it.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// What people see in its place.
  [[nodiscard]] std::string shown() const { return text_.empty() ? "" : "***"; }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string text_;
};

}  // namespace orch
