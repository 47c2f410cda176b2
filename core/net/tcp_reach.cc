#include "core/net/tcp_reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

namespace orch {

namespace {

/// Closes what it holds.
class Socket {
 public:
  explicit Socket(int family)
      : descriptor_(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_{-1};
};

int remaining_ms(SteadyPoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

bool is_writable_by(const Socket& socket, SteadyPoint deadline) {
  pollfd waiting{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, remaining_ms(deadline)) > 0;
}

/// 0 when all is written, else the error number.
int write_by(const Socket& socket, std::string_view bytes, SteadyPoint deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return errno;
    } else if (!is_writable_by(socket, deadline)) {
      return ETIMEDOUT;
    }
  }
  return 0;
}

/// 0 when connected, else the error number.
int connect_by(const Socket& socket, const sockaddr* address, socklen_t length,
               SteadyPoint deadline) {
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!is_writable_by(socket, deadline)) return ETIMEDOUT;
  int problem = 0;
  socklen_t size = sizeof(problem);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0) return errno;
  return problem;
}

/// 0 when all was written to that address, else the error number.
int talk_to(const std::string& address, std::uint16_t port, std::string_view bytes,
            SteadyPoint deadline) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    length = sizeof(v4);
    std::memcpy(&storage, &v4, length);
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    length = sizeof(v6);
    std::memcpy(&storage, &v6, length);
  } else {
    return EINVAL;
  }
  const Socket socket(storage.ss_family);
  const int problem =
      connect_by(socket, reinterpret_cast<const sockaddr*>(&storage), length, deadline);
  return problem == 0 ? write_by(socket, bytes, deadline) : problem;
}

}  // namespace

Result<> reach_tcp(const InstanceKey& key, const std::vector<std::string>& addresses,
                   SteadyPoint deadline) {
  return send_tcp(key, addresses, "", deadline);
}

Result<> send_tcp(const InstanceKey& key, const std::vector<std::string>& addresses,
                  std::string_view bytes, SteadyPoint deadline) {
  int problem = EADDRNOTAVAIL;
  for (const std::string& address : addresses) {
    problem = talk_to(address, key.port, bytes, deadline);
    if (problem == 0) return {};
  }
  return fail(ErrorKind::Unreachable, fmt::format("{}: cannot connect: {}", to_string(key),
                                                  std::generic_category().message(problem)));
}

}  // namespace orch
