#include <fmt/format.h>

#include "cmd/api/route.h"
#include "cmd/command/exchange.h"
#include "cmd/serve/service.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "storage/node_store.h"

namespace orch::cmd {

namespace {

/// Whoever asked sees how far it is.
class SentProgress final : public Progress {
 public:
  explicit SentProgress(const HttpResponse::Send& send) : send_(send) {}
  void show(std::string_view line) override { send_(progress_line(ProgressKind::Show, line)); }
  void say(std::string_view line) override { send_(progress_line(ProgressKind::Say, line)); }
  void note(std::string_view line) override {
    log::warning("{}", line);
    send_(progress_line(ProgressKind::Note, line));
  }

 private:
  const HttpResponse::Send& send_;
};

ApiAnswer refused(int status, std::string message) {
  ApiAnswer answer = api_error(std::move(message));
  answer.status = status;
  return answer;
}

/// Who leads and where it answers, as far as the backend knows.
std::string leader_text(const ApiCall& call) {
  const auto holder = call.service.coordination().leader();
  if (!holder || !*holder) return "nobody does";
  const storage::NodeIdentity& leader = (*holder)->node;
  const auto serving = call.services.store<storage::NodeStore>().list_serving();
  for (const storage::Node& node : serving ? *serving : std::vector<storage::Node>()) {
    if (node.identity.token == leader.token) {
      return fmt::format("{} does, at {}", leader.hostname, node.url);
    }
  }
  return leader.hostname + " held the lease last";
}

}  // namespace

bool is_about_node(const HttpRequest& request) {
  const auto asked = parse_command_request(request.body);
  const Command* command = asked ? find_command(asked->command) : nullptr;
  return command != nullptr && command->of_node;
}

namespace {

/// A command of the catalog, run as `orch` runs it on a backend of its own, and its whole reply.
ApiAnswer answer_command(ApiCall& call) {
  // A page of another site cannot send this type unasked.
  if (!call.request.header("Content-Type").starts_with("application/json")) {
    return refused(415, "the request's body must be of type application/json");
  }
  auto request = parse_command_request(call.request.body);
  if (!request) return refused(400, request.error().message);
  const Command* command = find_command(request->command);
  if (command == nullptr || command->here || command->needs == Needs::Nothing) {
    return refused(400, fmt::format("no command '{}' is run by a service of this version",
                                    printable(request->command)));
  }
  const bool writes = command->access == Access::Write;
  if (writes && !call.caller.may_write) {
    return refused(403, fmt::format("{} may not change anything here",
                                    call.caller.user.empty() ? "the caller" : call.caller.user));
  }
  if (writes && command->needs == Needs::Servers && !call.service.leading()) {
    return refused(
        409, fmt::format("{} does not lead; {}", call.services.self().hostname, leader_text(call)));
  }
  if (request->args.owner.empty()) {
    request->args.owner = call.caller.user.empty() ? request->user : call.caller.user;
  }
  ApiAnswer answer;
  answer.stream = [&service = call.service, command, writes,
                   request = *std::move(request)](const HttpResponse::Send& send) {
    SentProgress progress(send);
    Services services = service.services().for_reader(progress, request.colour);
    const Result<Reply> reply = command->run(services, request.args);
    if (writes) service.look_again();
    send(reply_line(reply));
  };
  return answer;
}

}  // namespace

std::vector<ApiRoute> command_routes() {
  return {
      {.pattern = "orch/command", .answer = answer_command, .local = true, .asked_by_body = true}};
}

}  // namespace orch::cmd
