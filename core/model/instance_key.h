#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orch {

/// What names a MySQL server: host name and TCP port, compared byte by byte, in that order.
struct InstanceKey {
  std::string hostname{};
  std::uint16_t port{0};

  friend auto operator<=>(const InstanceKey&, const InstanceKey&) = default;
  friend bool operator==(const InstanceKey&, const InstanceKey&) = default;
};

/// "host:port"; IPv6 without brackets ("2001:db8::7:3306"), as orchestrator prints and stores it.
std::string to_string(const InstanceKey& key);

/// Reads `host`, `host:port`, `[ipv6]:port` or a bare IPv6 address; a missing port becomes
/// `default_port`. Nothing for any other text, for a port out of 1..65535, and for a host with
/// blanks, control characters, quotes, commas, slashes (but the two of a detached key) or shell
/// characters: such a text names no server.
std::optional<InstanceKey> parse_instance_key(std::string_view text, std::uint16_t default_port);

/// The same, where the host may have '%', which stands for any characters: a key to search by.
std::optional<InstanceKey> parse_instance_pattern(std::string_view text,
                                                  std::uint16_t default_port);
/// Whether the host has '%'.
bool is_pattern(const InstanceKey& key);

/// Whether the key may be contacted: a host that is neither "" nor "_", not detached, a port.
bool is_valid(const InstanceKey& key);

/// A detached key names a source on purpose wrongly, so that replication cannot connect:
/// its host name starts with "//".
bool is_detached(const InstanceKey& key);
InstanceKey detached(const InstanceKey& key);
InstanceKey reattached(const InstanceKey& key);

/// Whether the text can be a host name: 1 to 255 ASCII letters, digits, '.', '-', '_', the first no
/// '-'. Underscores are not for DNS, but /etc/hosts and container networks have them.
bool is_hostname(std::string_view text);
/// Whether the host is an IPv4 address in its dotted form.
bool is_ipv4(std::string_view hostname);
/// Whether the host is an IP address, of either family.
bool is_ip_address(std::string_view hostname);

}  // namespace orch
