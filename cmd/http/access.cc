#include "cmd/http/access.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/base/text.h"
#include "core/net/base64.h"

namespace orch::cmd {

namespace {

HttpResponse unauthorized(std::string_view text, bool basic) {
  HttpResponse response{
      .status = 401, .content_type = "text/plain; charset=utf-8", .body = std::string(text) + "\n"};
  if (basic) {
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Authorization Required\"");
  }
  return response;
}

/// Takes as long whether or not they are the same.
bool same_secret(std::string_view given, std::string_view wanted) {
  unsigned difference = given.size() == wanted.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char c = wanted.empty() ? '\0' : wanted[i % wanted.size()];
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(c));
  }
  return difference == 0;
}

/// "user:password"
std::optional<std::string> basic_credentials(const HttpRequest& request) {
  const std::string_view header = request.header("Authorization");
  if (!header.starts_with("Basic ")) return std::nullopt;
  return base64_decoded(trim(header.substr(6)));
}

/// Whether the user is in one of these Unix groups on this host.
bool is_in_group(const std::string& user, const std::vector<std::string>& groups) {
  if (groups.empty() || user.empty()) return false;
  std::vector<char> space(1U << 16U);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(user.c_str(), &entry, space.data(), space.size(), &found) != 0 ||
      found == nullptr) {
    return false;
  }
  int count = 256;
  std::vector<gid_t> ids(static_cast<std::size_t>(count));
  if (::getgrouplist(user.c_str(), entry.pw_gid, ids.data(), &count) < 0) return false;
  ids.resize(static_cast<std::size_t>(count));
  for (const std::string& name : groups) {
    std::vector<char> more(1U << 16U);
    group wanted{};
    group* known = nullptr;
    if (::getgrnam_r(name.c_str(), &wanted, more.data(), more.size(), &known) != 0 ||
        known == nullptr) {
      continue;
    }
    if (std::find(ids.begin(), ids.end(), wanted.gr_gid) != ids.end()) return true;
  }
  return false;
}

std::string cookie(const HttpRequest& request, std::string_view name) {
  for (std::string_view rest = request.header("Cookie"); !rest.empty();) {
    const std::size_t end = rest.find(';');
    const std::string_view pair = trim(rest.substr(0, end));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return std::string(pair.substr(equals + 1));
    }
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

Caller by_password(const HttpRequest& request, const HttpSettings& settings, bool multi) {
  constexpr std::string_view kReader = "readonly";
  const std::string& user = settings.http_auth_user;
  if (user.empty() && !multi) return {.may_write = true};  // off, with a warning
  const std::optional<std::string> given = basic_credentials(request);
  if (given && same_secret(*given, user + ":" + settings.http_auth_password.reveal())) {
    return {.user = user, .may_write = !multi || user != kReader};
  }
  if (given && multi && given->starts_with(std::string(kReader) + ":")) {
    return {.user = std::string(kReader)};
  }
  return {.refusal = unauthorized("Not Authorized", true)};
}

Caller by_proxy(const HttpRequest& request, const HttpSettings& settings) {
  const auto& powerful = settings.power_auth_users;
  Caller caller{.user = std::string(trim(request.header(settings.auth_user_header)))};
  caller.may_write = std::find(powerful.begin(), powerful.end(), "*") != powerful.end() ||
                     (!caller.user.empty() &&
                      std::find(powerful.begin(), powerful.end(), caller.user) != powerful.end()) ||
                     is_in_group(caller.user, settings.power_auth_groups);
  return caller;
}

Caller by_method(const HttpRequest& request, const HttpSettings& settings,
                 const TokenCheck& is_live_token) {
  const std::string method = to_lower(settings.authentication_method);
  if (method == "basic" || method == "multi") {
    return by_password(request, settings, method == "multi");
  }
  if (method == "proxy") return by_proxy(request, settings);
  if (method == "oauth") return {};
  if (method == "token") {
    const std::string pair = cookie(request, "access-token");
    const std::size_t colon = pair.find(':');
    const bool live = colon != std::string::npos && is_live_token &&
                      is_live_token(pair.substr(0, colon), pair.substr(colon + 1));
    return {.may_write = live};
  }
  return {.may_write = true};
}

/// StatusEndpoint itself, or, when that is the default, the route of that name below the prefix.
bool is_status(const HttpRequest& request, const HttpSettings& settings) {
  const std::string& endpoint = settings.status_endpoint;
  if (endpoint == "/api/status") return request.path() == settings.url_prefix + endpoint;
  return request.path() == endpoint;
}

}  // namespace

Result<> check_access(const HttpSettings& settings) {
  const bool multi = equals_ignoring_case(settings.authentication_method, "multi");
  if (!multi || !settings.http_auth_user.empty()) return {};
  return fail(ErrorKind::InvalidInput, "AuthenticationMethod is multi: HTTPAuthUser must be set");
}

Caller caller_of(const HttpRequest& request, const HttpSettings& settings,
                 const TokenCheck& is_live_token) {
  Caller caller = by_method(request, settings, is_live_token);
  if (caller.refusal) return caller;
  const bool is_exempt = !settings.status_ou_verify && is_status(request, settings);
  if (settings.use_mutual_tls && !is_exempt && settings.listen_socket.empty()) {
    const auto& units = settings.ssl_valid_ous;
    const bool known = std::any_of(
        request.client_units.begin(), request.client_units.end(), [&](const std::string& unit) {
          return std::find(units.begin(), units.end(), unit) != units.end();
        });
    if (!known) {
      caller.refusal = unauthorized(request.tls ? "Invalid OU" : "No TLS", false);
      return caller;
    }
  }
  if (settings.read_only) caller = {};
  return caller;
}

}  // namespace orch::cmd
