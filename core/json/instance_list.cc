#include "core/json/instance_list.h"

#include <algorithm>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace orch {

namespace {

using nlohmann::json;

InstanceKey key_of(const json& entry) {
  InstanceKey key;
  for (const auto& [name, value] : entry.items()) {
    if (equals_ignoring_case(name, "hostname") && value.is_string()) {
      key.hostname = value.get<std::string>();
    } else if (equals_ignoring_case(name, "port") && value.is_number_unsigned()) {
      const auto port = value.get<std::uint64_t>();
      if (port <= UINT16_MAX) key.port = static_cast<std::uint16_t>(port);
    }
  }
  return key;
}

}  // namespace

std::string format_instance_list(std::vector<InstanceKey> keys) {
  std::sort(keys.begin(), keys.end());
  std::string text = "[";
  for (const InstanceKey& key : keys) {
    if (text.size() > 1) text += ",";
    // Host names come from servers: bytes that are not UTF-8 must not throw.
    text += R"({"Hostname":)" +
            json(key.hostname).dump(-1, ' ', false, json::error_handler_t::replace) +
            R"(,"Port":)" + std::to_string(key.port) + "}";
  }
  return text + "]";
}

std::vector<InstanceKey> parse_instance_list(std::string_view text) {
  std::vector<InstanceKey> keys;
  if (text.empty() || text == "[]") return keys;
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return keys;
  for (const json& entry : list) {
    if (!entry.is_object()) continue;
    InstanceKey key = key_of(entry);
    if (!key.hostname.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace orch
