#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace orch {

struct HttpQuestion {
  std::string host{};
  std::uint16_t port{80};
  bool tls{false};  ///< without asking whether the certificate is good
  std::string method{"GET"};
  std::string target{"/"};  ///< path and query, encoded
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

struct HttpReply {
  int status{0};
  std::string body{};
};

/// One request over a connection of its own: the door to Boost for those who ask. Whatever the
/// status, it is an answer. Errors: Unreachable, there is none by the deadline, or none that could
/// be read; the message names host and port, and nothing of the question.
Result<HttpReply> ask_http(const HttpQuestion& question, SteadyPoint deadline);

/// Bytes other than letters, digits, "-", ".", "_", "~" and those of `keep` as "%XX".
std::string percent_encoded(std::string_view text, std::string_view keep = "");

}  // namespace orch
