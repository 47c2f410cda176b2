#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <uv.h>

#include "core/base/result.h"
#include "ha/raft/channel.h"
#include "ha/raft/tls.h"

namespace orch::ha::raft {

/// How the nodes of a group reach each other. Whoever connects says who it is and whom it wants,
/// and is answered; a node that is not the one wanted refuses. All of it happens on the loop's
/// thread.
class Transport {
 public:
  struct Settings {
    std::string bind{};     ///< host:port to listen on; empty: it asks, and listens to nobody
    std::string address{};  ///< host:port that the others know
    Security security{};
    Channel::Limits limits{};
  };
  /// Whoever puts a question, as far as it must prove that.
  struct Asker {
    bool known{false};                                        ///< it is one of known()
    std::function<bool(const std::string& address)> is_at{};  ///< whether it is at that address
  };
  struct Handlers {
    /// A node opened a stream to this one.
    std::function<void(std::uint64_t id, const std::string& name, uv_stream_t* stream)> accepted{};
    /// The answer to a question of another node; answered at once.
    std::function<std::string(std::string_view question, const Asker& asker)> asked{};
    /// A node takes this one, which has no number yet, for one of its group.
    std::function<void(const std::string& address)> wanted{};
    /// A node that this one wanted to speak with is of another group, whose number it told.
    std::function<void(const std::string& address, const std::string& number)> of_another{};
    /// The addresses of all nodes that may want to speak with this one.
    std::function<std::set<std::string>()> known{};
    /// Whether this node has long heard of no leader: it may be one that joined meanwhile.
    std::function<bool()> leaderless{};
  };
  using Connected = std::function<void(uv_stream_t* stream, bool canceled)>;
  using Answered = std::function<void(const Result<std::string>& answer)>;

  /// Listens. Errors: InvalidInput, Conflict when somebody else has the port.
  static Result<std::unique_ptr<Transport>> open(uv_loop_t* loop, Settings settings,
                                                 Handlers handlers);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Reads the certificates again, for the connections to come. Errors: InvalidInput, and all
  /// stays.
  Result<> renew_certificates();
  /// From now on this node has a number, and takes streams.
  void identify(std::uint64_t id) { id_ = id; }
  /// From now on it speaks with nodes of this group only, and with those that do not know theirs.
  void belong_to(std::string group) { group_ = std::move(group); }
  /// Opens a stream to a node; `name` as name_of_life() makes it.
  void connect(std::uint64_t id, const std::string& name, Connected connected);
  void ask(const std::string& address, const std::string& question, Answered answered);
  /// Ends everything that goes on, and calls `closed` after that.
  void close(std::function<void()> closed);

 private:
  Transport(uv_loop_t* loop, Settings settings, Handlers handlers)
      : loop_(loop), settings_(std::move(settings)), handlers_(std::move(handlers)) {}
  Result<> listen();
  void on_connection(int status);
  void on_greeting(Channel* channel, const std::string& greeting);
  void on_stream_wanted(Channel* channel, std::string_view wish);
  Channel* open_channel(Channel::Events events);
  void forget(Channel* channel);
  [[nodiscard]] bool is_of_another(const std::string& group) const {
    return !group_.empty() && !group.empty() && group != group_;
  }
  void refuse(Channel* channel, const std::string& why);
  [[nodiscard]] bool is_from(const Channel& channel, std::string_view address) const;
  [[nodiscard]] bool is_from_known(const Channel& channel) const;

  uv_loop_t* loop_;
  Settings settings_;
  Handlers handlers_;
  std::shared_ptr<const TlsContext> tls_{};
  std::uint64_t id_{0};
  std::string group_{};
  uv_tcp_t* listener_{nullptr};
  std::map<Channel*, std::unique_ptr<Channel>> channels_{};
  std::list<Channel*> strangers_{};  ///< that have not said who they are, the oldest first
  std::function<void()> closed_{};
  std::string last_refusal_{};
};

}  // namespace orch::ha::raft
