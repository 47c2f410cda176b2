#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config/dump.h"
#include "core/config/load.h"

// Any bytes, read as JSON and as YAML: problems, never a crash, and what was read can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  orch::LoadOptions options;
  options.environment = [](const std::string&) {
    return std::nullopt;
  };
  for (const char* name : {"fuzz.json", "fuzz.yaml"}) {
    const orch::LoadedConfig loaded = orch::load_config_text(text, name, options);
    for (const orch::ConfigProblem& problem : loaded.problems) {
      if (format_problem(problem).empty() || legacy_text(problem).empty()) std::abort();
    }
    if (orch::dump_config(loaded.config).empty()) std::abort();
  }
  // The bytes as a credentials file; an error must be a line of text.
  const auto credentials = orch::parse_credentials(text);
  if (!credentials && credentials.error().message.empty()) std::abort();
  return 0;
}
