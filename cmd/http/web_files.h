#pragma once

#include <string_view>
#include <vector>

namespace orch::cmd {

/// A file of cmd/http/web, held in the executable.
struct WebFile {
  std::string_view name{};
  std::string_view text{};
};
const std::vector<WebFile>& web_files();

}  // namespace orch::cmd
