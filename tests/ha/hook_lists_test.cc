#include "ha/hook_lists.h"

#include <algorithm>

#include <doctest/doctest.h>

using namespace orch;      // NOLINT(google-build-using-namespace)
using namespace orch::ha;  // NOLINT(google-build-using-namespace)

namespace {

struct Story {
  std::vector<std::string> told{};
  std::vector<std::string> begun{};
  std::vector<std::string> ended{};

  [[nodiscard]] HookWatch watch() {
    HookWatch watch;
    watch.before = [this](const std::string& hook) -> Result<> {
      begun.push_back(hook);
      return {};
    };
    watch.after = [this](const std::string& hook, const std::string& failure) {
      ended.push_back(hook + " -> " + failure);
    };
    watch.tell = [this](const std::string& message) {
      told.push_back(message);
    };
    return watch;
  }
  [[nodiscard]] bool holds(std::string_view part) const {
    return std::any_of(told.begin(), told.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }
};

}  // namespace

TEST_SUITE("ha/hook_lists") {
  TEST_CASE("start, output and outcome of each hook are told") {
    Story story;
    HookContext context;
    context.failed = {"db1", 3306};
    const HookEntries texts = {"echo about {failedHost}", "echo two >&2"};
    CHECK(run_hooks({"PreFailoverProcesses", texts, true}, context, {}, story.watch()));
    CHECK(story.begun ==
          std::vector<std::string>{"PreFailoverProcesses 1 of 2", "PreFailoverProcesses 2 of 2"});
    CHECK(story.ended == std::vector<std::string>{"PreFailoverProcesses 1 of 2 -> ",
                                                  "PreFailoverProcesses 2 of 2 -> "});
    CHECK(story.holds("PreFailoverProcesses 1 of 2: running"));
    CHECK(story.holds("PreFailoverProcesses 1 of 2: done in "));
    CHECK(story.holds(": about db1"));
    CHECK(story.holds(": two"));
  }

  TEST_CASE("how hooks ended is counted by list") {
    Story story;
    const HookCounts before = hook_counts()["PostIntermediateMasterFailoverProcesses"];
    const HookEntries texts = {"exit 1", "true", "sleep 0.01"};
    CHECK_FALSE(
        run_hooks({"PostIntermediateMasterFailoverProcesses", texts}, {}, {}, story.watch()));
    const HookCounts after = hook_counts()["PostIntermediateMasterFailoverProcesses"];
    CHECK(after.done - before.done == 2);
    CHECK(after.failed - before.failed == 1);
    CHECK(after.took > before.took);
  }

  TEST_CASE("the first that fails ends a list that must not fail") {
    Story story;
    const HookEntries texts = {"echo no; exit 3", "echo not reached"};
    const auto ran = run_hooks({"PreFailoverProcesses", texts, true}, {}, {}, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().kind == ErrorKind::Refused);
    CHECK(ran.error().message == "PreFailoverProcesses 1 of 2 failed: exit status 3: no");
    CHECK(story.begun.size() == 1);
    CHECK(story.holds("1 of 2: failed: exit status 3: no"));
  }

  TEST_CASE("other lists go on, and the first failure counts") {
    Story story;
    const HookEntries texts = {"exit 1", "exit 2", "echo reached"};
    const auto ran = run_hooks({"PostFailoverProcesses", texts}, {}, {}, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message == "PostFailoverProcesses 1 of 3 failed: exit status 1");
    CHECK(story.holds("reached"));
  }

  TEST_CASE("a hook that hangs fails its list, in its time") {
    Story story;
    HookSettings settings;
    settings.timeout = std::chrono::milliseconds(100);
    const HookEntries texts = {"sleep 1000"};
    const auto ran = run_hooks({"PreFailoverProcesses", texts, true}, {}, settings, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message.find("and therefore killed") != std::string::npos);
  }

  TEST_CASE("a hook may have a limit of its own, longer or shorter than all others") {
    Story story;
    HookSettings settings;
    settings.timeout = std::chrono::milliseconds(1);
    Hook slow("sleep 0.05; echo slow");
    slow.timeout = std::chrono::seconds(0);
    const HookEntries one = {slow};
    CHECK(run_hooks({"PreFailoverProcesses", one, true}, {}, settings, story.watch()));
    CHECK(story.holds(": slow"));
    settings.timeout = std::chrono::minutes(1);
    Hook hanging("sleep 1000");
    hanging.timeout = std::chrono::seconds(1);
    const HookEntries both = {hanging, "echo not reached"};
    const auto ran = run_hooks({"PreFailoverProcesses", both, true}, {}, settings, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message.find("and therefore killed") != std::string::npos);
  }

  TEST_CASE("a hook that is not to say no is told to have failed, and the list goes on") {
    Story story;
    Hook careless("exit 1");
    careless.aborts = false;
    const HookEntries texts = {careless, "echo reached"};
    CHECK(run_hooks({"PreFailoverProcesses", texts, true}, {}, {}, story.watch()));
    CHECK(story.holds("1 of 2: failed: exit status 1"));
    CHECK(story.holds(": reached"));
    // Nothing that vouches for something may fail.
    CHECK_FALSE(run_hooks({"FenceProcesses", texts, true, true}, {}, {}, story.watch()));
    // Nor is it asked again when its process is gone.
    HookWatch watch = story.watch();
    watch.earlier = [](const std::string& hook) {
      return hook.ends_with("1 of 2") ? std::optional(storage::JournalState::Intent) : std::nullopt;
    };
    story.begun.clear();
    CHECK(run_hooks({"PreFailoverProcesses", texts, true}, {}, {}, watch));
    CHECK(story.begun == std::vector<std::string>{"PreFailoverProcesses 2 of 2"});
  }

  TEST_CASE("a hook behind which nothing is to run ends a list that goes on otherwise") {
    Story story;
    Hook strict("exit 2");
    strict.aborts = true;
    const HookEntries texts = {"exit 1", strict, "echo not reached"};
    const auto ran = run_hooks({"PostFailoverProcesses", texts}, {}, {}, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message == "PostFailoverProcesses 1 of 3 failed: exit status 1");
    CHECK(story.begun.size() == 2);
    // What follows a recovery is not done twice, nor what it has ended.
    HookWatch watch = story.watch();
    watch.earlier = [](const std::string& hook) {
      return hook.ends_with("3 of 3") ? std::nullopt : std::optional(storage::JournalState::Failed);
    };
    CHECK(run_hooks({"PostFailoverProcesses", texts}, {}, {}, watch));
    CHECK(story.begun.size() == 2);
  }

  TEST_CASE("what was done before is not done again; what may not begin does not") {
    Story story;
    HookWatch watch = story.watch();
    watch.earlier = [](const std::string& hook) {
      return hook.ends_with("1 of 2") ? std::optional(storage::JournalState::Done) : std::nullopt;
    };
    const HookEntries texts = {"echo one", "echo two"};
    CHECK(run_hooks({"PostFailoverProcesses", texts}, {}, {}, watch));
    CHECK(story.begun == std::vector<std::string>{"PostFailoverProcesses 2 of 2"});
    CHECK(story.holds("1 of 2: was done before"));
    watch.before = [](const std::string&) -> Result<> {
      return fail(ErrorKind::Broken, "the journal is gone");
    };
    const auto ran = run_hooks({"PreFailoverProcesses", texts, true}, {}, {}, watch);
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message.find("the journal is gone") != std::string::npos);
    CHECK(story.ended.size() == 1);
  }

  TEST_CASE("a hook whose process was gone is not run twice, unless its answer is waited for") {
    Story story;
    HookWatch watch = story.watch();
    watch.earlier = [](const std::string& hook) -> std::optional<storage::JournalState> {
      if (hook.ends_with("1 of 3")) return storage::JournalState::Intent;
      if (hook.ends_with("2 of 3")) return storage::JournalState::Failed;
      return std::nullopt;
    };
    const HookEntries texts = {"echo one", "echo two", "echo three"};
    const auto after = run_hooks({"PostFailoverProcesses", texts}, {}, {}, watch);
    REQUIRE_FALSE(after);
    CHECK(after.error().message.find("PostFailoverProcesses 1 of 3 failed: its process was gone") ==
          0);
    CHECK(story.begun == std::vector<std::string>{"PostFailoverProcesses 3 of 3"});
    CHECK(story.holds("2 of 3: was tried, and failed, before"));
    story.begun.clear();
    CHECK(run_hooks({"PreFailoverProcesses", texts, true}, {}, {}, watch));
    CHECK(story.begun.size() == 3);
  }

  TEST_CASE("after a take-master hooks get host:port as arguments and variables (REC-46)") {
    Story story;
    RecoverySettings settings;
    settings.post_take_master_processes = {
        "echo $1 $2 $ORC_SUCCESSOR_HOST $ORC_FAILED_HOST {failedHost}", "exit 1"};
    const auto ran = run_take_master_hooks(settings, {"db2", 3307}, {"db1", 3306}, story.watch());
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message == "PostTakeMasterProcesses 2 of 2 failed: exit status 1");
    CHECK(story.holds(": db2:3307 db1:3306 db2:3307 db1:3306 {failedHost}"));
  }
}
