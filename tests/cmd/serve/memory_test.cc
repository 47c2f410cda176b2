#include "cmd/serve/memory.h"

#include <fstream>
#include <string>

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

/// Of the process: what it holds of files, its own program among them.
long file_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kib = 0;
  while (status >> word) {
    if (word == "RssFile:") status >> kib;
  }
  return kib;
}

}  // namespace

TEST_SUITE("memory") {
  TEST_CASE("what only the start needed is given back, and the program goes on") {
    const long before = file_kib();
    REQUIRE(before > 0);
    give_memory_back();
    CHECK(file_kib() < before);
  }
}

}  // namespace orch::cmd
