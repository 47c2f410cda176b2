#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include "core/base/clock.h"

struct st_mysql;  // the library's MYSQL

namespace orch {

// What the client library does on the network, it does within the bounds that are set here.

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

/// The bounds of the call under way in this thread, and what was seen on the network.
struct NetworkWait {
  SteadyPoint deadline{};
  st_mysql* mysql{nullptr};
  std::size_t may_read{kAnyNumber};  ///< bytes that may still come
  bool greeted{false};               ///< the client speaks only after a greeting it understood
  std::string begins{};              ///< the first bytes that came
  std::string latest{};              ///< the beginning of what was read last
  bool expects_tls{false};
  const std::string* certificate_name{nullptr};  ///< what a certificate must be made out to
  bool timed_out{false};
  bool read_too_much{false};
  int socket_error{0};  ///< why the network refused, which the library does not tell

  /// No more can be read or written.
  [[nodiscard]] bool is_over() const { return timed_out || read_too_much; }
};

/// Makes these the bounds of what this thread does with the library.
class NetworkWaitScope {
 public:
  explicit NetworkWaitScope(NetworkWait& wait);
  ~NetworkWaitScope();
  NetworkWaitScope(const NetworkWaitScope&) = delete;
  NetworkWaitScope& operator=(const NetworkWaitScope&) = delete;
};

/// To be called once, when the library is ready.
void watch_network();
/// To be called before the session logs in.
void bound_network_waits(st_mysql* mysql);

/// The session ends: nothing is sent or received any more.
void cut_off(st_mysql* mysql);

}  // namespace orch
