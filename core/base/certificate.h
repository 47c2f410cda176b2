#pragma once

#include <string>

namespace orch {

/// Why the first certificate of a PEM text does not hold today: "ended on May  2 00:00:00 2024
/// GMT"; "" when it does, or when there is none that can be read.
[[nodiscard]] std::string why_not_valid_today(const std::string& pem);

}  // namespace orch
