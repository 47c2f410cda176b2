#include "ha/raft/channel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "ha/raft/engine.h"

namespace orch::ha::raft {

namespace {

Channel* channel_of(void* data) {
  return static_cast<Channel*>(data);
}

uv_stream_t* stream_of(uv_tcp_t* handle) {
  return reinterpret_cast<uv_stream_t*>(handle);
}
uv_stream_t* stream_of(uv_pipe_t* handle) {
  return reinterpret_cast<uv_stream_t*>(handle);
}

/// What waits too long in a dead network is given up, also a question whether there is anybody.
void set_patience(uv_tcp_t* tcp, std::chrono::milliseconds silence) {
  uv_os_fd_t fd = -1;
  ::uv_tcp_nodelay(tcp, 1);
  ::uv_tcp_keepalive(tcp, 1, 5);
  if (::uv_fileno(reinterpret_cast<uv_handle_t*>(tcp), &fd) != 0) return;
  const auto limit = static_cast<unsigned>(silence.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

}  // namespace

Channel::Channel(uv_loop_t* loop, std::shared_ptr<const TlsContext> tls, Limits limits,
                 Events events)
    : loop_(loop), context_(std::move(tls)), limits_(limits), events_(std::move(events)) {
  timer_ = new uv_timer_t;  // each handle is deleted when libuv has closed it
  ::uv_timer_init(loop_, timer_);
  open(timer_);
  ::uv_timer_start(
      timer_,
      [](uv_timer_t* timer) {
        channel_of(timer->data)->close(ErrorKind::Unreachable, "no answer in time");
      },
      static_cast<std::uint64_t>(limits_.greeting.count()), 0);
}

template <typename Handle>
void Channel::open(Handle* handle) {
  handle->data = this;
  ++open_;
}

template <typename Handle>
void Channel::shut(Handle*& handle) {
  if (handle == nullptr) return;
  ::uv_close(reinterpret_cast<uv_handle_t*>(std::exchange(handle, nullptr)),
             [](uv_handle_t* closed) {
               Channel* channel = channel_of(closed->data);
               delete reinterpret_cast<Handle*>(closed);
               channel->release();
             });
}

void Channel::release() {
  if (--open_ == 0 && closing_) {
    const auto closed = std::move(events_.closed);
    const Error why = std::move(why_);
    closed(why);
  }
}

void Channel::close(ErrorKind kind, const std::string& why) {
  if (closing_) return;
  closing_ = true;
  why_ = Error{kind, why};
  if (looking_up_) ::uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_));
  shut(timer_);
  shut(tcp_);
  shut(pipe_);
}

void Channel::connect(const Endpoint& endpoint) {
  host_ = endpoint.host;
  port_ = endpoint.port;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  lookup_.data = this;
  const int status = ::uv_getaddrinfo(
      loop_, &lookup_,
      [](uv_getaddrinfo_t* request, int result, addrinfo* found) {
        channel_of(request->data)->on_looked_up(result, found);
      },
      host_.c_str(), nullptr, &wanted);
  if (status != 0)
    return close(ErrorKind::Unreachable, fmt::format("{}: {}", host_, ::uv_strerror(status)));
  looking_up_ = true;
  ++open_;
}

void Channel::on_looked_up(int status, addrinfo* found) {
  looking_up_ = false;
  if (!closing_ && status == 0) {
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
      sockaddr_storage& address = addresses_.emplace_back();
      std::memcpy(&address, one->ai_addr, one->ai_addrlen);
      if (one->ai_family == AF_INET) {
        reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port_);
      } else {
        reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(port_);
      }
    }
  }
  ::uv_freeaddrinfo(found);
  if (!closing_) try_next(status);
  release();
}

void Channel::try_next(int last_problem) {
  shut(tcp_);
  if (next_address_ == addresses_.size()) {
    return close(ErrorKind::Unreachable, fmt::format("{}: {}", host_, ::uv_strerror(last_problem)));
  }
  tcp_ = new uv_tcp_t;
  ::uv_tcp_init(loop_, tcp_);
  open(tcp_);
  connecting_.data = tcp_;
  const int status = ::uv_tcp_connect(
      &connecting_, tcp_, reinterpret_cast<const sockaddr*>(&addresses_[next_address_++]),
      [](uv_connect_t* request, int result) {
        Channel* channel = channel_of(static_cast<uv_tcp_t*>(request->data)->data);
        if (channel->closing_) return;
        if (result != 0) return channel->try_next(result);
        channel->begin();
      });
  if (status != 0)
    close(ErrorKind::Unreachable, fmt::format("{}: {}", host_, ::uv_strerror(status)));
}

void Channel::accept(uv_stream_t* listener) {
  tcp_ = new uv_tcp_t;
  ::uv_tcp_init(loop_, tcp_);
  open(tcp_);
  const int status = ::uv_accept(listener, stream_of(tcp_));
  if (status != 0) return close(ErrorKind::Unreachable, ::uv_strerror(status));
  begin();
}

void Channel::begin() {
  set_patience(tcp_, limits_.silence);
  read(stream_of(tcp_));
  if (context_ == nullptr) {
    greeted_ = true;
    if (events_.ready) events_.ready();
    return;
  }
  tls_ = context_->session(host_);
  if (!tls_) return close(ErrorKind::Broken, "out of memory");
  on_network("");
}

void Channel::read(uv_stream_t* from) {
  ::uv_read_start(
      from,
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        Channel* channel = channel_of(handle->data);
        *buffer =
            ::uv_buf_init(channel->buffer_.data(), static_cast<unsigned>(channel->buffer_.size()));
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        Channel* channel = channel_of(stream->data);
        if (channel->closing_ || size == 0) return;
        if (size < 0) {
          return channel->close(ErrorKind::Unreachable, ::uv_strerror(static_cast<int>(size)));
        }
        const std::string_view bytes(buffer->base, static_cast<std::size_t>(size));
        if (stream == stream_of(channel->tcp_)) {
          channel->on_network(bytes);
        } else {
          channel->on_engine(bytes);
        }
      });
}

void Channel::on_network(std::string_view bytes) {
  if (!tls_) {
    plain_ += bytes;
    return take_plain();
  }
  const auto received = tls_->receive(bytes, plain_);
  // An alert tells the other side why.
  if (std::string output = tls_->take_output(); !output.empty()) {
    write(stream_of(tcp_), std::move(output));
  }
  if (!received) return close(received.error().kind, received.error().message);
  if (tls_->is_ready() && !std::exchange(greeted_, true) && events_.ready) events_.ready();
  take_plain();
}

void Channel::take_plain() {
  while (!closing_ && pipe_ == nullptr) {
    if (plain_.size() < 4) return;
    std::uint32_t size = 0;
    std::memcpy(&size, plain_.data(), sizeof size);
    size = ntohl(size);
    if (size > kLongestFrame) return close(ErrorKind::Denied, "no node speaks there");
    if (plain_.size() < 4 + size) return;
    const std::string frame = plain_.substr(4, size);
    plain_.erase(0, 4 + size);
    events_.frame(frame);
  }
  if (closing_ || plain_.empty()) return;
  write(stream_of(pipe_), std::exchange(plain_, {}));
  regulate();
}

void Channel::on_engine(std::string_view bytes) {
  send_plain(bytes);
}

void Channel::send_frame(std::string_view frame) {
  std::string bytes(4, '\0');
  const std::uint32_t size = htonl(static_cast<std::uint32_t>(frame.size()));
  std::memcpy(bytes.data(), &size, sizeof size);
  send_plain(bytes.append(frame));
}

void Channel::send_plain(std::string_view bytes) {
  if (closing_) return;
  if (!tls_) {
    write(stream_of(tcp_), std::string(bytes));
    return regulate();
  }
  const auto sent = tls_->send(bytes);
  if (!sent) return close(sent.error().kind, sent.error().message);
  write(stream_of(tcp_), tls_->take_output());
  regulate();
}

void Channel::write(uv_stream_t* to, std::string bytes) {
  auto* one = new Write;
  one->bytes = std::move(bytes);
  one->channel = this;
  one->request.data = one;
  const uv_buf_t buffer =
      ::uv_buf_init(one->bytes.data(), static_cast<unsigned>(one->bytes.size()));
  const int status = ::uv_write(&one->request, to, &buffer, 1, [](uv_write_t* request, int result) {
    auto* done = static_cast<Write*>(request->data);
    Channel* channel = done->channel;
    delete done;
    channel->on_written(result);
  });
  if (status != 0) {
    delete one;
    close(ErrorKind::Unreachable, ::uv_strerror(status));
  }
}

void Channel::on_written(int status) {
  if (closing_) return;
  if (status != 0) return close(ErrorKind::Unreachable, ::uv_strerror(status));
  regulate();
}

/// Reads no more from one side while much waits for the other.
void Channel::regulate() {
  if (closing_ || pipe_ == nullptr) return;
  const auto keep = [this](bool& paused, uv_stream_t* from, uv_stream_t* to) {
    const std::size_t waiting = ::uv_stream_get_write_queue_size(to);
    if (!paused && waiting > kMuch) {
      paused = true;
      ::uv_read_stop(from);
    } else if (paused && waiting < kMuch / 4) {
      paused = false;
      read(from);
    }
  };
  keep(network_paused_, stream_of(tcp_), stream_of(pipe_));
  keep(engine_paused_, stream_of(pipe_), stream_of(tcp_));
}

uv_stream_t* Channel::become_stream() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    close(ErrorKind::Broken, fmt::format("no pair of sockets: {}", std::strerror(errno)));
    return nullptr;
  }
  auto* engines = static_cast<uv_pipe_t*>(::orch_raft_allocate(sizeof(uv_pipe_t)));
  if (engines == nullptr) {
    ::close(ends[0]);
    ::close(ends[1]);
    close(ErrorKind::Broken, "out of memory");
    return nullptr;
  }
  ::uv_timer_stop(timer_);
  pipe_ = new uv_pipe_t;
  ::uv_pipe_init(loop_, pipe_, 0);
  open(pipe_);
  ::uv_pipe_open(pipe_, ends[0]);
  ::uv_pipe_init(loop_, engines, 0);
  ::uv_pipe_open(engines, ends[1]);
  read(stream_of(pipe_));
  return stream_of(engines);
}

}  // namespace orch::ha::raft
