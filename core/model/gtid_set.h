#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace orch {

/// Who made a transaction: a server's (or group's) UUID and, since MySQL 8.3, a tag.
struct GtidOrigin {
  std::array<std::uint8_t, 16> uuid{};
  std::string tag{};  ///< lower case; "" for none

  friend auto operator<=>(const GtidOrigin&, const GtidOrigin&) = default;
  friend bool operator==(const GtidOrigin&, const GtidOrigin&) = default;
};

/// Transaction numbers from `first` to `last`, both included; 1 <= first <= last < 2^63 - 1.
struct GtidInterval {
  std::int64_t first{0};
  std::int64_t last{0};

  friend bool operator==(const GtidInterval&, const GtidInterval&) = default;
};

/// A MySQL GTID set as a value: intervals per origin, sorted, disjoint and not adjacent. Set
/// algebra needs no server. Text form: MySQL reference manual, "GTID Sets"; tags as of 8.3.
class GtidSet {
 public:
  GtidSet() = default;

  /// Reads a set as servers print it: any letter case, blanks and line ends between parts, empty
  /// parts, intervals in any order. Errors: InvalidInput, and the message quotes the bad part.
  static Result<GtidSet> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return intervals_.empty(); }
  /// How many transactions; saturates at the largest number.
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] bool contains(const GtidSet& other) const;
  [[nodiscard]] bool intersects(const GtidSet& other) const;

  /// Every interval of every origin, tags of one UUID together: what parse() reads.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] const std::map<GtidOrigin, std::vector<GtidInterval>>& intervals() const {
    return intervals_;
  }
  /// The UUIDs in text form, without duplicates, in order.
  [[nodiscard]] std::vector<std::string> uuids() const;

  void add(const GtidOrigin& origin, GtidInterval interval);
  /// Drops every transaction of that UUID, tagged or not; a text that is no UUID drops nothing.
  void remove_uuid(std::string_view uuid);
  /// Keeps only the transactions of that UUID.
  void retain_uuid(std::string_view uuid);

  [[nodiscard]] GtidSet united(const GtidSet& other) const;
  [[nodiscard]] GtidSet minus(const GtidSet& other) const;
  [[nodiscard]] GtidSet intersected(const GtidSet& other) const;

  /// Single GTIDs ("uuid:tag:5"), at most `limit` of them, in order.
  [[nodiscard]] std::vector<std::string> explode(std::size_t limit) const;

  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  std::map<GtidOrigin, std::vector<GtidInterval>> intervals_;
};

/// 32 hex digits in the five groups of RFC 4122, any letter case.
std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text);
std::string format_uuid(const std::array<std::uint8_t, 16>& uuid);

}  // namespace orch
