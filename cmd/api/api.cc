#include "cmd/api/api.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cmd/api/forward.h"
#include "cmd/api/metrics.h"
#include "cmd/api/web.h"
#include "cmd/serve/service.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "storage/token_store.h"

namespace orch::cmd {

namespace {

using Segments = std::vector<std::string_view>;

/// A pattern, ready to be compared.
struct Prepared {
  const ApiRoute* route{nullptr};
  std::vector<std::string> segments{};  ///< "H" and "B" as two
};

std::vector<std::string> prepared_segments(const std::string& pattern) {
  std::vector<std::string> segments;
  for (const std::string_view part : split(pattern, '/')) {
    if (part == "H") {
      segments.insert(segments.end(), {":host", ":port"});
    } else if (part == "B") {
      segments.insert(segments.end(), {":belowHost", ":belowPort"});
    } else {
      segments.emplace_back(part == "C" ? ":clusterHint" : part);
    }
  }
  return segments;
}

using Table = std::map<std::string, std::vector<Prepared>, std::less<>>;  // by the first word

const Table& table() {
  static const Table kTable = [] {
    Table made;
    for (const ApiRoute& route : api_routes()) {
      Prepared prepared{&route, prepared_segments(route.pattern)};
      const std::string first = prepared.segments.front();
      made[first].push_back(std::move(prepared));
    }
    return made;
  }();
  return kTable;
}

bool fits(const std::vector<std::string>& pattern, const Segments& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (pattern[i].starts_with(':') ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

std::string instance_text(const MatchedRoute& match, const char* host, const char* port) {
  const std::string& name = match.parameters.find(host)->second;
  const bool bare_v6 = name.find(':') != std::string::npos && !name.starts_with('[');
  return fmt::format("{}:{}", bare_v6 ? "[" + name + "]" : name,
                     match.parameters.find(port)->second);
}

void fill_args(MatchedRoute& match) {
  Args& args = match.args;
  const auto has = [&](const char* name) {
    return match.parameters.contains(name);
  };
  if (has("host") && has("port")) args.instance = instance_text(match, "host", "port");
  if (has("clusterHint")) args.instance = match.parameters["clusterHint"];
  if (has("belowHost")) args.destination = instance_text(match, "belowHost", "belowPort");
  const std::pair<const char*, std::string Args::*> simple[] = {
      {"owner", &Args::owner},   {"reason", &Args::reason}, {"duration", &Args::duration},
      {"pool", &Args::pool},     {"tag", &Args::tag},       {"hostname", &Args::hostname},
      {"binlog", &Args::binlog}, {"s", &Args::pattern}};
  for (const auto& [name, field] : simple) {
    if (has(name)) args.*field = match.parameters[name];
  }
}

void add_queries(const HttpRequest& request, Args& args) {
  const auto take = [&](std::string_view name, std::string& field) {
    std::string value(trim(request.query(name)));
    if (!value.empty()) field = std::move(value);
  };
  take("pattern", args.pattern);
  take("s", args.pattern);
  take("tag", args.tag);
  take("q", args.statement);
}

/// The body must not be JSON: the shell client tells by that that nobody answered.
HttpResponse no_such_route() {
  return {.status = 404,
          .content_type = "text/plain; charset=utf-8",
          .body = "404 page not found\n",
          .headers = {{"X-Content-Type-Options", "nosniff"}}};
}

std::string identity_of(const Config& config, const std::string& host) {
  const std::string wanted = to_lower(config.general.prepend_messages_with_orc_identity);
  std::string identity;
  if (wanted == "fqdn" || wanted == "hostname") identity = host;
  if (wanted == "custom") identity = config.general.custom_orc_identity;
  return identity.empty() ? "" : fmt::format("Orchestrator {} says: ", identity);
}

}  // namespace

std::optional<MatchedRoute> match_route(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  const Segments segments = split(path, '/');
  const auto named = table().find(segments.front());
  if (named == table().end()) return std::nullopt;
  const auto found = std::ranges::find_if(
      named->second, [&](const Prepared& each) { return fits(each.segments, segments); });
  if (found == named->second.end()) return std::nullopt;
  MatchedRoute match{.route = found->route};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!found->segments[i].starts_with(':')) continue;
    // What the shell client encodes ends with a newline.
    match.parameters[found->segments[i].substr(1)] =
        std::string(trim(percent_decoded(segments[i])));
  }
  fill_args(match);
  return match;
}

Api::Api(Service& service)
    : service_(service),
      identity_(identity_of(service.config(), service.services().self().hostname)) {
  if (service.config().http.http_auth_user.empty() &&
      equals_ignoring_case(service.config().http.authentication_method, "basic")) {
    log::warning("AuthenticationMethod is basic and HTTPAuthUser is empty: everybody is let in");
  }
}

Caller Api::caller(const HttpRequest& request) const {
  const HttpSettings& settings = service_.config().http;
  return caller_of(request, settings, [&](const std::string& publicly, const std::string& secret) {
    const auto live = service_.services().store<storage::TokenStore>().is_valid(
        publicly, secret, settings.access_token_expiry_minutes);
    return live && *live;
  });
}

std::optional<std::string_view> Api::below_prefix(std::string_view path) const {
  const std::string& prefix = service_.config().http.url_prefix;
  if (prefix.empty() || prefix == "/") return path;
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  return path.empty() || path.front() == '/' ? std::optional(path) : std::nullopt;
}

/// How old the data is, who says it and in which epoch.
void Api::describe(HttpResponse& response) const {
  const auto term = service_.leading();
  response.headers.emplace_back("X-Orch-Node", service_.services().self().hostname);
  response.headers.emplace_back("X-Orch-Role", term ? "leader" : "follower");
  // That of the latest leader when this node is none: the records are its.
  const auto epoch = term ? term : service_.coordination().asked().leading();
  if (epoch) response.headers.emplace_back("X-Orch-Epoch", std::to_string(*epoch));
  const auto age = service_.data_age();
  if (age) response.headers.emplace_back("X-Orch-Data-Age-Ms", std::to_string(age->count()));
}

HttpResponse Api::answer_of_leader(const HttpRequest& request, Kind kind,
                                   const std::function<HttpResponse()>& here) const {
  const ha::Coordination& coordination = service_.coordination();
  ha::raft::Group* const group = service_.coordination().group();
  if (group == nullptr) return here();
  const LeaderWatch watch([group] { return group->status().leader; });
  const auto url = coordination.answers_elsewhere();
  if (!url) return here();
  if (url->empty() || was_forwarded(request)) {
    ApiAnswer refusal = api_error(
        fmt::format("{} does not lead, and knows no node that does: try again in a moment "
                    "(raft-status tells more)",
                    service_.services().self().hostname));
    refusal.status = 503;
    HttpResponse response = to_response(refusal, identity_);
    describe(response);
    return response;
  }
  HttpResponse response;
  response.later = [this, request, kind, here, watch, url = *url] {
    const HttpSettings& settings = service_.config().http;
    auto answer = kind == Kind::Command
                      ? forwarded_command(request, url, settings, watch)
                      : forwarded(request, url, kind == Kind::Write, settings, watch);
    return answer ? *std::move(answer) : answer_of_leader(request, kind, here);
  };
  return response;
}

HttpResponse Api::answer_here(const HttpRequest& request, const Caller& who,
                              const MatchedRoute& match) const {
  ApiCall call{.service = service_,
               .services = service_.services(),
               .request = request,
               .caller = who,
               .parameters = match.parameters,
               .args = match.args};
  add_queries(request, call.args);
  if (call.args.owner.empty()) {
    call.args.owner = who.user.empty() ? service_.services().self().hostname : who.user;
  }
  HttpResponse response = to_response(match.route->answer(call), identity_);
  describe(response);
  return response;
}

HttpResponse Api::answer_api(const HttpRequest& request, const Caller& who,
                             std::string_view path) const {
  const std::optional<MatchedRoute> match = match_route(path);
  const HttpSettings& settings = service_.config().http;
  const bool status_elsewhere = match && match->route->pattern == "status" &&
                                settings.status_endpoint != "/api/status" &&
                                request.path() != settings.status_endpoint;
  if (!match || status_elsewhere) return no_such_route();
  const ApiRoute& route = *match->route;
  const bool post = request.method == "POST";
  if (post != route.asked_by_body && !(post && route.writes)) return no_such_route();
  if (route.writes && !who.may_write) return to_response(api_error("Unauthorized"), identity_);
  if (route.writes && !post && service_.config().service.require_post_for_mutations) {
    return to_response(api_error("this call changes something: it must be a POST request"),
                       identity_);
  }
  const bool is_leaders = route.asked_by_body ? !is_about_node(request) : !route.local;
  if (!is_leaders) return answer_here(request, who, *match);
  const Kind kind = route.asked_by_body ? Kind::Command : route.writes ? Kind::Write : Kind::Read;
  return answer_of_leader(request, kind, [=, this] { return answer_here(request, who, *match); });
}

/// What a token that somebody was given is changed into, once.
HttpResponse Api::answer_token(const HttpRequest& request) const {
  const std::string publicly = request.query("publicToken");
  const auto secret = service_.services().store<storage::TokenStore>().acquire(
      publicly, service_.config().http.access_token_use_expiry_seconds);
  if (!secret || !*secret) {
    HttpResponse refusal = to_response(
        api_error(secret ? "this token is unknown, used or too old" : secret.error().message),
        identity_);
    refusal.status = 200;
    return refusal;
  }
  return {.status = 302,
          .content_type = "text/plain; charset=utf-8",
          .body = "welcome\n",
          .headers = {{"Location", service_.config().http.url_prefix + "/"},
                      {"Set-Cookie", fmt::format("access-token={}:{}; Path=/; HttpOnly{}", publicly,
                                                 **secret, request.tls ? "; Secure" : "")}}};
}

HttpResponse Api::answer_other(const HttpRequest& request, const Caller& who,
                               std::string_view path) const {
  if (path == "/metrics") return prometheus_metrics(service_);
  if (path == "/debug/metrics" || path == "/debug/vars") return debug_metrics(service_);
  if (path == "/web/access-token") {
    return answer_of_leader(request, Kind::Write, [=, this] { return answer_token(request); });
  }
  if (request.method == "POST") return no_such_route();
  const auto page = answer_web({.config = service_.config(), .who = who}, path);
  return page ? *page : no_such_route();
}

HttpResponse Api::answer(const HttpRequest& request) const {
  const Caller who = caller(request);
  if (who.refusal) return *who.refusal;
  const bool known_method =
      request.method == "GET" || request.method == "HEAD" || request.method == "POST";
  if (!known_method) return no_such_route();
  const HttpSettings& settings = service_.config().http;
  if (request.path() == settings.status_endpoint && settings.status_endpoint != "/api/status") {
    return answer_api(request, who, "status");
  }
  const auto path = below_prefix(request.path());
  if (!path) return no_such_route();
  constexpr std::string_view kApi = "/api/";
  if (path->starts_with(kApi)) return answer_api(request, who, path->substr(kApi.size()));
  return answer_other(request, who, *path);
}

std::optional<HttpResponse> Api::answer_quickly(const HttpRequest& request) const {
  // With a password or a certificate asked for, the long way.
  const HttpSettings& settings = service_.config().http;
  const std::string method = to_lower(settings.authentication_method);
  if (method == "basic" || method == "multi" || settings.use_mutual_tls) return std::nullopt;
  const auto path = below_prefix(request.path());
  if (!path || (request.method != "GET" && request.method != "HEAD")) return std::nullopt;
  for (const std::string_view check :
       {"/api/leader-check", "/api/routed-leader-check", "/api/lb-check", "/api/_ping"}) {
    // With raft, another node may have to be asked.
    if (check.starts_with("/api/routed") && service_.coordination().has_own_backend()) continue;
    if (*path == check) return answer_api(request, {.may_write = false}, check.substr(5));
  }
  return std::nullopt;
}

}  // namespace orch::cmd
