#include <fmt/format.h>

#include "cmd/api/route.h"
#include "cmd/command/names.h"
#include "core/base/text.h"
#include "storage/equivalence_store.h"

namespace orch::cmd {

namespace {

ApiRoute moving(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
  return {.pattern = std::move(pattern), .answer = std::move(answer), .writes = true};
}

/// How many were not moved, or what a command that does not list them notes.
std::size_t errors_of(const Reply& reply, const Json& told) {
  const bool lists = told.is_object() && told.contains("NotMoved");
  return lists ? told["NotMoved"].size() : reply.notes.size();
}

/// An envelope with the instances that were moved, as they are now; what could not be is told.
std::function<ApiAnswer(ApiCall&)> answer_moved(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    Json moved = Json::array();
    const Json told = Json::parse(reply->json, nullptr, false);
    const std::size_t errors = errors_of(*reply, told);
    if (told.is_object() && told.contains("Moved")) {
      for (const Json& key : told["Moved"]) {
        const auto record = call.services.instances().find(
            {key.value("Hostname", ""), key.value("Port", std::uint16_t{0})});
        if (record && *record) moved.push_back(call.shown(**record));
      }
    }
    return api_ok(fmt::format("Moved {} replicas; {} errors", moved.size(), errors), dump(moved));
  };
}

/// An envelope with the key of the server below which they are now.
std::function<ApiAnswer(ApiCall&)> answer_destination(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    const Result<InstanceKey> key = destination_argument(call.services, call.args);
    if (!key) return api_error(key.error());
    const std::size_t errors = errors_of(*reply, Json::parse(reply->json, nullptr, false));
    return api_ok(fmt::format("Moved {} replicas; {} errors", reply->lines.size(), errors),
                  dump(to_json(*key)));
  };
}

std::string first_word(const std::vector<std::string>& lines) {
  return lines.front().substr(0, lines.front().find(' '));
}

/// An envelope with the key that the command names first.
std::function<ApiAnswer(ApiCall&)> answer_promoted(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    const auto key = reply->lines.empty() ? std::optional<InstanceKey>()
                                          : parse_key(call.services, first_word(reply->lines));
    if (!key) return api_error("no replica was promoted");
    return api_ok("promoted: " + to_string(*key), dump(to_json(*key)));
  };
}

ApiAnswer answer_equivalents(ApiCall& call) {
  const auto position = parse_int(call.parameter("logPos"));
  if (!position || *position < 0) return api_error("the log position is a number");
  const Result<InstanceKey> key = instance_argument(call.services, call.args);
  if (!key) return api_error(key.error());
  const auto found = call.services.store<storage::EquivalenceStore>().list(
      {*key, {call.parameter("logFile"), *position, BinlogType::Binary}});
  if (!found) return api_error(found.error());
  Json list = Json::array();
  for (const storage::BinlogPlace& place : *found)
    list.push_back({{"Key", to_json(place.key)}, {"Coordinates", to_json(place.coordinates)}});
  return api_ok(fmt::format("Found {} equivalent coordinates", list.size()), dump(list));
}

}  // namespace

std::vector<ApiRoute> moving_routes() {
  std::vector<ApiRoute> routes;
  const auto add = [&](ApiRoute route, std::initializer_list<std::string_view> names = {}) {
    for (const std::string_view name : names)
      routes.push_back(renamed(route, name));
    routes.push_back(std::move(route));
  };
  add(moving("relocate/H/B", answer_instance("relocate", "relocated")), {"relocate-below"});
  add(moving("relocate-slaves/H/B", answer_moved("relocate-replicas")), {"relocate-replicas"});
  add(moving("regroup-slaves/H", answer_promoted("regroup-replicas")), {"regroup-replicas"});
  add(moving("move-up/H", answer_instance("move-up", "moved up")));
  add(moving("move-up-slaves/H", answer_moved("move-up-replicas")), {"move-up-replicas"});
  add(moving("move-below/H/B", answer_instance("move-below", "moved below its sibling")));
  add(moving("move-equivalent/H/B",
             answer_instance("move-equivalent", "moved by equivalent coordinates")));
  add(moving("repoint/H/B", answer_instance("repoint", "repointed")));
  add(moving("repoint-slaves/H", answer_moved("repoint-replicas")), {"repoint-replicas"});
  add(moving("make-co-master/H", answer_instance("make-co-master", "made a co-master")));
  add(moving("enslave-siblings/H", answer_instance("take-siblings", "took its siblings")),
      {"take-siblings"});
  add(moving("enslave-master/H", answer_instance("take-master", "took its master")),
      {"take-master"});
  add(moving("master-equivalent/H/:logFile/:logPos", answer_equivalents));
  add(moving("regroup-slaves-bls/H", answer_promoted("regroup-replicas-bls")),
      {"regroup-replicas-bls"});
  add(moving("move-below-gtid/H/B", answer_instance("move-gtid", "moved by GTID")), {"move-gtid"});
  add(moving("move-slaves-gtid/H/B", answer_destination("move-replicas-gtid")),
      {"move-replicas-gtid"});
  add(moving("regroup-slaves-gtid/H", answer_promoted("regroup-replicas-gtid")),
      {"regroup-replicas-gtid"});
  add(moving("match/H/B", answer_instance("match", "matched")), {"match-below"});
  add(moving("match-up/H", answer_instance("match-up", "matched up")));
  add(moving("match-slaves/H/B", answer_destination("match-replicas")), {"match-replicas"});
  add(moving("match-up-slaves/H", answer_promoted("match-up-replicas")), {"match-up-replicas"});
  add(moving("regroup-slaves-pgtid/H", answer_promoted("regroup-replicas-pgtid")),
      {"regroup-replicas-pgtid"});
  add(moving("make-master/H", answer_instance("make-master", "made a master")));
  add(moving("make-local-master/H", answer_instance("make-local-master", "made a local master")));
  return routes;
}

}  // namespace orch::cmd
