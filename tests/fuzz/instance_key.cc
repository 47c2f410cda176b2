#include "core/model/instance_key.h"

#include <cstddef>

#include "core/model/binlog_coordinates.h"
#include "core/model/server_version.h"
#include "tests/fuzz/require.h"

namespace orch {

namespace {

void check_key(std::string_view text) {
  const auto key = parse_instance_key(text, 3306);
  if (!key) return;
  ORCH_REQUIRE(key->port != 0);
  ORCH_REQUIRE(key->hostname.find_first_of(" \t\r\n'\"`;,$&|<>()\\") == std::string::npos);
  ORCH_REQUIRE(reattached(detached(reattached(*key))) == reattached(*key));
  const InstanceKey plain = reattached(*key);
  const bool is_ipv6 = plain.hostname.find(':') != std::string::npos;
  const std::string shown =
      is_ipv6 ? '[' + plain.hostname + "]:" + std::to_string(plain.port) : to_string(plain);
  const auto again = parse_instance_key(shown, 1);
  ORCH_REQUIRE(again && *again == plain);
}

void check_coordinates(std::string_view text) {
  const auto place = parse_binlog_coordinates(text);
  if (!place) return;
  const auto again = parse_binlog_coordinates(to_string(*place));
  ORCH_REQUIRE(again && *again == *place);
  ORCH_REQUIRE(!is_before(*place, *place));
  const auto next = next_log(*place);
  ORCH_REQUIRE(!next || (is_before(*place, *next) && !is_before(*next, *place)));
}

void check_version(std::string_view text) {
  const ServerVersion version = parse_server_version(text);
  ORCH_REQUIRE(version.major >= 0 && version.minor >= 0 && version.patch >= 0);
  ORCH_REQUIRE(!is_smaller_major_version(text, text));
  ORCH_REQUIRE(!to_string(flavor_of(text, text)).empty());
}

}  // namespace

}  // namespace orch

// Keys, coordinates and versions: the short texts that name something.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  orch::check_key(text);
  orch::check_coordinates(text);
  orch::check_version(text);
  return 0;
}
