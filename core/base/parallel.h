#pragma once

#include <cstddef>
#include <functional>

namespace orch {

/// Calls work(0) ... work(count - 1), at most `width` of them at once, and returns when all have
/// ended. `work` must not throw. The calling thread does its share.
void parallel_for(std::size_t count, std::size_t width,
                  const std::function<void(std::size_t)>& work);

}  // namespace orch
