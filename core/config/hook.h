#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace orch {

/// One entry of a list of hooks: in a file a string, or an object that says more.
struct Hook {
  Hook() = default;
  Hook(std::string text) : command(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Hook(const char* text) : command(text) {}             // NOLINT(google-explicit-constructor)

  std::string command{};
  std::optional<std::chrono::seconds> timeout{};  ///< 0 = none; nothing: HookTimeoutSeconds
  std::optional<bool> aborts{};  ///< OnFailure is abort, or continue; nothing: as its list does

  friend bool operator==(const Hook&, const Hook&) = default;
};

using HookEntries = std::vector<Hook>;

}  // namespace orch
