#include "core/execute/hooks.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "core/base/text.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

namespace {

using std::chrono::milliseconds;

HookOutcome outcome_of(const std::string& text, HookSettings settings = {},
                       const HookVariables& variables = {},
                       const std::vector<std::string>& arguments = {}) {
  auto outcome = run_hook(text, variables, arguments, settings);
  REQUIRE_MESSAGE(outcome.has_value(), outcome.error().message);
  return *std::move(outcome);
}

HookSettings patience(milliseconds time) {
  HookSettings settings;
  settings.timeout = time;
  return settings;
}

/// A name in the temporary folder that nobody else has.
std::filesystem::path fresh_path(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("orch_hooks_test." + std::to_string(::getpid()) + "." + name);
  std::filesystem::remove(path);
  return path;
}

bool lives(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(status, line);
  return !line.empty() && line.find(") Z ") == std::string::npos;
}

}  // namespace

TEST_SUITE("core/execute/hooks") {
  TEST_CASE("a hook gets its variables, its arguments and both outputs are kept in order") {
    const HookOutcome outcome =
        outcome_of("echo \"$ORC_X and $1, $2\"; echo error >&2; echo end; [ -t 0 ] || cat", {},
                   {{"ORC_X", "it's \"x\""}}, {"first arg", "second"});
    CHECK(outcome.output == "it's \"x\" and first arg, second\nerror\nend\n");
    CHECK(outcome.exit_status == 0);
    CHECK(failure_of(outcome).empty());
  }

  TEST_CASE("an exit status and what the hook said make its failure") {
    const HookOutcome outcome = outcome_of("echo the disk is full; exit 3");
    CHECK(outcome.exit_status == 3);
    CHECK(failure_of(outcome) == "exit status 3: the disk is full");
  }

  TEST_CASE("a hook that a signal kills has failed") {
    const HookOutcome outcome = outcome_of("kill -TERM $$");
    CHECK(outcome.signal == SIGTERM);
    CHECK_FALSE(outcome.timed_out);
    CHECK(failure_of(outcome) == "killed by signal 15");
  }

  TEST_CASE("a hook that hangs is killed, and its children with it (REC-44)") {
    const HookOutcome outcome =
        outcome_of("sleep 1000 & echo $!; sleep 1001", patience(milliseconds(300)));
    CHECK(outcome.timed_out);
    CHECK(failure_of(outcome).find("and therefore killed") != std::string::npos);
    const auto child = parse_int(trim(outcome.output));
    REQUIRE(child.has_value());
    for (int i = 0; i < 500 && lives(static_cast<pid_t>(*child)); ++i)
      std::this_thread::sleep_for(milliseconds(10));
    CHECK_FALSE(lives(static_cast<pid_t>(*child)));
  }

  TEST_CASE("a deadline of the caller's ends a hook, too") {
    const auto outcome = run_hook("sleep 1000", {}, {}, patience(milliseconds(0)),
                                  std::chrono::steady_clock::now() + milliseconds(100));
    REQUIRE(outcome.has_value());
    CHECK(outcome->timed_out);
  }

  TEST_CASE("a hook that ignores every signal it can is killed all the same") {
    CHECK(outcome_of("trap '' TERM INT HUP; while true; do sleep 1000; done",
                     patience(milliseconds(200)))
              .timed_out);
  }

  TEST_CASE("a flood is read and dropped: beginning and end are kept") {
    HookSettings settings;
    settings.output_limit = 1000;
    const HookOutcome outcome =
        outcome_of("echo begin; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end", settings);
    CHECK(outcome.exit_status == 0);
    CHECK(outcome.output.starts_with("begin\nxxx"));
    CHECK(outcome.output.ends_with("xxx\nend\n"));
    CHECK(outcome.output.find(" bytes ...]") != std::string::npos);
    CHECK(outcome.output.size() < 1200);
    CHECK(failure_of(outcome_of("yes | tr -d '\\n'", patience(milliseconds(200)))).size() < 3000);
    CHECK(failure_of(outcome_of("seq 12345; exit 3")) ==
          "exit status 3: 12336\n12337\n12338\n12339\n12340\n12341\n12342\n12343\n12344\n12345");
  }

  TEST_CASE("what a hook leaves running in the background is not waited for") {
    const HookOutcome outcome =
        outcome_of("sleep 1000 & echo $!; exit 0", patience(milliseconds(60'000)));
    CHECK(outcome.exit_status == 0);
    const auto child = parse_int(trim(outcome.output));
    REQUIRE(child.has_value());
    CHECK(lives(static_cast<pid_t>(*child)));
    ::kill(static_cast<pid_t>(*child), SIGKILL);
  }

  TEST_CASE("a text that ends in an ampersand runs by itself, whatever becomes of it") {
    const auto gate = fresh_path("gate");
    const auto done = fresh_path("done");
    const HookOutcome outcome = outcome_of(
        "while [ ! -e " + gate.string() + " ]; do sleep 0.01; done; echo $ORC_X > " +
            done.string() + ".new; mv " + done.string() + ".new " + done.string() + "; exit 1 & & ",
        patience(milliseconds(1)), {{"ORC_X", "told"}});
    CHECK(outcome.asynchronous);
    CHECK(failure_of(outcome).empty());
    CHECK_FALSE(std::filesystem::exists(done));
    std::ofstream(gate) << "go";
    for (int i = 0; i < 3000 && !std::filesystem::exists(done); ++i)
      std::this_thread::sleep_for(milliseconds(10));
    std::string word;
    std::ifstream(done) >> word;
    CHECK(word == "told");
    std::filesystem::remove(gate);
    std::filesystem::remove(done);
  }

  TEST_CASE(
      "what vouches for something is waited for, also where a comment follows its ampersand") {
    HookSettings settings;
    settings.foreground = true;
    for (const char* text : {"exit 3 &", "exit 3 & # by itself", "exit 3 &# by itself\n# more\n"}) {
      CAPTURE(text);
      CHECK(outcome_of(text, settings).exit_status == 3);
    }
    // Elsewhere what stands in front of it may say no.
    CHECK(outcome_of("exit 3; true & # by itself").exit_status == 3);
  }

  TEST_CASE("a shell that is not there is an error, not a failed hook") {
    HookSettings settings;
    settings.shell = "/no/such/shell -e";
    const auto outcome = run_hook("true", {}, {}, settings);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().kind == ErrorKind::NotFound);
    CHECK(outcome.error().message.find("/no/such/shell") != std::string::npos);
  }

  TEST_CASE("the shell may be another, with arguments") {
    HookSettings settings;
    settings.shell = "sh -e";
    CHECK(outcome_of("false; echo not reached", settings).exit_status == 1);
    settings.shell = "bash";
    CHECK(outcome_of("[[ a == a ]] && echo $BASH", settings).output.find("bash") !=
          std::string::npos);
  }

  TEST_CASE("a hook inherits no open file, and has a process group of its own") {
    const int leak = ::open("/dev/null", O_RDONLY);  // NOLINT: without O_CLOEXEC, on purpose
    REQUIRE(leak > 2);
    const HookOutcome outcome =
        outcome_of("[ -e /proc/self/fd/" + std::to_string(leak) +
                   " ] && echo leaked; ps -o pgid= -p $$ | tr -d ' '; echo $$");
    ::close(leak);
    CHECK(outcome.output.find("leaked") == std::string::npos);
    const auto lines = words(outcome.output, "\n");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == lines[1]);
  }

  TEST_CASE("the file with the text is for this user only, and gone in the end") {
    const HookOutcome outcome = outcome_of("echo $0; stat -c %a $0");
    const auto lines = words(outcome.output, "\n");
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] == "600");
    CHECK_FALSE(std::filesystem::exists(lines[0]));
  }
}
