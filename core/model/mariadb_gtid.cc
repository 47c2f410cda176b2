#include "core/model/mariadb_gtid.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace orch {

namespace {

std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto number = parse_uint(text);
  if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<MariaDbGtid> parse_gtid(std::string_view text) {
  const std::size_t first = text.find('-');
  const std::size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto domain = parse_id(text.substr(0, first));
  const auto server = parse_id(text.substr(first + 1, second - first - 1));
  const auto sequence = parse_uint(text.substr(second + 1));
  if (!domain || !server || !sequence) return std::nullopt;
  return MariaDbGtid{*domain, *server, *sequence};
}

/// Keeps the later of two transactions of one domain.
void keep_later(std::map<std::uint32_t, MariaDbGtid>& last, const MariaDbGtid& gtid) {
  const auto [entry, is_new] = last.try_emplace(gtid.domain, gtid);
  if (!is_new && entry->second.sequence < gtid.sequence) entry->second = gtid;
}

}  // namespace

Result<MariaDbGtidPos> MariaDbGtidPos::parse(std::string_view text) {
  MariaDbGtidPos position;
  if (trim(text).empty()) return position;
  for (const std::string_view part : split(text, ',')) {
    const auto gtid = parse_gtid(trim(part));
    if (!gtid) {
      return fail(
          ErrorKind::InvalidInput,
          "bad MariaDB GTID position: not domain-server-sequence: " + quoted_excerpt(trim(part)));
    }
    keep_later(position.last_, *gtid);
  }
  return position;
}

std::string MariaDbGtidPos::to_string() const {
  std::string text;
  for (const auto& [domain, gtid] : last_) {
    if (!text.empty()) text += ',';
    text += std::to_string(domain) + '-' + std::to_string(gtid.server) + '-' +
            std::to_string(gtid.sequence);
  }
  return text;
}

std::optional<MariaDbGtid> MariaDbGtidPos::in_domain(std::uint32_t domain) const {
  const auto entry = last_.find(domain);
  if (entry == last_.end()) return std::nullopt;
  return entry->second;
}

bool MariaDbGtidPos::contains(const MariaDbGtidPos& other) const {
  return std::all_of(other.last_.begin(), other.last_.end(), [&](const auto& theirs) {
    const auto mine = last_.find(theirs.first);
    return mine != last_.end() && mine->second.sequence >= theirs.second.sequence;
  });
}

MariaDbGtidPos MariaDbGtidPos::united(const MariaDbGtidPos& other) const {
  MariaDbGtidPos result = *this;
  for (const auto& [domain, gtid] : other.last_) {
    keep_later(result.last_, gtid);
  }
  return result;
}

std::uint64_t MariaDbGtidPos::missing_from(const MariaDbGtidPos& other) const {
  std::uint64_t total = 0;
  for (const auto& [domain, theirs] : other.last_) {
    const auto mine = last_.find(domain);
    const std::uint64_t have = mine == last_.end() ? 0 : mine->second.sequence;
    if (theirs.sequence <= have) continue;
    const std::uint64_t missing = theirs.sequence - have;
    total += std::min(missing, std::numeric_limits<std::uint64_t>::max() - total);
  }
  return total;
}

}  // namespace orch
