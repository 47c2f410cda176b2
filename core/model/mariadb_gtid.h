#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

[[nodiscard]] std::string to_string(const MariaDbGtid& gtid);

/// How far a MariaDB server is, as a value: per domain, the last transaction of each server that
/// wrote there. Sources: gtid_slave_pos, gtid_binlog_pos, Gtid_IO_Pos (one per domain), and
/// gtid_binlog_state (one per domain and server). Sequence numbers are handed out per domain, but
/// two servers that write side by side hand out the same ones: a server's own transaction must not
/// hide that it lacks its source's, so that each server's are compared by themselves.
class MariaDbGtidPos {
 public:
  MariaDbGtidPos() = default;

  /// Reads "0-1-42,1-7-3"; "" is the empty position. Errors: InvalidInput.
  static Result<MariaDbGtidPos> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return ends_.empty(); }
  /// Everything that parse() needs to get the same position again, by domain and sequence.
  [[nodiscard]] std::string to_string() const;

  /// The last transaction of each server in each domain, by domain and server.
  [[nodiscard]] std::vector<MariaDbGtid> ends() const;
  /// The domain's transaction with the highest sequence (then server) number.
  [[nodiscard]] std::optional<MariaDbGtid> last(std::uint32_t domain) const;

  /// Marks what that server, whose position this is, wrote itself: it says nothing about what was
  /// received from others.
  [[nodiscard]] MariaDbGtidPos owned_by(std::uint32_t server) &&;

  /// Whether the transaction is covered: its server's in its domain reach that far; for a server
  /// without any here, somebody's that were received do (what came before a backup or a
  /// RESET MASTER).
  [[nodiscard]] bool contains(const MariaDbGtid& gtid) const;
  [[nodiscard]] bool contains(const MariaDbGtidPos& other) const;
  /// The transactions of `other` that are not here, each server's last in each domain.
  [[nodiscard]] std::vector<MariaDbGtid> missing_from(const MariaDbGtidPos& other) const;
  /// How many transactions those are at most; MariaDB leaves gaps.
  [[nodiscard]] std::uint64_t count_missing_from(const MariaDbGtidPos& other) const;
  /// Of each server the later.
  [[nodiscard]] MariaDbGtidPos united(const MariaDbGtidPos& other) const;

  friend bool operator==(const MariaDbGtidPos&, const MariaDbGtidPos&) = default;

 private:
  using Writer = std::pair<std::uint32_t, std::uint32_t>;  ///< domain, server
  struct End {
    std::uint64_t sequence{0};
    bool own{false};
    friend bool operator==(const End& a, const End& b) { return a.sequence == b.sequence; }
  };
  /// Keeps the later one; the same from a source counts as received.
  void keep(const Writer& writer, const End& end);

  std::map<Writer, End> ends_;
};

}  // namespace orch
