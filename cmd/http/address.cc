#include "cmd/http/address.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/http/message.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

constexpr std::string_view kUnix = "unix:";

Failure bad_address(std::string_view why) {
  return fail(
      ErrorKind::InvalidInput,
      fmt::format("the API's address is written http://HOST:PORT or https://HOST:PORT: {}", why));
}

/// "host:port", "[v6]:port", "host".
Result<> parse_place(std::string_view place, HttpAddress& address) {
  std::string_view host = place;
  std::string_view port;
  const std::size_t colon = place.rfind(':');
  const std::size_t bracket = place.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = place.substr(0, colon);
    port = place.substr(colon + 1);
    const auto number = parse_uint(port);
    if (!number || *number == 0 || *number > 65535) return bad_address("the port is no port");
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return bad_address("there is no host");
  if (host.find_first_of(" \t\r\n@") != std::string_view::npos) {
    return bad_address("the host is no host");
  }
  address.host = std::string(host);
  address.port = port.empty() ? (address.tls ? "443" : "80") : std::string(port);
  return {};
}

}  // namespace

Result<HttpAddress> parse_api_address(std::string_view url) {
  HttpAddress address;
  std::string_view rest = trim(url);
  if (rest.starts_with("https://")) {
    address.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad_address("it begins with neither");
  }
  if (rest.find_first_of("?# \r\n\t") != std::string_view::npos) {
    return bad_address("a query has no place in it");
  }
  std::string_view path;
  if (rest.starts_with(kUnix)) {
    rest.remove_prefix(kUnix.size());
    const std::size_t end = rest.find(':');
    address.socket = std::string(rest.substr(0, end));
    if (!address.socket.starts_with('/')) return bad_address("the socket's path is not absolute");
    if (end != std::string_view::npos) path = rest.substr(end + 1);
  } else {
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos) path = rest.substr(slash);
    std::string_view place = rest.substr(0, slash);
    const std::size_t at = place.rfind('@');
    if (at != std::string_view::npos) {
      const std::string_view pair = place.substr(0, at);
      const std::size_t colon = pair.find(':');
      address.user = percent_decoded(pair.substr(0, colon));
      if (colon != std::string_view::npos) {
        address.password = Secret(percent_decoded(pair.substr(colon + 1)));
      }
      place.remove_prefix(at + 1);
    }
    ORCH_TRY(parse_place(place, address));
  }
  while (path.ends_with('/'))
    path.remove_suffix(1);
  address.path = std::string(path);
  if (path != "/api" && !path.ends_with("/api")) address.path += "/api";
  return address;
}

std::string to_string(const HttpAddress& address) {
  const std::string_view scheme = address.tls ? "https" : "http";
  if (!address.socket.empty()) {
    return fmt::format("{}://unix:{}:{}", scheme, address.socket, address.path);
  }
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}{}", scheme, v6 ? "[" : "", address.host, v6 ? "]" : "",
                     address.port, address.path);
}

std::string basic_authorization(const std::string& user, const std::string& password) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string pair = user + ":" + password;
  std::string encoded;
  for (std::size_t i = 0; i < pair.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, pair.size() - i);
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (j < count ? static_cast<unsigned char>(pair[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j)
      encoded += j <= count ? kDigits[bits >> (18 - 6 * j) & 63U] : '=';
  }
  return "Basic " + encoded;
}

}  // namespace orch::cmd
