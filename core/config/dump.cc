#include "core/config/dump.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch {

namespace {

constexpr std::string_view kAreaNames[] = {
    "General",     "HTTP service", "Backend",        "Raft",
    "Connections", "Discovery",    "Classification", "Topology operations",
    "Pseudo-GTID", "Recovery",     "Service",        "Key-value stores",
    "Metrics",     "Agents",
};

/// A field that is only read. FieldRef points to what may be written, as a key is looked up to be
/// set; no visitor in this file writes.
FieldRef field_of(const ConfigKey& key, const Config& config) {
  return key.place.field(const_cast<Config&>(config));
}

std::string json_string(std::string_view text) {
  std::string written = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        written += "\\\"";
        break;
      case '\\':
        written += "\\\\";
        break;
      case '\n':
        written += "\\n";
        break;
      case '\t':
        written += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          written += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          written += c;
        }
    }
  }
  return written += '"';
}

std::string as_json(const StringList& list) {
  std::vector<std::string> items;
  for (const std::string& item : list) {
    items.push_back(json_string(item));
  }
  return "[" + join(items, ",") + "]";
}

std::string as_json(const StringPairs& pairs) {
  std::vector<std::string> items;
  for (const auto& [name, value] : pairs) {
    items.push_back(json_string(name) + ":" + json_string(value));
  }
  std::sort(items.begin(), items.end());
  return "{" + join(items, ",") + "}";
}

std::string as_json(const Hook& hook) {
  std::string text = json_string(hook.command);
  if (!hook.timeout && !hook.aborts) return text;
  text.insert(0, "{\"Command\":");
  if (hook.timeout) text += fmt::format(",\"TimeoutSeconds\":{}", hook.timeout->count());
  if (hook.aborts)
    text += fmt::format(",\"OnFailure\":\"{}\"", *hook.aborts ? "abort" : "continue");
  return text += '}';
}

struct TypeText {
  std::string_view operator()(const bool*) const { return "true or false"; }
  std::string_view operator()(const std::int32_t*) const { return "whole number"; }
  std::string_view operator()(const std::int64_t*) const { return "whole number"; }
  std::string_view operator()(const std::uint64_t*) const { return "whole number"; }
  std::string_view operator()(const float*) const { return "number"; }
  std::string_view operator()(const std::string*) const { return "string"; }
  std::string_view operator()(const Secret*) const { return "secret string"; }
  std::string_view operator()(const StringList*) const { return "list of strings"; }
  std::string_view operator()(const HookEntries*) const { return "list of strings or objects"; }
  std::string_view operator()(const StringPairs*) const { return "object of strings"; }
  std::string_view operator()(const std::chrono::milliseconds*) const { return "milliseconds"; }
  std::string_view operator()(const std::chrono::seconds*) const { return "seconds"; }
  std::string_view operator()(const std::chrono::minutes*) const { return "minutes"; }
  std::string_view operator()(const std::chrono::hours*) const { return "hours"; }
  std::string_view operator()(const std::chrono::days*) const { return "days"; }
};

struct AsJson {
  bool null_list{false};

  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const std::string* value) const { return json_string(*value); }
  std::string operator()(const Secret* value) const { return json_string(value->shown()); }
  std::string operator()(const StringPairs* value) const { return as_json(*value); }
  std::string operator()(const StringList* value) const {
    return value->empty() && null_list ? "null" : as_json(*value);
  }
  std::string operator()(const HookEntries* value) const {
    std::vector<std::string> items;
    for (const Hook& hook : *value)
      items.push_back(as_json(hook));
    return "[" + join(items, ",") + "]";
  }
  template <typename T>
  std::string operator()(const T* value) const {
    if constexpr (std::is_arithmetic_v<T>) {
      return fmt::format("{}", *value);
    } else {
      return fmt::format("{}", value->count());
    }
  }
};

}  // namespace

std::string_view to_string(ConfigArea area) {
  return kAreaNames[static_cast<std::size_t>(area)];
}

std::string_view type_text(const ConfigKey& key) {
  return std::visit(TypeText{}, field_of(key, Config{}));
}

bool is_secret(const ConfigKey& key) {
  return std::holds_alternative<Secret*>(field_of(key, Config{}));
}

std::string value_as_json(const ConfigKey& key, const Config& config) {
  return std::visit(AsJson{key.null_list}, field_of(key, config));
}

std::string dump_config(const Config& config) {
  std::string written = "{";
  for (const ConfigKey& key : config_keys()) {
    if (written.size() > 1) written += ',';
    written += json_string(key.name);
    written += ':';
    written += value_as_json(key, config);
  }
  return written += '}';
}

}  // namespace orch
