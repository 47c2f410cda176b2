#include "cmd/api/route.h"

#include <utility>

#include <fmt/format.h>

#include "cmd/command/names.h"
#include "cmd/serve/service.h"

namespace orch::cmd {

HttpResponse to_response(ApiAnswer answer, std::string_view prefix) {
  HttpResponse response;
  if (answer.stream) {
    response.content_type = "application/x-ndjson";
    response.stream = std::move(answer.stream);
    return response;
  }
  if (answer.kind == ApiAnswer::Kind::Bare) {
    response.status = answer.status == 0 ? 200 : answer.status;
    response.body = std::move(answer.json);
    return response;
  }
  const bool good = answer.kind == ApiAnswer::Kind::Ok;
  response.status = answer.status != 0 ? answer.status : (good ? 200 : 500);
  const Json message = std::string(prefix) + answer.message;
  response.body = fmt::format(R"({{"Code":"{}","Message":{},"Details":{}}})", good ? "OK" : "ERROR",
                              dump(message), answer.json);
  return response;
}

const std::string& ApiCall::parameter(std::string_view name) const {
  static const std::string kNone;
  const auto found = parameters.find(name);
  return found == parameters.end() ? kNone : found->second;
}

Result<Reply> ApiCall::run(std::string_view command) const {
  const Command* found = find_command(command);
  if (found == nullptr) {
    return fail(ErrorKind::NotFound, fmt::format("{} is not available in this version", command));
  }
  Result<Reply> reply = found->run(services, args);
  if (found->access == Access::Write) service.look_again();
  return reply;
}

Json ApiCall::shown(const Instance& instance) const {
  return to_json(instance, services.config().operation.reasonable_replication_lag_seconds);
}

Result<Json> ApiCall::instance() const {
  ORCH_ASSIGN(const Instance found, known_instance(services, args));
  return shown(found);
}

std::function<ApiAnswer(ApiCall&)> answer_instance(std::string command, std::string message) {
  return [command = std::move(command), message = std::move(message)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    const Result<Json> now = call.instance();
    if (!now) return api_error(now.error());
    return api_ok(fmt::format("{}: {}", call.args.instance, message), dump(*now));
  };
}

std::function<ApiAnswer(ApiCall&)> answer_key(std::string command, std::string message) {
  return [command = std::move(command), message = std::move(message)](ApiCall& call) {
    // Before the command: a part of a name leads nowhere when the server has been forgotten.
    const Result<InstanceKey> key = instance_argument(call.services, call.args);
    if (!key) return api_error(key.error());
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    return api_ok(fmt::format("{}: {}", to_string(*key), message), dump(to_json(*key)));
  };
}

std::function<ApiAnswer(ApiCall&)> answer_bare(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    return reply ? api_bare(reply->json) : api_error(reply.error());
  };
}

ApiRoute renamed(const ApiRoute& route, std::string_view name) {
  ApiRoute other = route;
  const std::size_t slash = route.pattern.find('/');
  other.pattern = std::string(name) +
                  (slash == std::string::npos ? std::string() : route.pattern.substr(slash));
  return other;
}

const std::vector<ApiRoute>& api_routes() {
  static const std::vector<ApiRoute> kAll = [] {
    std::vector<ApiRoute> all;
    for (const auto family : {moving_routes, reading_routes, changing_routes, recovery_routes,
                              node_routes, command_routes, raft_routes, unserved_routes}) {
      for (ApiRoute& route : family())
        all.push_back(std::move(route));
    }
    return all;
  }();
  return kAll;
}

}  // namespace orch::cmd
