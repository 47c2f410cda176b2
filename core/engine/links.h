#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/base/worker_pool.h"
#include "core/model/instance_key.h"
#include "core/ports/watched_session.h"

namespace orch {

/// Keeps one idle session open to each server that matters, and says at once when one breaks: the
/// death of a server's process is seen when its kernel closes the connection, not at the next poll.
/// Thread-safe.
class Links {
 public:
  using Open = std::function<Result<std::unique_ptr<WatchedSession>>(const InstanceKey&)>;

  /// `open` may take a while; it is called by threads of ours. `on_break` is called by one thread
  /// and must not block.
  Links(Open open, std::function<void(const InstanceKey&)> on_break);
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  /// From now on these are watched and no others. To those without a session one is opened, not
  /// more often than once a second.
  void watch(const std::set<InstanceKey>& keys);
  [[nodiscard]] std::size_t count() const;

 private:
  struct Link {
    std::unique_ptr<WatchedSession> session{};
    bool opening{false};
    std::chrono::steady_clock::time_point tried{};
  };

  void run();
  void open(const InstanceKey& key);
  void drop(int socket);

  const Open open_;
  const std::function<void(const InstanceKey&)> on_break_;
  const int epoll_;
  const int wake_;  ///< eventfd: stop
  mutable Mutex mutex_;
  std::map<InstanceKey, Link> links_ ORCH_GUARDED_BY(mutex_);
  std::map<int, InstanceKey> by_socket_ ORCH_GUARDED_BY(mutex_);
  WorkerPool openers_;
  std::thread thread_;
};

}  // namespace orch
