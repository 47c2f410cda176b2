#include <string>
#include <vector>

#include "cmd/cli/app.h"
#include "cmd/cli/legacy.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (orch::cmd::is_legacy(argv[0], arguments)) return orch::cmd::run_legacy(arguments);
  return orch::cmd::run_app(arguments);
}
