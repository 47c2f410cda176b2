#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace orch::ha::raft {

struct Endpoint {
  std::string host{};  ///< a name or an address, without brackets; empty: all of this machine's
  std::uint16_t port{};
};

/// "host:port" or "[address]:port". Errors: InvalidInput.
Result<Endpoint> parse_endpoint(std::string_view text);

/// A node that lost its data is another one to the group, at the same address. Its name there is
/// the address with that life's number behind it.
std::string name_of_life(const std::string& address, std::uint64_t id);
/// The address in such a name, or all of it.
std::string_view address_in(std::string_view name);

/// The number of a node that began with the group: the same wherever it is worked out.
std::uint64_t first_id_of(std::string_view address);

/// A number that no node has had.
Result<std::uint64_t> fresh_id();

}  // namespace orch::ha::raft
