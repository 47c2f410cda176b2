#include "core/mysql/network_wait.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <mysql.h>

// Exported by the library (client plug-ins use it), and in none of its installed headers.
extern "C" int ma_pvio_register_callback(my_bool add, void (*callback)(int mode, MYSQL* mysql,
                                                                       const unsigned char* data,
                                                                       std::size_t size));

namespace orch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

NetworkWait*& current_wait() {
  thread_local NetworkWait* wait = nullptr;
  return wait;
}

/// What did not arrive yet is not to arrive any more: when a network that was cut heals, another
/// node may lead for long and have decided otherwise. The library closes the socket next.
void take_back(my_socket socket) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

constexpr int kWritten = 1;                   // the library's callback mode
constexpr std::size_t kEnoughOfLatest = 512;  // for a greeting

/// A server may send an error where its greeting belongs. One of number 65535 reports progress, and
/// for that libmariadb (3.3, ma_net_safe_read()) looks into a version's text that there is not yet,
/// and waits for more.
void read_greeting(NetworkWait& wait, MYSQL* mysql, std::string_view bytes) {
  constexpr std::size_t kHeader = 4;
  constexpr std::string_view kProgress = "\xff\xff\xff";
  constexpr std::size_t kEnough = kHeader + kProgress.size();
  if (wait.begins.size() == kEnough) return;
  wait.begins += bytes.substr(0, kEnough - wait.begins.size());
  const std::string_view payload =
      std::string_view(wait.begins).substr(std::min(kHeader, wait.begins.size()));
  if (payload.empty() || payload.front() != kProgress.front()) return;
  if (mysql->server_version == nullptr) mysql->server_version = ::strdup("");  // the library's now
  if (payload == kProgress) cut_off(mysql);
}

/// The library waits only when there is nothing to read, and some of what it reads it keeps, or
/// passes over, until the server comes to an end.
void bound_reading(NetworkWait& wait, MYSQL* mysql, std::size_t size) {
  wait.read_too_much = wait.read_too_much || size > wait.may_read;
  wait.may_read -= std::min(size, wait.may_read);
  wait.timed_out = wait.timed_out || steady_clock::now() > wait.deadline;
  if (wait.is_over()) cut_off(mysql);
}

/// The library would do its TLS handshakes with blocking reads. Called after each packet that is
/// read or written in clear, the last of which says that TLS comes next, this makes them wait in
/// wait_for_socket() too. And as we connect to an address, the certificate would be compared with
/// that; the library looks at its own copy of the name after the handshake.
void prepare_tls(NetworkWait& wait, MYSQL* mysql) {
  const my_socket socket = ::mysql_get_socket(mysql);
  if (const int flags = ::fcntl(socket, F_GETFL); flags >= 0 && (flags & O_NONBLOCK) == 0) {
    ::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
  }
  if (wait.certificate_name == nullptr || mysql->host == nullptr) return;
  if (char* name = ::strdup(wait.certificate_name->c_str()); name != nullptr) {
    std::free(mysql->host);  // NOLINT: the library's own, from strdup
    mysql->host = name;
    wait.certificate_name = nullptr;
  }
}

/// Called after each read and write.
void after_packet(int mode, MYSQL* mysql, const unsigned char* data, std::size_t size) {
  NetworkWait* wait = current_wait();
  if (wait == nullptr || wait->mysql != mysql) return;
  if (mode == kWritten) wait->greeted = true;
  const bool failed = static_cast<std::make_signed_t<std::size_t>>(size) < 0;
  if (mode != kWritten && !failed) {
    wait->latest.assign(reinterpret_cast<const char*>(data), std::min(size, kEnoughOfLatest));
    const bool greets = mysql->server_version == nullptr || !wait->begins.empty();
    if (greets) read_greeting(*wait, mysql, {reinterpret_cast<const char*>(data), size});
    bound_reading(*wait, mysql, size);
  }
  if (wait->expects_tls) prepare_tls(*wait, mysql);
}

/// Stands in for the library's poll(), in every place where it waits for the network (TLS
/// handshakes too). Without a call under way (closing) nothing is waited for.
int wait_for_socket(my_socket socket, my_bool for_reading, int /*library_timeout*/) {
  NetworkWait* wait = current_wait();
  if (wait == nullptr) {
    errno = ETIMEDOUT;
    return 0;
  }
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(wait->deadline - steady_clock::now()).count();
    if (left <= 0) {
      wait->timed_out = true;
      take_back(socket);
      errno = ETIMEDOUT;
      return 0;
    }
    pollfd entry{
        .fd = socket, .events = for_reading != 0 ? short{POLLIN} : short{POLLOUT}, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) {
      socklen_t size = sizeof wait->socket_error;
      if ((entry.revents & POLLERR) != 0 &&
          ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &wait->socket_error, &size) == 0 &&
          wait->socket_error != 0) {
        errno = wait->socket_error;
        return -1;
      }
      return ready;
    }
    if (ready < 0 && errno != EINTR) return ready;
  }
}

}  // namespace

NetworkWaitScope::NetworkWaitScope(NetworkWait& wait) {
  current_wait() = &wait;
}
NetworkWaitScope::~NetworkWaitScope() {
  current_wait() = nullptr;
}

void cut_off(MYSQL* mysql) {
  const my_socket socket = ::mysql_get_socket(mysql);
  take_back(socket);
  ::shutdown(socket, SHUT_RDWR);
}

void watch_network() {
  ::ma_pvio_register_callback(1, &after_packet);
}

void bound_network_waits(MYSQL* mysql) {
  const unsigned int timeout_s = 3600;  // ours decide; zero would mean "do not wait"
  ::mysql_options(mysql, MARIADB_OPT_IO_WAIT, reinterpret_cast<const void*>(&wait_for_socket));
  ::mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
  ::mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
  ::mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
}

}  // namespace orch
