#include "cmd/api/openapi.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/api/route_text.h"
#include "cmd/wire.h"
#include "core/base/text.h"
#include "core/json/analysis_json.h"
#include "core/json/recovery_json.h"

namespace orch::cmd {

namespace {

Json reference(std::string_view name) {
  return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

/// The schema of values that look like this one.
Json schema_like(const Json& sample) {
  if (sample.is_string()) return {{"type", "string"}};
  if (sample.is_boolean()) return {{"type", "boolean"}};
  if (sample.is_number_integer()) return {{"type", "integer"}};
  if (sample.is_number()) return {{"type", "number"}};
  if (sample.is_array()) {
    return {{"type", "array"}, {"items", sample.empty() ? Json::object() : schema_like(sample[0])}};
  }
  if (!sample.is_object()) return Json::object();  // null: it is not known here
  if (sample.size() == 2 && sample.contains("Hostname") && sample.contains("Port")) {
    return reference("InstanceKey");
  }
  Json fields = Json::object();
  for (const auto& [name, value] : sample.items())
    fields[name] = schema_like(value);
  return {{"type", "object"}, {"properties", fields}};
}

/// A value of each type that the API names, with all fields that it has.
Json samples() {
  const std::vector<InstanceKey> one = {{"db1.example", 3306}};
  const Json key = to_json(one.front());
  const Json cluster = {{"ClusterName", ""},
                        {"ClusterAlias", ""},
                        {"ClusterDomain", ""},
                        {"CountInstances", 0},
                        {"HeuristicLag", 0},
                        {"HasAutomatedMasterRecovery", false},
                        {"HasAutomatedIntermediateMasterRecovery", false}};
  Json instance = to_json(Instance{}, std::chrono::seconds(10));
  for (const char* name : {"SlaveHosts", "Replicas", "ReplicationGroupMembers"})
    instance[name] = to_json(one);
  instance["Problems"] = Json::array({""});
  Json analysis = to_json(Analysis{}, {});
  for (const char* name : {"SlaveHosts", "Replicas"})
    analysis[name] = to_json(one);
  analysis["StructureAnalysis"] = Json::array({""});
  Json recovery = to_json(RecoveryRecord{}, SpeakingNode{}, cluster);
  for (const char* name : {"LostReplicas", "ParticipatingInstanceKeys"})
    recovery[name] = to_json(one);
  recovery["SuccessorKey"] = key;
  recovery["AllErrors"] = Json::array({""});
  const Json node = {{"Hostname", ""},        {"Token", ""},          {"AppVersion", ""},
                     {"FirstSeenActive", ""}, {"LastSeenActive", ""}, {"ExtraInfo", ""},
                     {"Command", ""},         {"DBBackend", ""},      {"LastReported", ""}};
  return {{"Instance", instance},
          {"ClusterInfo", cluster},
          {"ReplicationAnalysis", analysis},
          {"TopologyRecovery", recovery},
          {"RecoveryStep", to_json(RecoveryStep{})},
          {"HealthStatus",
           {{"Healthy", true},
            {"Hostname", ""},
            {"Token", ""},
            {"IsActiveNode", true},
            {"ActiveNode", node},
            {"Error", nullptr},
            {"AvailableNodes", Json::array({node})},
            {"RaftLeader", ""},
            {"IsRaftLeader", false},
            {"RaftLeaderURI", ""},
            {"RaftAdvertise", ""},
            {"RaftHealthyMembers", Json::array({""})}}},
          {"RaftStatus",
           {{"RaftBind", ""},
            {"RaftAdvertise", ""},
            {"State", ""},
            {"Healthy", true},
            {"IsPartOfQuorum", true},
            {"Leader", ""},
            {"LeaderURI", ""},
            {"Peers", Json::array({""})},
            {"Trouble", ""}}},
          {"AuditEntry",
           {{"AuditId", 0},
            {"AuditTimestamp", ""},
            {"AuditType", ""},
            {"AuditInstanceKey", key},
            {"Message", ""}}},
          {"Maintenance",
           {{"MaintenanceId", 0},
            {"Key", key},
            {"BeginTimestamp", ""},
            {"SecondsElapsed", 0},
            {"IsActive", true},
            {"Owner", ""},
            {"Reason", ""}}},
          {"KVPair", {{"Key", ""}, {"Value", ""}}}};
}

Json schemas() {
  Json all = {
      {"InstanceKey",
       {{"type", "object"},
        {"properties", {{"Hostname", {{"type", "string"}}}, {"Port", {{"type", "integer"}}}}}}}};
  const Json types = samples();
  for (const auto& [name, sample] : types.items())
    all[name] = schema_like(sample);
  all["Envelope"] = {
      {"type", "object"},
      {"required", {"Code", "Message", "Details"}},
      {"properties",
       {{"Code", {{"type", "string"}, {"enum", {"OK", "ERROR"}}}},
        {"Message", {{"type", "string"}}},
        {"Details", {{"description", "depends on the call; null when there is nothing to say"}}}}}};
  return all;
}

Json schema_of_type(std::string_view type) {
  if (type.starts_with('[')) {
    return {{"type", "array"}, {"items", schema_of_type(type.substr(1, type.size() - 2))}};
  }
  if (type == "string" || type == "integer") return {{"type", type}};
  if (type == "{}") return {{"type", "object"}};
  if (type == "null") return {{"nullable", true}};
  return reference(type);
}

Json schema_of_answer(std::string_view gives) {
  constexpr std::string_view kEnvelope = "E ";
  if (!gives.starts_with(kEnvelope)) return schema_of_type(gives);
  return {{"allOf",
           {reference("Envelope"),
            {{"type", "object"},
             {"properties", {{"Details", schema_of_type(gives.substr(kEnvelope.size()))}}}}}}};
}

/// "instance/H" -> "/instance/{host}/{port}", and the names in it.
std::string path_of(const std::string& pattern, std::vector<std::string>& names) {
  std::string path;
  const auto variable = [&](const std::string& name) {
    names.push_back(name);
    path += "/{" + name + "}";
  };
  for (const std::string_view part : split(pattern, '/')) {
    if (part == "H") {
      variable("host");
      variable("port");
    } else if (part == "B") {
      variable("belowHost");
      variable("belowPort");
    } else if (part == "C") {
      variable("clusterHint");
    } else if (part.starts_with(':')) {
      variable(std::string(part.substr(1)));
    } else {
      path += "/" + std::string(part);
    }
  }
  return path;
}

Json parameter(const std::string& name, bool in_path) {
  const std::string_view type = name == "port" || name == "belowPort" ? "integer" : "string";
  return {{"name", name},
          {"in", in_path ? "path" : "query"},
          {"required", in_path},
          {"schema", {{"type", type}}}};
}

Json operation_of(const ApiRoute& route, const RouteText& text, std::string_view method,
                  const std::vector<std::string>& names) {
  Json parameters = Json::array();
  for (const std::string& name : names)
    parameters.push_back(parameter(name, true));
  for (const std::string& name : words(text.queries))
    parameters.push_back(parameter(name, false));
  std::string id = fmt::format("{}_{}", method, route.pattern);
  std::ranges::replace_if(
      id, [](char c) { return c == '/' || c == ':' || c == '.'; }, '_');
  const std::string_view type = route.asked_by_body ? "application/x-ndjson" : "application/json";
  Json operation = {
      {"operationId", id},
      {"summary", summary_of(route)},
      {"parameters", parameters},
      {"responses",
       {{"200",
         {{"description", "it was done, or is as asked for"},
          {"content", {{type, {{"schema", schema_of_answer(text.gives)}}}}}}},
        {"401", {{"description", "nobody is let in without credentials"}}},
        {"500",
         {{"description", "why not, in Message"},
          {"content", {{"application/json", {{"schema", reference("Envelope")}}}}}}}}},
      {"x-orch-writes", route.writes || route.asked_by_body}};
  if (route.writes) operation["description"] = "Needs the privilege to write.";
  if (route.asked_by_body) {
    operation["description"] = "Needs the privilege to write when the command changes something.";
    operation["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
  }
  return operation;
}

}  // namespace

std::string openapi_document() {
  Json paths = Json::object();
  for (const ApiRoute& route : api_routes()) {
    const RouteText* text = text_of(route);
    if (text == nullptr) continue;  // a test sees to it that there is one
    std::vector<std::string> names;
    Json& path = paths[path_of(route.pattern, names)];
    if (!route.asked_by_body) path["get"] = operation_of(route, *text, "get", names);
    if (route.writes || route.asked_by_body) {
      path["post"] = operation_of(route, *text, "post", names);
    }
  }
  return dump_pretty(
      {{"openapi", "3.0.3"},
       {"info",
        {{"title", "orch"},
         {"version", version()},
         {"description",
          "The API of orchestrator, and what orch adds to it. Answers say which node gave them "
          "(X-Orch-Node, X-Orch-Role, X-Orch-Epoch) and how old the oldest record is "
          "(X-Orch-Data-Age-Ms)."}}},
       {"servers", Json::array({{{"url", "/api"}}})},
       {"security",
        Json::array({Json::object(), {{"basic", Json::array()}}, {{"token", Json::array()}}})},
       {"paths", paths},
       {"components",
        {{"securitySchemes",
          {{"basic", {{"type", "http"}, {"scheme", "basic"}}},
           {"token", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "access-token"}}}}},
         {"schemas", schemas()}}}});
}

}  // namespace orch::cmd
