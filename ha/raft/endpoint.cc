#include "ha/raft/endpoint.h"

#include <sys/random.h>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch::ha::raft {

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto wrong = [&] {
    return fail(ErrorKind::InvalidInput, fmt::format("'{}' is not host:port", text));
  };
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const auto port = parse_uint(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return wrong();
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return wrong();
  if (host.find_first_of(" \t#") != std::string_view::npos) return wrong();
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string name_of_life(const std::string& address, std::uint64_t id) {
  return id == first_id_of(address) ? address : fmt::format("{}#{:016x}", address, id);
}

std::string_view address_in(std::string_view name) {
  return name.substr(0, name.find('#'));
}

std::uint64_t first_id_of(std::string_view address) {
  // FNV-1a, and a last stir, so that neighbouring ports differ in all bits.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : address) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  hash ^= hash >> 32U;
  hash *= 0xd6e8feb86659fd93U;
  hash ^= hash >> 32U;
  return hash == 0 ? 1 : hash;
}

Result<std::uint64_t> fresh_id() {
  std::uint64_t id = 0;
  while (id == 0) {
    if (::getrandom(&id, sizeof id, 0) != sizeof id) {
      return fail(ErrorKind::Broken, "the system has no random numbers");
    }
  }
  return id;
}

}  // namespace orch::ha::raft
