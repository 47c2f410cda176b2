#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orch::cmd {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method{};
  std::string target{};  ///< path and query as they came, percent signs and all
  HttpHeaders headers{};
  std::string body{};
  std::string peer{};  ///< address of the client; "" on a Unix socket
  bool tls{false};
  /// Organisational units of the client's certificate, when one was given and verified.
  std::vector<std::string> client_units{};

  /// The first header of that name, in any letter case; "" when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// The part of `target` before the question mark.
  [[nodiscard]] std::string_view path() const;
  /// The value of a query parameter, decoded; "" when there is none.
  [[nodiscard]] std::string query(std::string_view name) const;
};

struct HttpResponse {
  /// Takes the next piece of a body, whether or not there still is anybody to send it to.
  using Send = std::function<void(std::string piece)>;

  int status{200};
  std::string content_type{"application/json; charset=UTF-8"};
  std::string body{};
  HttpHeaders headers{};
  /// In place of `body`: called once, to make a body that is sent while it is made. Between the
  /// pieces, each of whole lines, empty lines go out, so that the client sees that somebody lives.
  std::function<void(const Send&)> stream{};
  /// In place of all else: makes the answer, and waits for another node meanwhile, which must not
  /// hold up requests that need no other.
  std::function<HttpResponse()> later{};
};

/// "a%2Fb" -> "a/b"; `plus_is_blank` as in a query. A percent sign that starts nothing stays.
std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

}  // namespace orch::cmd
