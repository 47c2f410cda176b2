#include "core/model/instance_key.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/base/text.h"

namespace orch {

namespace {

constexpr std::string_view kDetachMark = "//";
constexpr char kAnyCharacters = '%';
constexpr std::size_t kLongestHostname = 255;

bool is_address_of(int family, std::string_view text) {
  in6_addr address{};
  return text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos &&
         inet_pton(family, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
  return is_address_of(AF_INET6, text);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_uint(text);
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<InstanceKey> make_key(std::string_view host, std::optional<std::uint16_t> port) {
  if (!port || *port == 0) return std::nullopt;
  return InstanceKey{std::string(host), *port};
}

bool is_hostname_pattern(std::string_view text) {
  std::string name(text);
  std::replace(name.begin(), name.end(), kAnyCharacters, '_');
  return is_hostname(name);
}

std::optional<InstanceKey> parse_attached(std::string_view text, std::uint16_t default_port,
                                          bool (*is_host)(std::string_view) = is_hostname) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return std::nullopt;
    return make_key(text.substr(1, end - 1), parse_port(text.substr(end + 2)));
  }
  if (is_ipv6(text)) return make_key(text, default_port);
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (!is_host(host)) return std::nullopt;
  if (colon == std::string_view::npos) return make_key(host, default_port);
  return make_key(host, parse_port(text.substr(colon + 1)));
}

}  // namespace

std::string to_string(const InstanceKey& key) {
  return key.hostname + ':' + std::to_string(key.port);
}

std::optional<InstanceKey> parse_instance_key(std::string_view text, std::uint16_t default_port) {
  if (!text.starts_with(kDetachMark)) return parse_attached(text, default_port);
  auto key = parse_attached(text.substr(kDetachMark.size()), default_port);
  if (key) key->hostname.insert(0, kDetachMark);
  return key;
}

std::optional<InstanceKey> parse_instance_pattern(std::string_view text,
                                                  std::uint16_t default_port) {
  return parse_attached(text, default_port, is_hostname_pattern);
}

bool is_pattern(const InstanceKey& key) {
  return key.hostname.find(kAnyCharacters) != std::string::npos;
}

bool is_valid(const InstanceKey& key) {
  return !key.hostname.empty() && key.hostname != "_" && !is_detached(key) && key.port != 0;
}

bool is_detached(const InstanceKey& key) {
  return key.hostname.starts_with(kDetachMark);
}

InstanceKey detached(const InstanceKey& key) {
  if (is_detached(key)) return key;
  return {std::string(kDetachMark) + key.hostname, key.port};
}

InstanceKey reattached(const InstanceKey& key) {
  if (!is_detached(key)) return key;
  return {key.hostname.substr(kDetachMark.size()), key.port};
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > kLongestHostname || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool is_ipv4(std::string_view hostname) {
  return is_address_of(AF_INET, hostname);
}

bool is_ip_address(std::string_view hostname) {
  return is_ipv4(hostname) || is_ipv6(hostname);
}

}  // namespace orch
