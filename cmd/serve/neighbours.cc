#include "cmd/serve/neighbours.h"

#include <fmt/format.h>

namespace orch::cmd {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{1000};

}  // namespace

Result<Neighbours> NeighbourReader::read() {
  std::shared_future<Result<Neighbours>> now;
  SteadyPoint begun_at;
  {
    const MutexLock lock(mutex_);
    const bool idle = !read_now_.valid() ||
                      read_now_.wait_for(std::chrono::seconds(0)) != std::future_status::timeout;
    if (idle) {
      begun_at_ = steady_clock::now();
      // Without a thread to be had it is read when the answer is taken.
      read_now_ = std::async([this] { return read_(); }).share();
    }
    now = read_now_;
    begun_at = begun_at_;
  }
  if (now.wait_until(begun_at + kPatience) != std::future_status::timeout) return now.get();
  const auto silent =
      std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - begun_at);
  return fail(ErrorKind::Unreachable,
              fmt::format("the backend has not answered for {} s", silent.count()));
}

}  // namespace orch::cmd
