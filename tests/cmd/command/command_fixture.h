#pragma once

#include <string>
#include <vector>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "ha/standalone.h"
#include "tests/storage/memory_backend.h"

namespace orch::cmd {

/// Progress that nobody looks at.
class SilentProgress final : public Progress {
 public:
  void show(std::string_view) override {}
  void say(std::string_view) override {}
  void note(std::string_view) override {}
};

/// A backend in memory and everything that commands without servers need.
struct CommandFixture : storage::MemoryBackend {
  CommandFixture() {
    config.backend.backend_db = "sqlite";
    config.discovery.hostname_resolve_method = "none";
  }

  Services services() {
    return Services({.config = config,
                     .clock = clock,
                     .database = &database(),
                     .servers = servers,
                     .leadership = leadership,
                     .progress = progress,
                     .self = {.hostname = "here", .token = std::string(64, 'a')}});
  }

  void execute(std::string_view script) { storage::MemoryBackend::run(script); }

  Result<Reply> run(std::string_view name, Args args) {
    const Command* command = find_command(name);
    REQUIRE_MESSAGE(command != nullptr, std::string(name));
    args.legacy = true;
    Services made = services();
    return command->run(made, args);
  }
  /// What the verb answers, which must go well.
  Reply verb(std::string_view name, const Args& args) {
    Services made = services();
    Result<Reply> reply = find_command(name)->run(made, args);
    REQUIRE(reply);
    return *std::move(reply);
  }
  /// The lines that `-c name` prints; the error's text when it fails.
  std::vector<std::string> lines(std::string_view name, Args args = {}) {
    const Result<Reply> reply = run(name, std::move(args));
    if (!reply) return {"error: " + reply.error().message};
    return reply->lines;
  }

  Config config{};
  Servers* servers{nullptr};
  ha::Standalone leadership;
  SilentProgress progress;
};

using Lines = std::vector<std::string>;

}  // namespace orch::cmd
