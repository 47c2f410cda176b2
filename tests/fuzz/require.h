#pragma once

#include <cstdio>
#include <cstdlib>

/// Stops the fuzzer at a broken promise, so that it keeps the input.
#define ORCH_REQUIRE(condition)                                                    \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)
