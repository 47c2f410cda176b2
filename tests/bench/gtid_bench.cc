// How long set algebra takes on two GTID sets of 1,000 intervals. Prints microseconds, the median
// of many rounds.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "core/model/gtid_set.h"

namespace {

constexpr int kRounds = 2001;
constexpr int kIntervals = 1000;

/// `kIntervals` intervals of `length` numbers, each ten after the one before.
orch::GtidSet make_set(std::int64_t start, std::int64_t length) {
  orch::GtidSet set;
  const orch::GtidOrigin origin{.uuid = {1}};
  for (int i = 0; i < kIntervals; ++i) {
    const std::int64_t first = start + i * 10;
    set.add(origin, {first, first + length - 1});
  }
  return set;
}

template <typename Work>
double median_microseconds(const Work& work) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    const Clock::time_point start = Clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  const auto middle = times.begin() + kRounds / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

int main() {
  const orch::GtidSet wide = make_set(1, 8);
  const orch::GtidSet narrow = make_set(3, 2);
  std::size_t sink = 0;
  const double contains = median_microseconds([&] { sink += wide.contains(narrow) ? 1U : 0U; });
  const double subtract =
      median_microseconds([&] { sink += wide.minus(narrow).intervals().size(); });
  const double unite = median_microseconds([&] { sink += wide.united(narrow).intervals().size(); });
  const std::string text = wide.to_string();
  const double parse =
      median_microseconds([&] { sink += orch::GtidSet::parse(text).has_value() ? 1U : 0U; });
  std::printf(
      "gtid contains %.1f us\ngtid subtract %.1f us\ngtid unite %.1f us\ngtid parse %.1f us\n",
      contains, subtract, unite, parse);
  return sink == 4U * kRounds ? 0 : 1;
}
