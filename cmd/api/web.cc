#include "cmd/api/web.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/http/web_files.h"
#include "cmd/wire.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

/// A page below /web/, and how many segments may follow its name.
struct WebPage {
  std::string_view name{};
  std::size_t least{0};
  std::size_t most{0};
};
constexpr WebPage kPages[] = {{"clusters"},
                              {"clusters-analysis"},
                              {"cluster", 1, 3},
                              {"cluster-pools", 1, 1},
                              {"search", 0, 1},
                              {"discover"},
                              {"audit", 0, 4},
                              {"audit-failure-detection", 0, 3},
                              {"audit-recovery", 0, 3},
                              {"audit-recovery-steps", 1, 1},
                              {"status"},
                              {"home"},
                              {"about"},
                              {"faq"},
                              {"keep-calm"}};

/// Scripts, styles and pictures are ours; nobody may frame the pages.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

HttpResponse guarded(std::string_view type, std::string body) {
  return {.content_type = fmt::format("{}; charset=utf-8", type),
          .body = std::move(body),
          .headers = {{"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "same-origin"},
                      {"Cache-Control", "no-cache"}}};
}

std::string attribute(std::string_view text) {
  std::string safe = replace_all(printable(text), "&", "&amp;");
  safe = replace_all(replace_all(safe, "<", "&lt;"), ">", "&gt;");
  return replace_all(safe, "\"", "&quot;");
}

std::string_view file_text(std::string_view name) {
  const auto found = std::ranges::find(web_files(), name, &WebFile::name);
  return found == web_files().end() ? std::string_view() : found->text;
}

/// "/js/main.js", "/css/orch.css", "/images/orch.svg".
std::optional<HttpResponse> answer_file(std::string_view path) {
  constexpr std::pair<std::string_view, std::string_view> kFolders[] = {
      {"/js/", "text/javascript"}, {"/css/", "text/css"}, {"/images/", "image/svg+xml"}};
  constexpr std::string_view kEndings[] = {".js", ".css", ".svg"};
  for (std::size_t i = 0; i < std::size(kFolders); ++i) {
    const auto& [folder, type] = kFolders[i];
    if (!path.starts_with(folder) || !path.ends_with(kEndings[i])) continue;
    const std::string_view text = file_text(path.substr(folder.size()));
    if (!text.empty()) return guarded(type, std::string(text));
  }
  return std::nullopt;
}

/// The way to the root is told from here, as a proxy may have put something before it.
std::string shell(const WebView& view, std::size_t segments) {
  std::string base;
  for (std::size_t i = 0; i < segments; ++i)
    base += "../";
  std::string text(file_text("page.html"));
  const std::pair<std::string_view, std::string> fields[] = {
      {"{base}", base},
      {"{user}", attribute(view.config.http.read_only ? "" : view.who.user)},
      {"{may_write}", view.who.may_write ? "true" : "false"},
      {"{message}", attribute(view.config.general.web_message)},
      {"{cut}", attribute(view.config.general.remove_text_from_hostname_display)},
      {"{version}", attribute(version())}};
  std::string page;
  for (std::size_t at = 0; at < text.size();) {
    const auto field = std::ranges::find_if(fields, [&](const auto& each) {
      return text.compare(at, each.first.size(), each.first) == 0;
    });
    if (field == std::end(fields)) {
      page += text[at++];
    } else {
      page += field->second;
      at += field->first.size();
    }
  }
  return page;
}

}  // namespace

std::optional<HttpResponse> answer_web(const WebView& view, std::string_view path) {
  if (path == "/" || path.empty() || path == "/web" || path == "/web/") {
    return HttpResponse{.status = 302,
                        .content_type = "text/plain; charset=utf-8",
                        .body = "see /web/clusters\n",
                        .headers = {{"Location", view.config.http.url_prefix + "/web/clusters"}}};
  }
  constexpr std::string_view kWeb = "/web/";
  if (!path.starts_with(kWeb)) return answer_file(path);
  path.remove_prefix(kWeb.size());
  const bool slash = path.ends_with('/');
  if (slash) path.remove_suffix(1);
  const std::vector<std::string_view> segments = split(path, '/');
  const auto page = std::ranges::find(kPages, segments.front(), &WebPage::name);
  const bool empty = std::ranges::any_of(segments, &std::string_view::empty);
  const std::size_t more = segments.size() - 1;
  if (page == std::end(kPages) || empty || more < page->least || more > page->most) {
    return std::nullopt;
  }
  return guarded("text/html", shell(view, segments.size() + (slash ? 1 : 0)));
}

}  // namespace orch::cmd
