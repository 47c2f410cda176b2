#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/model/instance.h"
#include "core/model/instance_key.h"

namespace orch {

/// JSON with the order of keys kept. The door to nlohmann-json for everything outside core/json:
/// heavy to include, so no header does.
using Json = nlohmann::ordered_json;

}  // namespace orch

/// Compiled once, in instance_json.cc: each file that includes this would take a second longer.
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace orch {

/// One line; bytes that are not UTF-8 are replaced, so that it never throws.
std::string dump(const Json& json);
/// A long array as text, made item by item: whole, it would take ten times the memory.
class ArrayText {
 public:
  void add(const Json& item);
  [[nodiscard]] std::string end() &&;

 private:
  std::string text_{"["};
};
/// Indented, for people.
std::string dump_pretty(const Json& json);

/// {"Hostname":"db-1","Port":3306}
Json to_json(const InstanceKey& key);
Json to_json(const std::vector<InstanceKey>& keys);
/// {"LogFile":"bin.000001","LogPos":4,"Type":0}
Json to_json(const BinlogCoordinates& coordinates);
/// The Instance object of orchestrator's API, all 102 fields (api document, 6.3). `lag_limit` is
/// ReasonableReplicationLagSeconds.
Json to_json(const Instance& instance, std::chrono::seconds lag_limit);

}  // namespace orch
