#include "cmd/cli/remote.h"

#include <cstdlib>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;

/// As patient as the shell client is when it looks for the leader.
const HttpPatience kCheck{.connect = milliseconds(1000), .silence = milliseconds(1000)};
/// A service at work says every five seconds that it lives.
const HttpPatience kCommand{.connect = milliseconds(5000), .silence = milliseconds(30'000)};

/// Longer than an election takes by default, the time until the leader is missed included.
constexpr milliseconds kElection{8000};
constexpr milliseconds kTryAgain{200};
constexpr int kNobodyLeads = 503;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What an envelope says, or else what was sent in its place.
std::string message_of(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("Message") && json["Message"].is_string()) {
    return json["Message"].get<std::string>();
  }
  return quoted_excerpt(trim(body), 200);
}

}  // namespace

ServiceAccess access_from(const std::string& api_option, bool direct, const HttpSettings& shared) {
  ServiceAccess access;
  access.urls = words(api_option.empty() ? environment("ORCHESTRATOR_API") : api_option);
  access.direct = direct;
  access.user = environment("ORCHESTRATOR_AUTH_USER");
  access.password = Secret(environment("ORCHESTRATOR_AUTH_PASSWORD"));
  const std::string header = environment("ORCHESTRATOR_AUTH_USER_HEADER");
  if (const std::size_t colon = header.find(':'); colon != std::string::npos) {
    access.header = {std::string(trim(header.substr(0, colon))),
                     std::string(trim(header.substr(colon + 1)))};
  }
  access.token = Secret(environment("ORCHESTRATOR_API_TOKEN"));
  access.tls = {.verify = !shared.ssl_skip_verify,
                .ca_file = environment("ORCHESTRATOR_API_CA"),
                .certificate_file = environment("ORCHESTRATOR_API_CERT"),
                .key_file = environment("ORCHESTRATOR_API_KEY")};
  if (access.tls.ca_file.empty()) access.tls.ca_file = shared.ssl_ca_file;
  if (access.tls.certificate_file.empty() && shared.use_mutual_tls) {
    access.tls.certificate_file = shared.ssl_cert_file;
    access.tls.key_file = shared.ssl_private_key_file;
  }
  const std::string method = to_lower(shared.authentication_method);
  if (access.urls.empty() && access.user.empty() && (method == "basic" || method == "multi")) {
    access.user = shared.http_auth_user;
    access.password = shared.http_auth_password;
  }
  return access;
}

Result<std::vector<HttpAddress>> addresses_of(const std::vector<std::string>& urls,
                                              const ServiceAccess& access) {
  std::vector<HttpAddress> addresses;
  for (const std::string& url : urls) {
    ORCH_ASSIGN(HttpAddress address, parse_api_address(url));
    if (address.user.empty()) {
      address.user = access.user;
      address.password = access.password;
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

HttpRequest RemoteService::request_for(std::string_view method, const std::string& path) const {
  HttpRequest request{.method = std::string(method), .target = address_.path + "/" + path};
  if (!access_.header.first.empty()) request.headers.push_back(access_.header);
  if (!access_.token.empty()) {
    request.headers.emplace_back("Cookie", "access-token=" + access_.token.reveal());
  }
  return request;
}

Result<int> RemoteService::check(const std::string& path) const {
  ORCH_ASSIGN(const auto connection, HttpConnection::open(address_, access_.tls, kCheck));
  ORCH_ASSIGN(const HttpResponse answer, connection->ask(request_for("GET", path)));
  return answer.status;
}

Result<RemoteService> RemoteService::choose(const ServiceAccess& access,
                                            const std::vector<HttpAddress>& addresses,
                                            bool must_lead, bool ask_one) {
  if (addresses.size() == 1 && !ask_one) return RemoteService(access, addresses.front());
  std::vector<std::string> checks = {"leader-check", "routed-leader-check"};
  if (!must_lead) checks.emplace_back("lb-check");
  std::vector<std::string> tried;
  for (const std::string& check : checks) {
    for (const HttpAddress& address : addresses) {
      RemoteService service(access, address);
      const Result<int> status = service.check(check);
      if (status && *status == 200) return service;
      if (check != checks.front()) continue;
      tried.push_back(
          status ? fmt::format("{}: {}", to_string(address),
                               *status == 401 ? "it lets nobody in unknown" : "it does not lead")
                 : status.error().message);
    }
  }
  return fail(ErrorKind::Unreachable,
              fmt::format("no service {}: {}", must_lead ? "leads" : "answers", join(tried, "; ")));
}

Error RemoteService::refusal(const HttpResponse& answer) const {
  const std::string where = to_string(address_);
  const std::string said = message_of(answer.body);
  const auto error = [&](ErrorKind kind, std::string_view text) {
    return Error{kind, fmt::format("{}: {}", where, text), true};
  };
  switch (answer.status) {
    case 401:
      return error(ErrorKind::Denied,
                   said + " (ORCHESTRATOR_AUTH_USER and ORCHESTRATOR_AUTH_PASSWORD say who asks)");
    case 403:
      return error(ErrorKind::Denied, said);
    case 404:
      return error(ErrorKind::NotFound, "no service of orch answers there");
    case 409:
      return error(ErrorKind::Conflict, said);
    case 400:
    case 415:
      return error(ErrorKind::InvalidInput, said);
    default:
      return error(ErrorKind::Broken, fmt::format("status {}: {}", answer.status, said));
  }
}

RemoteService::Asked RemoteService::run(const CommandRequest& request, Progress& progress) const {
  const auto deadline = std::chrono::steady_clock::now() + kElection;
  while (true) {
    const bool last = std::chrono::steady_clock::now() >= deadline;
    if (auto asked = run_once(request, progress, last)) return *std::move(asked);
    progress.show("no node leads: waiting for the nodes to elect one");
    std::this_thread::sleep_for(kTryAgain);
    progress.show("");
  }
}

std::optional<RemoteService::Asked> RemoteService::run_once(const CommandRequest& request,
                                                            Progress& progress, bool last) const {
  const auto connection = HttpConnection::open(address_, access_.tls, kCommand);
  if (!connection) return Asked{false, fail(connection.error())};
  HttpRequest question = request_for("POST", "orch/command");
  question.headers.emplace_back("Content-Type", "application/json");
  question.body = to_text(request);
  std::string pending;
  std::optional<Result<Reply>> reply;
  const auto answer = (*connection)->ask(question, [&](int status, std::string_view piece) {
    if (status != 200) return;
    pending += piece;
    for (std::size_t end = 0; (end = pending.find('\n')) != std::string::npos;) {
      if (auto read = read_answer_line(pending.substr(0, end), progress)) reply = std::move(read);
      pending.erase(0, end + 1);
    }
  });
  if (answer && answer->status == kNobodyLeads && !last) return std::nullopt;
  if (answer && answer->status != 200) return Asked{false, fail(refusal(*answer))};
  if (reply) return Asked{true, *std::move(reply)};
  const std::string why =
      answer ? to_string(address_) + ": it ended without an answer" : answer.error().message;
  return Asked{true, fail(ErrorKind::Unreachable,
                          why + "; whether the command was carried out is not known")};
}

Result<std::string> RemoteService::get(const std::string& path) const {
  ORCH_ASSIGN(const auto connection, HttpConnection::open(address_, access_.tls, kCommand));
  ORCH_ASSIGN(HttpResponse answer, connection->ask(request_for("GET", path)));
  if (answer.status != 200) return fail(refusal(answer));
  return std::move(answer.body);
}

}  // namespace orch::cmd
