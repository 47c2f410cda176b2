#include "core/config/assign.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "core/base/result.h"
#include "core/base/text.h"
#include "core/config/dump.h"

namespace orch {

namespace {

using Kind = ConfigValue::Kind;
using Answer = std::optional<ConfigProblem>;

// Sums of a time and a setting stay far from the ends of their types.
constexpr std::chrono::hours kLongestDuration = std::chrono::hours(24) * 36500;

Answer refuse(std::string message) {
  return ConfigProblem{.message = std::move(message), .in_reading = true};
}

bool is_number(const ConfigValue& value) {
  return value.kind == Kind::Number || (value.kind == Kind::Plain && is_json_number(value.text));
}

/// What was found, for a message. Only numbers are quoted: any other text may be a secret that
/// stands at the wrong key.
std::string found(const ConfigValue& value) {
  if (is_number(value)) return value.text.size() <= 40 ? value.text : "a number of many digits";
  switch (value.kind) {
    case Kind::Null:
      return "null";
    case Kind::Bool:
      return value.text;
    case Kind::List:
      return "a list";
    case Kind::Object:
      return "an object";
    default:
      return "a string";
  }
}

struct Assign {
  const ConfigKey& key;
  const ConfigValue& value;

  [[nodiscard]] Answer wrong_type(std::string_view wanted) const {
    // A number may be a password that lacks its quotes.
    const std::string seen = is_secret(key) && is_number(value) ? "a number" : found(value);
    return refuse(fmt::format("must be {}, not {}", wanted, seen));
  }

  [[nodiscard]] static std::optional<std::string> text_of(const ConfigValue& from) {
    if (from.kind != Kind::String && from.kind != Kind::Plain) return std::nullopt;
    return from.text;
  }

  [[nodiscard]] Result<std::int64_t> whole_number() const {
    if (!is_number(value) || value.text.find_first_of(".eE") != std::string::npos) {
      return fail(ErrorKind::InvalidInput,
                  fmt::format("must be a whole number, not {}", found(value)));
    }
    const auto [min, max] = key.range;
    const std::optional<std::int64_t> number = parse_int(value.text);
    if (number && *number >= min && *number <= max) return *number;
    if (max < std::numeric_limits<std::int64_t>::max()) {
      return fail(ErrorKind::InvalidInput,
                  fmt::format("must be between {} and {}, not {}", min, max, found(value)));
    }
    if (number) {
      return fail(ErrorKind::InvalidInput, fmt::format("must be {} or more, not {}", min, *number));
    }
    return fail(ErrorKind::InvalidInput,
                fmt::format("out of range: {} does not fit into 64 bits", found(value)));
  }

  Answer operator()(bool* field) const {
    const bool plain = value.kind == Kind::Plain;
    const bool truth = equals_ignoring_case(value.text, "true");
    if (value.kind != Kind::Bool &&
        !(plain && (truth || equals_ignoring_case(value.text, "false")))) {
      return wrong_type("true or false");
    }
    *field = truth;
    return std::nullopt;
  }

  Answer operator()(float* field) const {
    if (!is_number(value)) return wrong_type("a number");
    float number{};
    const char* end = value.text.data() + value.text.size();
    const auto [stop, problem] = std::from_chars(value.text.data(), end, number);
    if (problem != std::errc{} || stop != end || !std::isfinite(number)) {
      return refuse(fmt::format("out of range: {} does not fit", found(value)));
    }
    *field = number;
    return std::nullopt;
  }

  Answer operator()(std::int32_t* field) const {
    const Result<std::int64_t> number = whole_number();
    if (!number) return refuse(number.error().message);
    if (*number != static_cast<std::int32_t>(*number)) {
      return refuse(fmt::format("out of range: {} does not fit into 32 bits", *number));
    }
    *field = static_cast<std::int32_t>(*number);
    return std::nullopt;
  }

  Answer operator()(std::string* field) const {
    std::optional<std::string> text = text_of(value);
    if (!text) return wrong_type("a string");
    if (text->find('\0') != std::string::npos) return refuse("must not hold a NUL character");
    *field = *std::move(text);
    return std::nullopt;
  }

  Answer operator()(Secret* field) const {
    std::string text;
    Answer problem = (*this)(&text);
    if (!problem) *field = Secret(std::move(text));
    return problem;
  }

  template <typename T>
  Answer operator()(std::vector<T>* field) const {
    if (value.kind == Kind::Null) {
      field->clear();
      return std::nullopt;
    }
    if (value.kind != Kind::List) return wrong_type("a " + std::string(type_text(key)));
    std::vector<T> list;
    for (const ConfigValue& item : value.items) {
      Answer problem = Assign{key, item}(&list.emplace_back());
      if (!problem) continue;
      problem->message.insert(0, fmt::format("entry {} ", list.size()));
      return problem;
    }
    *field = std::move(list);
    return std::nullopt;
  }

  /// What an object says of a hook.
  [[nodiscard]] Answer member_of(Hook& hook) const {
    if (equals_ignoring_case(value.key, "Command")) return (*this)(&hook.command);
    if (equals_ignoring_case(value.key, "TimeoutSeconds")) {
      return (*this)(&hook.timeout.emplace());
    }
    if (!equals_ignoring_case(value.key, "OnFailure")) {
      return refuse("is not known: it may hold Command, TimeoutSeconds and OnFailure");
    }
    std::string word;
    if (Answer problem = (*this)(&word)) return problem;
    hook.aborts = word == "abort";
    if (*hook.aborts || word == "continue") return std::nullopt;
    return refuse("must be abort or continue");
  }

  Answer operator()(Hook* field) const {
    if (value.kind != Kind::Object) return (*this)(&field->command);
    for (const ConfigValue& member : value.items) {
      Answer problem = Assign{key, member}.member_of(*field);
      if (!problem) continue;
      problem->message.insert(0, fmt::format("{} ", printable(member.key)));
      return problem;
    }
    if (field->command.empty()) return refuse("has no Command");
    return std::nullopt;
  }

  Answer operator()(StringPairs* field) const {
    if (value.kind == Kind::Null) {
      field->clear();
      return std::nullopt;
    }
    if (value.kind != Kind::Object) return wrong_type("an object of strings");
    StringPairs merged = *field;
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < merged.size(); ++i) {
      places.emplace(merged[i].first, i);
    }
    for (const ConfigValue& member : value.items) {
      const auto [place, is_new] = places.try_emplace(member.key, merged.size());
      if (is_new) merged.emplace_back(member.key, "");
      Answer problem = Assign{key, member}(&merged[place->second].second);
      if (!problem) continue;
      problem->message.insert(0, fmt::format("entry '{}' ", printable(member.key)));
      return problem;
    }
    *field = std::move(merged);
    return std::nullopt;
  }

  /// Whole numbers of 64 bits, and durations.
  template <typename T>
  Answer operator()(T* field) const {
    const Result<std::int64_t> number = whole_number();
    if (!number) return refuse(number.error().message);
    if constexpr (std::is_integral_v<T>) {
      *field = static_cast<T>(*number);
    } else {
      constexpr T kLongest = std::chrono::duration_cast<T>(kLongestDuration);
      *field = T(*number);
      if (*field > kLongest || *field < -kLongest) {
        *field = *number > 0 ? kLongest : -kLongest;
        return ConfigProblem{.severity = Severity::Warning,
                             .message = fmt::format("{} {} are taken as {}, 100 years", *number,
                                                    type_text(key), field->count()),
                             .in_reading = true};
      }
    }
    return std::nullopt;
  }
};

bool is_empty_able(const FieldRef& field) {
  return std::holds_alternative<StringList*>(field) || std::holds_alternative<StringPairs*>(field);
}

}  // namespace

std::optional<ConfigProblem> assign(const ConfigKey& key, const ConfigValue& value,
                                    Config& config) {
  const FieldRef field = key.place.field(config);
  if (value.kind == Kind::Null && !is_empty_able(field)) return std::nullopt;
  return std::visit(Assign{key, value}, field);
}

}  // namespace orch
