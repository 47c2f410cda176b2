#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cmd/http/message.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// Whether another node has passed this request on already: it is not passed on once more.
bool was_forwarded(const HttpRequest& request);

/// Whether the node that leads goes on to do so, as long as something is awaited of it: one that
/// was stopped or cut off says nothing, and breaks no connection.
class LeaderWatch {
 public:
  /// The address of the node that leads, as far as this one knows; "": nobody does.
  using Leader = std::function<std::string()>;
  /// `grace`: for one that another has followed to answer still, since having one follow is what it
  /// may have been asked for; and for another to be elected.
  explicit LeaderWatch(Leader leader, std::chrono::milliseconds grace = kGrace)
      : leader_(std::move(leader)), grace_(grace), asked_(leader_()) {}

  /// Whether it is known already that another node is to be asked, or none.
  [[nodiscard]] bool has_moved() const { return leader_() != asked_; }
  /// Why its answer is not waited for any more; "": it is. `at_once`: when another leads, that one
  /// can be asked as well.
  [[nodiscard]] std::string lost(bool at_once);

 private:
  static constexpr std::chrono::milliseconds kGrace{3000};

  Leader leader_;
  std::chrono::milliseconds grace_;
  std::string asked_;
  std::optional<std::chrono::steady_clock::time_point> since_{};  ///< it is known to have moved
};

/// The answer of the node at `url` ("http://host:port"), which `watch` began with, to the same
/// request. `writes`: it may be carried out once only, and take as long as a recovery. An answer of
/// status 502 when there is none. Nothing when another node leads by now, and may be asked instead.
std::optional<HttpResponse> forwarded(const HttpRequest& request, const std::string& url,
                                      bool writes, const HttpSettings& settings, LeaderWatch watch);
/// The same for a command (exchange.h), whose progress is passed on as it comes.
std::optional<HttpResponse> forwarded_command(const HttpRequest& request, const std::string& url,
                                              const HttpSettings& settings, LeaderWatch watch);

}  // namespace orch::cmd
