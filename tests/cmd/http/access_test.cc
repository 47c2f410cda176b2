#include "cmd/http/access.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

HttpRequest with_header(const std::string& name, const std::string& value) {
  return {.method = "GET", .target = "/api/clusters", .headers = {{name, value}}};
}

HttpSettings settings_of(const std::string& method) {
  HttpSettings settings;
  settings.authentication_method = method;
  settings.http_auth_user = "admin";
  settings.http_auth_password = Secret("secret:with:colons");
  return settings;
}

bool no_token(const std::string& /*publicly*/, const std::string& /*secret*/) {
  return false;
}

// "admin:secret:with:colons"
const HttpRequest kAdmin = with_header("Authorization", "Basic YWRtaW46c2VjcmV0OndpdGg6Y29sb25z");

}  // namespace

TEST_SUITE("http access") {
  TEST_CASE("without a method everybody may do everything") {
    for (const std::string method : {"", "none", "something"}) {
      const Caller caller = caller_of({}, settings_of(method), no_token);
      CHECK_FALSE(caller.refusal);
      CHECK(caller.may_write);
    }
  }

  TEST_CASE("basic lets in who knows the password, and nobody else") {
    const HttpSettings settings = settings_of("BASIC");
    const Caller admin = caller_of(kAdmin, settings, no_token);
    CHECK(admin.user == "admin");
    CHECK(admin.may_write);
    for (const std::string header : {"", "Basic", "Basic ", "Basic !!!",
                                     "Basic YWRtaW46d3Jvbmc=", "Basic YWRtaW4=", "Basic YWRtaW46",
                                     "Bearer YWRtaW46c2VjcmV0OndpdGg6Y29sb25z"}) {
      CAPTURE(header);
      const Caller other = caller_of(with_header("Authorization", header), settings, no_token);
      REQUIRE(other.refusal);
      CHECK(other.refusal->status == 401);
      CHECK(other.refusal->body == "Not Authorized\n");
      CHECK(other.refusal->headers ==
            HttpHeaders{{"WWW-Authenticate", "Basic realm=\"Authorization Required\""}});
    }
  }

  TEST_CASE("basic without a user is off, multi is not") {
    HttpSettings settings = settings_of("basic");
    settings.http_auth_user.clear();
    CHECK(caller_of({}, settings, no_token).may_write);
    settings.authentication_method = "multi";
    CHECK(caller_of({}, settings, no_token).refusal);
  }

  TEST_CASE("a user's name may have a colon, and one called readonly reads under multi") {
    HttpSettings settings = settings_of("multi");
    settings.http_auth_user = "a:b";
    settings.http_auth_password = Secret("p");
    const HttpRequest request = with_header("Authorization", "Basic YTpiOnA=");  // a:b:p
    CHECK(caller_of(request, settings, no_token).may_write);
    CHECK(caller_of(request, settings, no_token).user == "a:b");
    settings.http_auth_user = "readonly";
    const HttpRequest reader = with_header("Authorization", "Basic cmVhZG9ubHk6cA==");
    CHECK_FALSE(caller_of(reader, settings, no_token).refusal);
    CHECK_FALSE(caller_of(reader, settings, no_token).may_write);
    settings.authentication_method = "basic";
    CHECK(caller_of(reader, settings, no_token).may_write);
  }

  TEST_CASE("under multi a reader comes in with any password and may change nothing") {
    const HttpSettings settings = settings_of("multi");
    const Caller reader =
        caller_of(with_header("Authorization", "Basic cmVhZG9ubHk6YW55"), settings, no_token);
    CHECK_FALSE(reader.refusal);
    CHECK(reader.user == "readonly");
    CHECK_FALSE(reader.may_write);
    CHECK(caller_of(kAdmin, settings, no_token).may_write);
  }

  TEST_CASE("a proxy names the user; power users may write") {
    HttpSettings settings = settings_of("proxy");
    settings.auth_user_header = "x-forwarded-USER";
    const HttpRequest alice = with_header("X-Forwarded-User", "alice");
    CHECK(caller_of(alice, settings, no_token).may_write);  // PowerAuthUsers is ["*"]
    settings.power_auth_users = {"bob"};
    CHECK(caller_of(alice, settings, no_token).user == "alice");
    CHECK_FALSE(caller_of(alice, settings, no_token).may_write);
    CHECK_FALSE(caller_of({}, settings, no_token).may_write);
    settings.power_auth_users = {"alice"};
    CHECK(caller_of(alice, settings, no_token).may_write);
  }

  TEST_CASE("members of a power group may write") {
    HttpSettings settings = settings_of("proxy");
    settings.power_auth_users = {};
    settings.power_auth_groups = {"no-such-group", "root"};
    CHECK(caller_of(with_header("X-Forwarded-User", "root"), settings, no_token).may_write);
    CHECK_FALSE(caller_of(with_header("X-Forwarded-User", "nobody"), settings, no_token).may_write);
    CHECK_FALSE(
        caller_of(with_header("X-Forwarded-User", "no-such-user"), settings, no_token).may_write);
  }

  TEST_CASE("a token's two halves give the right to write; broken cookies give none") {
    const HttpSettings settings = settings_of("token");
    const auto check = [](const std::string& publicly, const std::string& secret) {
      return publicly == "p" && secret == "s";
    };
    CHECK(caller_of(with_header("Cookie", "a=b; access-token=p:s"), settings, check).may_write);
    for (const std::string cookie :
         {"access-token=p", "access-token=", "access-token", "access-token=p:x", "x=p:s", ""}) {
      CAPTURE(cookie);
      const Caller caller = caller_of(with_header("Cookie", cookie), settings, check);
      CHECK_FALSE(caller.refusal);
      CHECK_FALSE(caller.may_write);
    }
  }

  TEST_CASE("nobody may write under oauth, nor where all is read-only") {
    CHECK_FALSE(caller_of({}, settings_of("oauth"), no_token).may_write);
    HttpSettings settings = settings_of("basic");
    settings.read_only = true;
    const Caller caller = caller_of(kAdmin, settings, no_token);
    CHECK_FALSE(caller.may_write);
    CHECK(caller.user.empty());
  }

  TEST_CASE("with mutual TLS a client's unit must be one of ours, but for the status") {
    HttpSettings settings = settings_of("");
    settings.use_mutual_tls = true;
    settings.ssl_valid_ous = {"dba", "ops"};
    HttpRequest request{.target = "/api/clusters", .tls = true};
    REQUIRE(caller_of(request, settings, no_token).refusal);
    CHECK(caller_of(request, settings, no_token).refusal->status == 401);
    request.client_units = {"sales", "ops"};
    CHECK_FALSE(caller_of(request, settings, no_token).refusal);
    request.client_units = {"dba2"};
    CHECK(caller_of(request, settings, no_token).refusal);
    request.target = "/api/status";
    CHECK_FALSE(caller_of(request, settings, no_token).refusal);
    request.target = "/api/clusters?x=/api/status";  // the path counts, not the text
    CHECK(caller_of(request, settings, no_token).refusal);
    settings.url_prefix = "/orch";
    request.target = "/api/status";
    CHECK(caller_of(request, settings, no_token).refusal);
    request.target = "/orch/api/status";
    CHECK_FALSE(caller_of(request, settings, no_token).refusal);
    settings.status_endpoint = "/up";  // of its own, which the prefix does not apply to
    CHECK(caller_of(request, settings, no_token).refusal);
    request.target = "/up";
    CHECK_FALSE(caller_of(request, settings, no_token).refusal);
    settings.status_ou_verify = true;
    CHECK(caller_of(request, settings, no_token).refusal);
  }
}

}  // namespace orch::cmd
