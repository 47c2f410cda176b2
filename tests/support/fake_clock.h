#pragma once

#include "core/base/clock.h"

namespace orch {

/// A clock that stands still until a test moves it. Starts at 2026-01-31 10:20:30.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  void advance(std::chrono::microseconds by) { now_ += by; }

 private:
  TimePoint now_{std::chrono::seconds(1'769'854'830)};
};

}  // namespace orch
