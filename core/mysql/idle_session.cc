#include "core/mysql/idle_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace orch {

namespace {

constexpr std::string_view kStayLong =
    "SET SESSION wait_timeout = 31536000";  // the longest: a year

class IdleSession final : public WatchedSession {
 public:
  explicit IdleSession(Connection connection) : connection_(std::move(connection)) {}
  [[nodiscard]] int socket() const override { return connection_.socket(); }

 private:
  Connection connection_;
};

/// An option that the system does not know is none: polling finds the host out later.
void set_option(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

Result<std::unique_ptr<WatchedSession>> open_idle_session(const ConnectOptions& options,
                                                          std::chrono::milliseconds silence,
                                                          SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, Connection::connect(options, deadline));
  ORCH_TRY(connection.query(std::string(kStayLong), deadline));
  const int socket = connection.socket();
  const int seconds =
      std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(silence).count()));
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, seconds);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(2 * silence.count()));
  return std::unique_ptr<WatchedSession>(std::make_unique<IdleSession>(std::move(connection)));
}

}  // namespace orch
