#pragma once

#include <optional>
#include <string_view>

#include "cmd/http/access.h"
#include "cmd/http/message.h"
#include "core/config/config.h"

namespace orch::cmd {

/// What the web pages are told besides what the API answers.
struct WebView {
  const Config& config;
  const Caller& who;
};

/// The web pages and their files (serving document, 8); all pages are one shell that fills itself
/// from the API. `path` is below URLPrefix. Nothing: there is no such page.
std::optional<HttpResponse> answer_web(const WebView& view, std::string_view path);

}  // namespace orch::cmd
