#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "core/base/result.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/tls.h"

namespace orch::ha::raft {

/// One connection between two nodes: frames at first, and then, as a rule, a stream that the engine
/// reads or writes. All of it happens on the loop's thread.
class Channel {
 public:
  struct Events {
    std::function<void()> ready{};  ///< frames may be sent
    std::function<void(const std::string& frame)> frame{};
    std::function<void(const Error& why)> closed{};  ///< the last one; deletes the channel
  };
  struct Limits {
    std::chrono::milliseconds greeting{1000};  ///< from the connection to the stream
    std::chrono::milliseconds silence{2000};   ///< for what was sent to be acknowledged
  };

  /// `tls` may be nothing. Then and ever after it ends by close() alone.
  Channel(uv_loop_t* loop, std::shared_ptr<const TlsContext> tls, Limits limits, Events events);
  ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Looks the name up anew, and tries its addresses in turn.
  void connect(const Endpoint& endpoint);
  void accept(uv_stream_t* listener);
  void send_frame(std::string_view frame);
  /// Whether the other side is at `host`, as far as it must prove that.
  [[nodiscard]] bool comes_from(const std::string& host) const {
    return !tls_ || tls_->shows(host);
  }
  /// From now on all goes to and from the stream that is returned, the engine's; nothing when there
  /// can be none, and then the channel is closed.
  uv_stream_t* become_stream();
  void close(ErrorKind kind, const std::string& why);

 private:
  struct Write {
    uv_write_t request{};
    std::string bytes{};
    Channel* channel{nullptr};
  };
  static constexpr std::size_t kLongestFrame = 64 * 1024;
  static constexpr std::size_t kMuch = 1024 * 1024;

  template <typename Handle>
  void open(Handle* handle);
  template <typename Handle>
  void shut(Handle*& handle);
  void release();

  void on_looked_up(int status, addrinfo* found);
  void try_next(int last_problem);
  void begin();
  void on_network(std::string_view bytes);
  void on_engine(std::string_view bytes);
  void take_plain();
  void send_plain(std::string_view bytes);
  void write(uv_stream_t* to, std::string bytes);
  void on_written(int status);
  void read(uv_stream_t* from);
  void regulate();

  uv_loop_t* loop_;
  std::shared_ptr<const TlsContext> context_;
  Limits limits_;
  Events events_;
  std::string host_{};  ///< of whom we connect to
  std::uint16_t port_{};
  std::vector<sockaddr_storage> addresses_{};
  std::size_t next_address_{0};
  uv_timer_t* timer_{nullptr};
  uv_tcp_t* tcp_{nullptr};
  uv_pipe_t* pipe_{nullptr};  ///< its other end is the engine's
  uv_getaddrinfo_t lookup_{};
  uv_connect_t connecting_{};
  bool looking_up_{false};
  bool greeted_{false};  ///< the connection stands, and is secure
  bool network_paused_{false};
  bool engine_paused_{false};
  bool closing_{false};
  unsigned open_{0};  ///< handles and requests that lead here
  std::unique_ptr<TlsSession> tls_{};
  std::string plain_{};
  Error why_{};
  std::array<char, 65536> buffer_{};
};

}  // namespace orch::ha::raft
