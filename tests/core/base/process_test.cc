#include "core/base/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include <doctest/doctest.h>

#include "core/base/text.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/base/process") {
  TEST_CASE("this process lives, and says the same of itself every time") {
    CHECK(this_process() == this_process());
    CHECK(process_lives(this_process()) == true);
    CHECK(words(this_process(), " ").size() == 4);
  }

  TEST_CASE("a process that was killed lives no more, collected or not; nor one with its number") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      char byte = 0;
      while (::read(ends[0], &byte, 1) != 0) {
      }
      ::_exit(0);
    }
    const std::vector<std::string> mine = words(this_process(), " ");
    const std::string number = std::to_string(child);
    const std::string impostor = mine[0] + ' ' + mine[1] + ' ' + number + " 1";
    CHECK(process_lives(impostor) == false);  // it lives, but began at another time
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(process_lives(impostor) == false);
    ::close(ends[0]);
    ::close(ends[1]);
  }

  TEST_CASE("what cannot be seen from here is not known") {
    const std::vector<std::string> mine = words(this_process(), " ");
    CHECK(process_lives("elsewhere " + mine[1] + ' ' + mine[2] + ' ' + mine[3]) == std::nullopt);
    CHECK(process_lives(mine[0] + " pid:[1] " + mine[2] + ' ' + mine[3]) == std::nullopt);
    CHECK(process_lives("") == std::nullopt);
    CHECK(process_lives(mine[0] + ' ' + mine[1] + " x y") == std::nullopt);
  }
}
