#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cmd/api/route.h"
#include "cmd/http/message.h"

namespace orch::cmd {

/// The route that a path below /api/ names, and what its variable parts are; nothing: none.
struct MatchedRoute {
  const ApiRoute* route{nullptr};
  std::map<std::string, std::string, std::less<>> parameters{};
  Args args{};
};
std::optional<MatchedRoute> match_route(std::string_view path_below_api);

/// What a node answers over HTTP: the API, metrics, and refusals.
class Api {
 public:
  explicit Api(Service& service);

  [[nodiscard]] HttpResponse answer(const HttpRequest& request) const;
  /// Health checks that need neither the backend nor a thread.
  [[nodiscard]] std::optional<HttpResponse> answer_quickly(const HttpRequest& request) const;

 private:
  [[nodiscard]] HttpResponse answer_api(const HttpRequest& request, const Caller& caller,
                                        std::string_view path) const;
  [[nodiscard]] HttpResponse answer_other(const HttpRequest& request, const Caller& caller,
                                          std::string_view path) const;
  /// Of the node that leads; `here` makes it when this one is to.
  enum class Kind { Read, Write, Command };
  [[nodiscard]] HttpResponse answer_of_leader(const HttpRequest& request, Kind kind,
                                              const std::function<HttpResponse()>& here) const;
  [[nodiscard]] HttpResponse answer_here(const HttpRequest& request, const Caller& caller,
                                         const MatchedRoute& match) const;
  [[nodiscard]] HttpResponse answer_token(const HttpRequest& request) const;
  [[nodiscard]] Caller caller(const HttpRequest& request) const;
  /// The path below URLPrefix; nothing when it is not below it.
  [[nodiscard]] std::optional<std::string_view> below_prefix(std::string_view path) const;
  void describe(HttpResponse& response) const;

  Service& service_;
  std::string identity_;  ///< before every message
};

}  // namespace orch::cmd
