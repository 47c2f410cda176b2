#include "ha/raft/transport.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/name_lookup.h"
#include "core/base/text.h"
#include "ha/raft/endpoint.h"

namespace orch::ha::raft {

namespace {

// What each connection begins with; another number is another way to speak.
constexpr std::string_view kStream = "orch-raft/1 stream ";
constexpr std::string_view kAsk = "orch-raft/1 ask ";
constexpr std::size_t kManyStrangers = 64;

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

/// What came after "ok", or why not.
Result<std::string> verdict_of(const std::string& frame) {
  if (frame.rfind("ok", 0) == 0) return frame.size() > 3 ? frame.substr(3) : std::string();
  if (frame.rfind("no ", 0) == 0) return fail(ErrorKind::Refused, frame.substr(3));
  return fail(ErrorKind::Denied, "no node speaks there");
}

}  // namespace

Result<std::unique_ptr<Transport>> Transport::open(uv_loop_t* loop, Settings settings,
                                                   Handlers handlers) {
  std::unique_ptr<Transport> made(new Transport(loop, std::move(settings), std::move(handlers)));
  ORCH_TRY(made->renew_certificates());
  if (!made->settings_.bind.empty()) ORCH_TRY(made->listen());
  return made;
}

Transport::~Transport() = default;

Result<> Transport::renew_certificates() {
  ORCH_ASSIGN(tls_, TlsContext::make(settings_.security));
  return {};
}

Result<> Transport::listen() {
  ORCH_ASSIGN(const Endpoint endpoint, parse_endpoint(settings_.bind));
  sockaddr_storage address{};
  std::string host = endpoint.host.empty() ? "0.0.0.0" : endpoint.host;
  if (host.find(':') == std::string::npos) {
    ORCH_ASSIGN(const NameLookup found,
                look_up_name(host, std::chrono::steady_clock::now() + std::chrono::seconds(5)));
    host = found.addresses.front();
  }
  if (::uv_ip4_addr(host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in*>(&address)) != 0 &&
      ::uv_ip6_addr(host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in6*>(&address)) != 0) {
    return fail(ErrorKind::InvalidInput, fmt::format("cannot listen on {}", settings_.bind));
  }
  auto* listener = new uv_tcp_t;  // deleted when libuv has closed it
  ::uv_tcp_init(loop_, listener);
  listener->data = this;
  int status = ::uv_tcp_bind(listener, reinterpret_cast<const sockaddr*>(&address), 0);
  if (status == 0) {
    status = ::uv_listen(reinterpret_cast<uv_stream_t*>(listener), 128,
                         [](uv_stream_t* stream, int result) {
                           static_cast<Transport*>(stream->data)->on_connection(result);
                         });
  }
  if (status != 0) {
    ::uv_close(reinterpret_cast<uv_handle_t*>(listener),
               [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
    return fail(status == UV_EADDRINUSE ? ErrorKind::Conflict : ErrorKind::InvalidInput,
                fmt::format("cannot listen on {}: {}", settings_.bind, ::uv_strerror(status)));
  }
  listener_ = listener;
  return {};
}

Channel* Transport::open_channel(Channel::Events events) {
  auto made = std::make_unique<Channel>(loop_, tls_, settings_.limits, std::move(events));
  Channel* channel = made.get();
  channels_.emplace(channel, std::move(made));
  return channel;
}

void Transport::forget(Channel* channel) {
  strangers_.remove(channel);
  channels_.erase(channel);
  if (closed_ && channels_.empty() && listener_ == nullptr) std::exchange(closed_, {})();
}

void Transport::on_connection(int status) {
  if (status != 0 || closed_) return;
  // Nobody keeps the nodes out by connecting and saying nothing.
  if (strangers_.size() >= kManyStrangers) {
    Channel* oldest = strangers_.front();
    strangers_.pop_front();
    oldest->close(ErrorKind::Unreachable, "too many connections");
  }
  auto self = std::make_shared<Channel*>(nullptr);
  Channel* channel = open_channel(
      {{},
       [this, self](const std::string& frame) { on_greeting(*self, frame); },
       [this, self](const Error& why) {
         if (why.kind == ErrorKind::Denied && why.message != last_refusal_) {
           last_refusal_ = why.message;
           log::warning("raft: a connection to {} was refused: {}", settings_.bind, why.message);
         }
         forget(*self);
       }});
  *self = channel;
  strangers_.push_back(channel);
  channel->accept(reinterpret_cast<uv_stream_t*>(listener_));
}

void Transport::refuse(Channel* channel, const std::string& why) {
  channel->send_frame("no " + why);
}

bool Transport::is_from(const Channel& channel, std::string_view address) const {
  if (!settings_.security.certified()) return true;
  const auto endpoint = parse_endpoint(address);
  return endpoint && channel.comes_from(endpoint->host);
}

bool Transport::is_from_known(const Channel& channel) const {
  if (!settings_.security.certified()) return true;
  return std::ranges::any_of(handlers_.known(),
                             [&](const std::string& address) { return is_from(channel, address); });
}

void Transport::on_greeting(Channel* channel, const std::string& greeting) {
  const std::string_view text = greeting;
  // An authority may sign for others than nodes, too.
  const bool known = id_ == 0 || is_from_known(*channel);
  if (text.rfind(kAsk, 0) == 0) {
    const Asker asker{known, [&](const std::string& address) {
                        return is_from(*channel, address);
                      }};
    return channel->send_frame("ok " + handlers_.asked(text.substr(kAsk.size()), asker));
  }
  if (text.rfind(kStream, 0) == 0) {
    // Who was away while the group changed learns of its new leader from nobody else.
    if (known || (handlers_.leaderless && handlers_.leaderless())) {
      return on_stream_wanted(channel, text.substr(kStream.size()));
    }
    return channel->close(ErrorKind::Denied,
                          "the other side's certificate names no node of the group");
  }
  channel->close(ErrorKind::Denied, "no node speaks there, or one of another version");
}

void Transport::on_stream_wanted(Channel* channel, std::string_view wish) {
  const auto pieces = split(wish, ' ');
  const auto from = pieces.size() == 3 ? parse_id(pieces[0]) : std::nullopt;
  const auto to = pieces.size() == 3 ? parse_id(pieces[1]) : std::nullopt;
  if (!from || !to || *from == 0) {
    return channel->close(ErrorKind::Denied, "no node speaks there");
  }
  if (!is_from(*channel, address_in(pieces[2]))) {
    return channel->close(ErrorKind::Denied,
                          fmt::format("the other side's certificate does not name {}", pieces[2]));
  }
  if (id_ == 0) {
    handlers_.wanted(std::string(address_in(pieces[2])));
    return refuse(channel, "not part of a group yet");
  }
  // One that has its place, or lost its memory, must not hear what was meant for its former self.
  if (*to != id_) return refuse(channel, fmt::format("{:016x} is not here", *to));
  // Who connects decides: one of an earlier version does not read on.
  channel->send_frame(group_.empty() ? "ok" : "ok " + group_);
  uv_stream_t* stream = channel->become_stream();
  if (stream == nullptr) return;
  strangers_.remove(channel);
  handlers_.accepted(*from, std::string(pieces[2]), stream);
}

void Transport::connect(std::uint64_t id, const std::string& name, Connected connected) {
  const auto endpoint = parse_endpoint(address_in(name));
  auto self = std::make_shared<Channel*>(nullptr);
  auto waiting = std::make_shared<Connected>(std::move(connected));
  Channel* channel =
      open_channel({[this, self, id] {
                      (*self)->send_frame(fmt::format("{}{:016x} {:016x} {}", kStream, id_, id,
                                                      name_of_life(settings_.address, id_)));
                    },
                    [this, self, waiting, name](const std::string& frame) {
                      const auto verdict = verdict_of(frame);
                      if (!verdict)
                        return (*self)->close(verdict.error().kind, verdict.error().message);
                      if (is_of_another(*verdict)) {
                        handlers_.of_another(std::string(address_in(name)), *verdict);
                        return (*self)->close(ErrorKind::Denied, "it is of another group");
                      }
                      uv_stream_t* stream = (*self)->become_stream();
                      if (stream != nullptr) std::exchange(*waiting, {})(stream, false);
                    },
                    [this, self, waiting, name](const Error& why) {
                      if (*waiting) {
                        log::debug("raft: no connection to {}: {}", name, why.message);
                        std::exchange(*waiting, {})(nullptr, static_cast<bool>(closed_));
                      }
                      forget(*self);
                    }});
  *self = channel;
  if (closed_) return channel->close(ErrorKind::Unreachable, "this node ends");
  if (!endpoint) return channel->close(endpoint.error().kind, endpoint.error().message);
  channel->connect(*endpoint);
}

void Transport::ask(const std::string& address, const std::string& question, Answered answered) {
  const auto endpoint = parse_endpoint(address);
  auto self = std::make_shared<Channel*>(nullptr);
  auto waiting = std::make_shared<Answered>(std::move(answered));
  Channel* channel = open_channel(
      {[self, question] { (*self)->send_frame(std::string(kAsk).append(question)); },
       [self, waiting](const std::string& frame) {
         if (*waiting) std::exchange(*waiting, {})(verdict_of(frame));
         (*self)->close(ErrorKind::Unreachable, "done");
       },
       [this, self, waiting, address](const Error& why) {
         if (*waiting) {
           std::exchange(*waiting, {})(Result<std::string>(fail(Error(why).within(address))));
         }
         forget(*self);
       }});
  *self = channel;
  if (closed_) return channel->close(ErrorKind::Unreachable, "this node ends");
  if (!endpoint) return channel->close(endpoint.error().kind, endpoint.error().message);
  channel->connect(*endpoint);
}

void Transport::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  for (const auto& [channel, owned] : channels_)
    channel->close(ErrorKind::Unreachable, "this node ends");
  if (listener_ == nullptr) return;
  ::uv_close(reinterpret_cast<uv_handle_t*>(listener_), [](uv_handle_t* handle) {
    auto* transport = static_cast<Transport*>(handle->data);
    delete reinterpret_cast<uv_tcp_t*>(handle);
    transport->listener_ = nullptr;
    if (transport->closed_ && transport->channels_.empty()) {
      std::exchange(transport->closed_, {})();
    }
  });
}

}  // namespace orch::ha::raft
