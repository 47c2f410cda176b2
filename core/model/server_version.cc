#include "core/model/server_version.h"

#include <charconv>
#include <utility>

#include "core/base/text.h"

namespace orch {

namespace {

/// Before the version proper, so that old replicas take a MariaDB for a MySQL they know.
constexpr std::string_view kHandshakePrefix = "5.5.5-";

std::string_view without_handshake_prefix(std::string_view version) {
  const bool prefixed =
      version.starts_with(kHandshakePrefix) && version.find("MariaDB") != std::string_view::npos;
  if (prefixed) version.remove_prefix(kHandshakePrefix.size());
  return version;
}

int leading_number(std::string_view token) {
  int number = 0;
  const bool starts_with_digit = !token.empty() && token.front() >= '0' && token.front() <= '9';
  if (!starts_with_digit) return 0;
  const auto [stop, problem] = std::from_chars(token.data(), token.data() + token.size(), number);
  return problem == std::errc{} ? number : 0;
}

}  // namespace

ServerVersion parse_server_version(std::string_view version) {
  const auto tokens = split(without_handshake_prefix(version), '.');
  const auto number = [&](std::size_t i) {
    return i < tokens.size() ? leading_number(tokens[i]) : 0;
  };
  return {.major = number(0), .minor = number(1), .patch = number(2)};
}

Flavor flavor_of(std::string_view version, std::string_view version_comment) {
  const auto holds = [](std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (version.empty()) return Flavor::Unknown;
  if (holds(version, "MariaDB")) return Flavor::MariaDb;
  if (holds(version_comment, "Percona")) return Flavor::Percona;
  if (holds(version, "maxscale")) return Flavor::MaxScale;
  return Flavor::MySql;
}

std::string_view to_string(Flavor flavor) {
  switch (flavor) {
    case Flavor::MySql:
      return "MySQL";
    case Flavor::MariaDb:
      return "MariaDB";
    case Flavor::Percona:
      return "Percona";
    case Flavor::MaxScale:
      return "MaxScale";
    case Flavor::Unknown:
      break;
  }
  return "unknown";
}

std::string major_version(std::string_view version) {
  const auto tokens = split(without_handshake_prefix(version), '.');
  if (tokens.size() < 2) return "0.0";
  return std::string(tokens[0]).append(".").append(tokens[1]);
}

bool is_smaller_major_version(std::string_view a, std::string_view b) {
  const auto numbers = [](std::string_view version) {
    const ServerVersion parsed = parse_server_version(major_version(version));
    return std::pair(parsed.major, parsed.minor);
  };
  return numbers(a) < numbers(b);
}

bool is_ndb(std::string_view version) {
  return version.find("-ndb-") != std::string_view::npos;
}

}  // namespace orch
