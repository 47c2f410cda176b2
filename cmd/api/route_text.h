#pragma once

#include <string_view>

#include "cmd/api/route.h"

namespace orch::cmd {

/// What the API's description says about a route beyond its pattern.
struct RouteText {
  /// A pattern, or the first word of all patterns that no row of their own describes.
  std::string_view of{};
  /// What it answers: a type ("Instance", "string"), "[type]" for an array of them, "{}" for any
  /// object; after "E " in the Details of an envelope.
  std::string_view gives{};
  std::string_view summary{};  ///< "": the help of the command of that name
  std::string_view queries{};  ///< parameters after the question mark, separated by blanks
};

/// nullptr when nobody has described it.
const RouteText* text_of(const ApiRoute& route);

/// What people read about the route, in one line.
std::string_view summary_of(const ApiRoute& route);

}  // namespace orch::cmd
