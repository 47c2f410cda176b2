#include "cmd/api/web.h"

#include <doctest/doctest.h>

#include "cmd/http/web_files.h"

namespace orch::cmd {

namespace {

struct WebWorld {
  std::optional<HttpResponse> ask(std::string_view path) {
    return answer_web({.config = config, .who = who}, path);
  }
  std::string body(std::string_view path) {
    const auto answer = ask(path);
    REQUIRE_MESSAGE(answer, std::string(path));
    return answer->body;
  }
  Config config{};
  Caller who{.user = "ann", .may_write = true};
};

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_SUITE("api/web") {
  TEST_CASE_FIXTURE(WebWorld, "the root leads to the clusters, below the prefix") {
    config.http.url_prefix = "/orch";
    for (const char* path : {"/", "", "/web", "/web/"}) {
      const auto answer = ask(path);
      REQUIRE(answer);
      CHECK(answer->status == 302);
      CHECK(header_of(*answer, "Location") == "/orch/web/clusters");
    }
  }

  TEST_CASE_FIXTURE(WebWorld,
                    "each page is the shell, with a policy that lets nothing foreign in") {
    for (const char* path :
         {"/web/clusters", "/web/clusters/", "/web/clusters-analysis", "/web/cluster/db1:3306",
          "/web/cluster/alias/shop", "/web/cluster/instance/db1/3306", "/web/cluster-pools/shop",
          "/web/search", "/web/search/db", "/web/discover", "/web/audit", "/web/audit/2",
          "/web/audit/instance/db1/3306/1", "/web/audit-failure-detection/id/3",
          "/web/audit-recovery/alias/shop/1", "/web/audit-recovery-steps/abc", "/web/status",
          "/web/home", "/web/about"}) {
      const auto answer = ask(path);
      REQUIRE_MESSAGE(answer, std::string(path));
      CHECK(answer->status == 200);
      CHECK(answer->content_type == "text/html; charset=utf-8");
      const std::string policy = header_of(*answer, "Content-Security-Policy");
      CHECK(policy.starts_with("default-src 'none'"));
      CHECK(policy.find("unsafe") == std::string::npos);
      CHECK(answer->body.find("<script type=\"module\"") != std::string::npos);
    }
  }

  TEST_CASE_FIXTURE(WebWorld, "what is no page is none") {
    for (const char* path :
         {"/web/nothing", "/web/cluster", "/web/clusters/x", "/web//", "/web/cluster//",
          "/web/audit-recovery/a/b/c/d", "/js/nothing.js", "/js/page.html", "/css/main.js",
          "/js/../css/orch.css", "/js/", "/resources", "/js/main.js/"}) {
      CHECK_MESSAGE(!ask(path), std::string(path));
    }
  }

  TEST_CASE_FIXTURE(WebWorld, "files have their types, and every script and style is one") {
    const std::pair<const char*, const char*> files[] = {{"/js/main.js", "text/javascript"},
                                                         {"/js/ui.js", "text/javascript"},
                                                         {"/css/orch.css", "text/css"},
                                                         {"/images/orch.svg", "image/svg+xml"}};
    for (const auto& file : files) {
      const auto answer = ask(file.first);
      REQUIRE_MESSAGE(answer, std::string(file.first));
      CHECK(answer->content_type == std::string(file.second) + "; charset=utf-8");
      CHECK(header_of(*answer, "X-Content-Type-Options") == "nosniff");
    }
    CHECK(web_files().size() >= 7);
  }

  TEST_CASE_FIXTURE(WebWorld, "the way to the root is relative, so that a proxy may move it") {
    CHECK(body("/web/clusters").find("src=\"../js/main.js\"") != std::string::npos);
    CHECK(body("/web/clusters/").find("src=\"../../js/main.js\"") != std::string::npos);
    CHECK(body("/web/cluster/alias/x").find("src=\"../../../js/main.js\"") != std::string::npos);
  }

  TEST_CASE_FIXTURE(WebWorld, "who asks is told to the page, and nothing gets out of its quotes") {
    CHECK(body("/web/status").find("data-user=\"ann\" data-may-write=\"true\"") !=
          std::string::npos);
    who = {.user = "\"><script>alert(1)</script>{may_write}", .may_write = false};
    config.general.web_message = "a & b";
    config.general.remove_text_from_hostname_display = ".example\"";
    const std::string text = body("/web/status");
    CHECK(text.find("<script>alert") == std::string::npos);
    CHECK(text.find("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{may_write}\"") !=
          std::string::npos);
    CHECK(text.find("data-may-write=\"false\"") != std::string::npos);
    CHECK(text.find("data-message=\"a &amp; b\"") != std::string::npos);
    CHECK(text.find("data-cut=\".example&quot;\"") != std::string::npos);
    config.http.read_only = true;
    CHECK(body("/web/status").find("data-user=\"\"") != std::string::npos);
  }

  TEST_CASE("no page takes anything from elsewhere, or makes markup of text") {
    for (const WebFile& file : web_files()) {
      CAPTURE(std::string(file.name));
      for (const char* word : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                               "eval(", "https://", "style=", "onclick=\""}) {
        CHECK(file.text.find(word) == std::string_view::npos);
      }
      const bool picture = file.name.ends_with(".svg");  // its namespace is a name, no address
      CHECK((picture || file.text.find("http://") == std::string_view::npos));
    }
  }
}

}  // namespace orch::cmd
