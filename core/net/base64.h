#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orch {

/// With padding, in one line.
std::string base64_encoded(std::string_view bytes);
/// Nothing when it is not base64; padding may be missing.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace orch
