#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cmd/http/message.h"
#include "core/base/error.h"

namespace orch::cmd {

/// What an API call answers: an envelope {Code, Message, Details}, or bare JSON.
struct ApiAnswer {
  enum class Kind { Ok, Error, Bare };
  Kind kind{Kind::Ok};
  std::string message{};
  std::string json{"null"};  ///< of the details, or all there is
  int status{0};             ///< 0: by kind, 200 or 500
  /// In place of all that: lines of JSON, made while they are sent.
  std::function<void(const HttpResponse::Send&)> stream{};
};

inline ApiAnswer api_ok(std::string message, std::string details = "null") {
  return {ApiAnswer::Kind::Ok, std::move(message), std::move(details)};
}
inline ApiAnswer api_error(std::string message, std::string details = "null") {
  return {ApiAnswer::Kind::Error, std::move(message), std::move(details)};
}
inline ApiAnswer api_error(const Error& error, std::string details = "null") {
  return api_error(error.message, std::move(details));
}
inline ApiAnswer api_bare(std::string json, int status = 200) {
  return {ApiAnswer::Kind::Bare, "", std::move(json), status};
}

/// `prefix`: what PrependMessagesWithOrcIdentity puts before every message.
HttpResponse to_response(ApiAnswer answer, std::string_view prefix);

}  // namespace orch::cmd
