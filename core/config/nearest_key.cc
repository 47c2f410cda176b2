#include <algorithm>
#include <string>

#include "core/base/text.h"
#include "core/config/keys.h"

namespace orch {

namespace {

// No key is longer; distances to a longer word are not worth computing.
constexpr std::size_t kLongestGuess = 64;

}  // namespace

const ConfigKey* nearest_config_key(std::string_view name) {
  if (name.size() > kLongestGuess) return nullptr;
  const std::string wanted = to_lower(name);
  const ConfigKey* nearest = nullptr;
  // Near is up to a quarter of the letters, or two swapped: a slip of the pen, not another word.
  std::size_t closest = wanted.size() < 4 ? 2 : std::max<std::size_t>(3, wanted.size() / 4 + 1);
  for (const ConfigKey& key : config_keys()) {
    const std::size_t distance = edit_distance(to_lower(key.name), wanted);
    if (distance >= closest) continue;
    closest = distance;
    nearest = &key;
  }
  return nearest;
}

}  // namespace orch
