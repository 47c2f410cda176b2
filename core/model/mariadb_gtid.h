#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace orch {

/// One MariaDB transaction: `domain-server-sequence`.
struct MariaDbGtid {
  std::uint32_t domain{0};
  std::uint32_t server{0};
  std::uint64_t sequence{0};

  friend bool operator==(const MariaDbGtid&, const MariaDbGtid&) = default;
};

/// A MariaDB GTID position as a value: per domain the last transaction. Source:
/// gtid_binlog_pos, gtid_slave_pos, gtid_current_pos (at most one per domain), and
/// gtid_binlog_state, which has one per domain and server (the highest sequence counts).
class MariaDbGtidPos {
 public:
  MariaDbGtidPos() = default;

  /// Reads "0-1-42,1-7-3"; "" is the empty position. Errors: InvalidInput.
  static Result<MariaDbGtidPos> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return last_.empty(); }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] const std::map<std::uint32_t, MariaDbGtid>& domains() const { return last_; }
  [[nodiscard]] std::optional<MariaDbGtid> in_domain(std::uint32_t domain) const;

  /// Whether every domain of `other` is here with at least its sequence number.
  [[nodiscard]] bool contains(const MariaDbGtidPos& other) const;
  /// Per domain the later transaction.
  [[nodiscard]] MariaDbGtidPos united(const MariaDbGtidPos& other) const;
  /// How many sequence numbers of `other`, over all domains, lie beyond this position; an upper
  /// bound on transactions, as MariaDB leaves gaps.
  [[nodiscard]] std::uint64_t missing_from(const MariaDbGtidPos& other) const;

  friend bool operator==(const MariaDbGtidPos&, const MariaDbGtidPos&) = default;

 private:
  std::map<std::uint32_t, MariaDbGtid> last_;
};

}  // namespace orch
