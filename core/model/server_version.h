#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace orch {

enum class Flavor { MySql, MariaDb, Percona, MaxScale, Unknown };

/// The numbers at the start of a version text, compared as numbers (DISC-5); anything that is
/// not a number counts as 0.
struct ServerVersion {
  int major{0};
  int minor{0};
  int patch{0};

  friend auto operator<=>(const ServerVersion&, const ServerVersion&) = default;
  friend bool operator==(const ServerVersion&, const ServerVersion&) = default;
};

/// Reads "8.4.3-3", "10.11.6-MariaDB-log", and the handshake's "5.5.5-10.11.6-MariaDB".
ServerVersion parse_server_version(std::string_view version);

/// MariaDB: the version says so. Percona: the comment does. MaxScale: the version holds
/// "maxscale". Everything else is MySQL; "" is unknown.
Flavor flavor_of(std::string_view version, std::string_view version_comment);

/// "MySQL", "MariaDB", "Percona", "MaxScale", "unknown".
std::string_view to_string(Flavor flavor);

/// The first two dot-separated tokens; "0.0" when there are fewer.
std::string major_version(std::string_view version);

/// Whether major version `a` is lower than `b`, compared as numbers.
bool is_smaller_major_version(std::string_view a, std::string_view b);

/// MySQL Cluster: the version holds "-ndb-".
bool is_ndb(std::string_view version);

}  // namespace orch
