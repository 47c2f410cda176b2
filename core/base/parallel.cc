#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace orch {

void parallel_for(std::size_t count, std::size_t width,
                  const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto drain = [&] {
    for (std::size_t i = next++; i < count; i = next++)
      work(i);
  };
  std::vector<std::jthread> helpers;
  const std::size_t threads = std::min(count, std::max<std::size_t>(width, 1));
  for (std::size_t i = 1; i < threads; ++i)
    helpers.emplace_back(drain);
  drain();
}

}  // namespace orch
