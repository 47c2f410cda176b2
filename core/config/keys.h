#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/config/config.h"

namespace orch {

using StringList = std::vector<std::string>;
using StringPairs = std::vector<std::pair<std::string, std::string>>;

/// Where a key's value lives in a Config. The field's type is the key's type; a duration's unit is
/// the unit in which the key is written.
using FieldRef = std::variant<bool*, std::int32_t*, std::int64_t*, std::uint64_t*, float*,
                              std::string*, Secret*, StringList*, StringPairs*, HookEntries*,
                              std::chrono::milliseconds*, std::chrono::seconds*,
                              std::chrono::minutes*, std::chrono::hours*, std::chrono::days*>;

/// The parts of the configuration, in the order of the struct Config.
enum class ConfigArea {
  General,
  Http,
  Backend,
  Raft,
  Connection,
  Discovery,
  Classification,
  Operation,
  PseudoGtid,
  Recovery,
  Service,
  Kv,
  Metrics,
  Agent,
};

/// The whole numbers that a key accepts, both ends included.
struct NumberRange {
  std::int64_t min{0};
  std::int64_t max{std::numeric_limits<std::int64_t>::max()};
};

/// One key of the configuration.
struct ConfigKey {
  /// An area, and the way from a Config to the field.
  struct Place {
    ConfigArea area{};
    FieldRef (*field)(Config&){nullptr};
  };

  std::string_view name{};
  Place place{};
  std::string_view help{};  ///< one line
  NumberRange range{};      ///< of whole numbers and durations; other types ignore it
  bool null_list{false};    ///< an empty list is shown as null: orchestrator never assigns it
};

/// Every key, in the order in which `dump-config` prints them. Add a key here and nowhere else.
std::span<const ConfigKey> config_keys();

/// The key of that name, letter case ignored, but an exact match first. nullptr: no such key.
const ConfigKey* find_config_key(std::string_view name);

/// Whether old files may still hold this key, which has no meaning any more.
bool is_retired_key(std::string_view name);

/// The key that somebody who wrote `name` probably meant. nullptr when none is near.
const ConfigKey* nearest_config_key(std::string_view name);

}  // namespace orch
