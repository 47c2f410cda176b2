#include "core/model/mariadb_gtid.h"

#include <algorithm>
#include <limits>
#include <tuple>

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
    position.keep({gtid->domain, gtid->server}, {gtid->sequence, false});
  }
  return position;
}

void MariaDbGtidPos::keep(const Writer& writer, const End& end) {
  const auto [entry, is_new] = ends_.try_emplace(writer, end);
  End& kept = entry->second;
  if (is_new || end.sequence < kept.sequence) return;
  kept.own = end.own && (kept.own || end.sequence > kept.sequence);
  kept.sequence = end.sequence;
}

std::string MariaDbGtidPos::to_string() const {
  std::vector<MariaDbGtid> all = ends();
  std::stable_sort(all.begin(), all.end(), [](const MariaDbGtid& a, const MariaDbGtid& b) {
    return std::tie(a.domain, a.sequence) < std::tie(b.domain, b.sequence);
  });
  std::string text;
  for (const MariaDbGtid& gtid : all) {
    if (!text.empty()) text += ',';
    text += orch::to_string(gtid);
  }
  return text;
}

std::vector<MariaDbGtid> MariaDbGtidPos::ends() const {
  std::vector<MariaDbGtid> all;
  for (const auto& [writer, end] : ends_)
    all.push_back({writer.first, writer.second, end.sequence});
  return all;
}

std::optional<MariaDbGtid> MariaDbGtidPos::last(std::uint32_t domain) const {
  std::optional<MariaDbGtid> found;
  for (const MariaDbGtid& gtid : ends()) {
    if (gtid.domain != domain) continue;
    if (!found || found->sequence <= gtid.sequence) found = gtid;
  }
  return found;
}

MariaDbGtidPos MariaDbGtidPos::owned_by(std::uint32_t server) && {
  for (auto& [writer, end] : ends_)
    end.own = end.own || writer.second == server;
  return std::move(*this);
}

bool MariaDbGtidPos::contains(const MariaDbGtid& gtid) const {
  if (const auto own = ends_.find({gtid.domain, gtid.server}); own != ends_.end()) {
    return own->second.sequence >= gtid.sequence;
  }
  return std::any_of(ends_.begin(), ends_.end(), [&](const auto& entry) {
    const auto& [writer, end] = entry;
    return writer.first == gtid.domain && !end.own && end.sequence > gtid.sequence;
  });
}

bool MariaDbGtidPos::contains(const MariaDbGtidPos& other) const {
  return missing_from(other).empty();
}

std::vector<MariaDbGtid> MariaDbGtidPos::missing_from(const MariaDbGtidPos& other) const {
  std::vector<MariaDbGtid> missing = other.ends();
  missing.erase(std::remove_if(missing.begin(), missing.end(),
                               [&](const MariaDbGtid& gtid) { return contains(gtid); }),
                missing.end());
  return missing;
}

std::uint64_t MariaDbGtidPos::count_missing_from(const MariaDbGtidPos& other) const {
  std::uint64_t total = 0;
  for (const MariaDbGtid& gtid : missing_from(other)) {
    // The last number in the domain that is no part of what is missing here.
    std::uint64_t before = 0;
    if (const auto own = ends_.find({gtid.domain, gtid.server}); own != ends_.end()) {
      before = own->second.sequence;
    } else {
      for (const MariaDbGtid& end : united(other).ends()) {
        if (end.domain == gtid.domain && end.sequence < gtid.sequence) {
          before = std::max(before, end.sequence);
        }
      }
    }
    const std::uint64_t count = std::max<std::uint64_t>(1, gtid.sequence - before);
    total += std::min(count, std::numeric_limits<std::uint64_t>::max() - total);
  }
  return total;
}

MariaDbGtidPos MariaDbGtidPos::united(const MariaDbGtidPos& other) const {
  MariaDbGtidPos result = *this;
  for (const auto& [writer, end] : other.ends_)
    result.keep(writer, end);
  return result;
}

std::string to_string(const MariaDbGtid& gtid) {
  return std::to_string(gtid.domain) + '-' + std::to_string(gtid.server) + '-' +
         std::to_string(gtid.sequence);
}

}  // namespace orch
