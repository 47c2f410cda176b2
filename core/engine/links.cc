#include "core/engine/links.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/log.h"

namespace orch {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kBetweenTries{1};
constexpr std::size_t kOpenersAtOnce = 8;

void add_to(int epoll, int socket) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.fd = socket;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) {
    log::error("a connection cannot be watched (errno {})", errno);
  }
}

}  // namespace

Links::Links(Open open, std::function<void(const InstanceKey&)> on_break)
    : open_(std::move(open)),
      on_break_(std::move(on_break)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      openers_(kOpenersAtOnce) {
  add_to(epoll_, wake_);
  thread_ = std::thread([this] { run(); });
}

Links::~Links() {
  openers_.stop();
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) log::error("eventfd: errno {}", errno);
  thread_.join();
  {
    const MutexLock lock(mutex_);
    links_.clear();
  }
  ::close(wake_);
  ::close(epoll_);
}

void Links::run() {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) {
      log::error("epoll: errno {}: crashes are seen by polling only", errno);
      return;
    }
    for (int i = 0; i < count; ++i) {
      const int socket = events[static_cast<std::size_t>(i)].data.fd;
      if (socket == wake_) return;
      drop(socket);
    }
  }
}

void Links::drop(int socket) {
  std::unique_ptr<WatchedSession> session;
  InstanceKey key;
  {
    const MutexLock lock(mutex_);
    const auto found = by_socket_.find(socket);
    if (found == by_socket_.end()) return;
    key = found->second;
    by_socket_.erase(found);
    if (const auto link = links_.find(key); link != links_.end()) {
      session = std::move(link->second.session);
    }
  }
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
  on_break_(key);
}

void Links::open(const InstanceKey& key) {
  Result<std::unique_ptr<WatchedSession>> session = open_(key);
  const MutexLock lock(mutex_);
  const auto found = links_.find(key);
  if (found == links_.end()) return;
  found->second.opening = false;
  if (!session) return;  // the probe tells why
  const int socket = (*session)->socket();
  found->second.session = *std::move(session);
  by_socket_[socket] = key;
  add_to(epoll_, socket);
}

void Links::watch(const std::set<InstanceKey>& keys) {
  std::vector<std::unique_ptr<WatchedSession>> closed;
  std::vector<InstanceKey> to_open;
  const auto now = steady_clock::now();
  {
    const MutexLock lock(mutex_);
    for (auto link = links_.begin(); link != links_.end();) {
      if (keys.contains(link->first)) {
        ++link;
        continue;
      }
      if (link->second.session) {
        by_socket_.erase(link->second.session->socket());
        closed.push_back(std::move(link->second.session));
      }
      link = links_.erase(link);
    }
    for (const InstanceKey& key : keys) {
      Link& link = links_[key];
      if (link.session || link.opening || now - link.tried < kBetweenTries) continue;
      link.opening = true;
      link.tried = now;
      to_open.push_back(key);
    }
  }
  for (const InstanceKey& key : to_open)
    openers_.submit([this, key] { open(key); });
}

std::size_t Links::count() const {
  const MutexLock lock(mutex_);
  return by_socket_.size();
}

}  // namespace orch
