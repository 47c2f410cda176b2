#include "core/model/gtid_set.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "core/base/text.h"

namespace orch {

namespace {

using Intervals = std::vector<GtidInterval>;

constexpr std::int64_t kLastNumber = std::numeric_limits<std::int64_t>::max() - 1;
constexpr std::size_t kLongestTag = 32;

bool is_tag_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kLongestTag && is_tag_start(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_tag_start(c) || is_digit(c); });
}

Failure bad(std::string_view what, std::string_view part) {
  return fail(ErrorKind::InvalidInput,
              "bad GTID set: " + std::string(what) + ' ' + quoted_excerpt(part));
}

/// The text before the next separator, trimmed; takes both off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view piece = trim(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return piece;
}

std::optional<std::int64_t> parse_transaction(std::string_view text) {
  const auto number = parse_uint(trim(text));
  if (!number || *number == 0 || *number > static_cast<std::uint64_t>(kLastNumber)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*number);
}

std::optional<GtidInterval> parse_interval(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_transaction(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_transaction(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return GtidInterval{*first, *last};
}

/// Puts an interval at the end of a list; it begins at or after the beginning of the list's last.
void append(Intervals& list, GtidInterval interval) {
  if (!list.empty() && interval.first <= list.back().last + 1) {
    list.back().last = std::max(list.back().last, interval.last);
  } else {
    list.push_back(interval);
  }
}

bool begins_before(const GtidInterval& a, const GtidInterval& b) {
  return a.first < b.first;
}

/// Sorts intervals that were read in any order, and joins those that touch.
void normalize(Intervals& list) {
  if (!std::is_sorted(list.begin(), list.end(), begins_before)) {
    std::sort(list.begin(), list.end(), begins_before);
  }
  Intervals joined;
  joined.reserve(list.size());
  for (const GtidInterval& interval : list) {
    append(joined, interval);
  }
  list = std::move(joined);
}

bool contains_all(const Intervals& mine, const Intervals& theirs) {
  auto at = mine.begin();
  return std::all_of(theirs.begin(), theirs.end(), [&](const GtidInterval& wanted) {
    while (at != mine.end() && at->last < wanted.first) {
      ++at;
    }
    return at != mine.end() && at->first <= wanted.first && wanted.last <= at->last;
  });
}

Intervals united_lists(const Intervals& a, const Intervals& b) {
  Intervals merged;
  merged.reserve(a.size() + b.size());
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() || y != b.end()) {
    const bool take_x = y == b.end() || (x != a.end() && x->first <= y->first);
    append(merged, take_x ? *x++ : *y++);
  }
  return merged;
}

Intervals intersected_lists(const Intervals& a, const Intervals& b) {
  Intervals shared;
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() && y != b.end()) {
    const std::int64_t first = std::max(x->first, y->first);
    const std::int64_t last = std::min(x->last, y->last);
    if (first <= last) shared.push_back({first, last});
    x->last < y->last ? ++x : ++y;
  }
  return shared;
}

Intervals minus_lists(const Intervals& from, const Intervals& what) {
  Intervals rest;
  rest.reserve(from.size() + what.size());
  auto cut = what.begin();
  for (GtidInterval left : from) {
    while (cut != what.end() && cut->last < left.first) {
      ++cut;
    }
    for (; cut != what.end() && cut->first <= left.last; ++cut) {
      if (left.first < cut->first) rest.push_back({left.first, cut->first - 1});
      left.first = cut->last + 1;
      // A cut that goes on past this interval may reach the next one too.
      if (left.first > left.last) break;
    }
    if (left.first <= left.last) rest.push_back(left);
  }
  return rest;
}

/// Reads "uuid:1-3:tag:5" into lists that are not yet in order.
Result<> parse_part(std::string_view part, std::map<GtidOrigin, Intervals>& lists) {
  std::string_view rest = part;
  const std::string_view uuid_text = take(rest, ':');
  const auto uuid = parse_uuid(uuid_text);
  if (!uuid) return bad("not a UUID:", uuid_text);
  GtidOrigin origin{.uuid = *uuid};
  Intervals* list = nullptr;
  const bool ends_with_colon = part.ends_with(':');
  while (!rest.empty()) {
    const std::string_view token = take(rest, ':');
    if (is_tag(token)) {
      if (!list && !origin.tag.empty()) return bad("a tag without transactions in", part);
      origin.tag = to_lower(token);
      list = nullptr;
      continue;
    }
    const auto interval = parse_interval(token);
    if (!interval) return bad("not an interval or tag:", token);
    if (!list) list = &lists[origin];
    list->push_back(*interval);
  }
  if (!list || ends_with_colon) return bad("a UUID or tag without transactions in", part);
  return {};
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

}  // namespace

Result<GtidSet> GtidSet::parse(std::string_view text) {
  GtidSet set;
  while (!text.empty()) {
    const std::string_view part = take(text, ',');
    if (!part.empty()) ORCH_TRY(parse_part(part, set.intervals_));
  }
  for (auto& [origin, list] : set.intervals_) {
    normalize(list);
  }
  return set;
}

std::uint64_t GtidSet::count() const {
  std::uint64_t total = 0;
  for (const auto& [origin, list] : intervals_) {
    for (const GtidInterval& interval : list) {
      const auto length = static_cast<std::uint64_t>(interval.last - interval.first) + 1;
      total += std::min(length, std::numeric_limits<std::uint64_t>::max() - total);
    }
  }
  return total;
}

bool GtidSet::contains(const GtidSet& other) const {
  return std::all_of(other.intervals_.begin(), other.intervals_.end(), [&](const auto& theirs) {
    const auto mine = intervals_.find(theirs.first);
    return mine != intervals_.end() && contains_all(mine->second, theirs.second);
  });
}

bool GtidSet::intersects(const GtidSet& other) const {
  return !intersected(other).empty();
}

std::string GtidSet::to_string() const {
  std::string text;
  const GtidOrigin* previous = nullptr;
  for (const auto& [origin, list] : intervals_) {
    if (!previous || previous->uuid != origin.uuid) {
      if (previous) text += ',';
      text += format_uuid(origin.uuid);
    }
    if (!origin.tag.empty()) text.append(":").append(origin.tag);
    for (const GtidInterval& interval : list) {
      text.append(":").append(std::to_string(interval.first));
      if (interval.last != interval.first) text.append("-").append(std::to_string(interval.last));
    }
    previous = &origin;
  }
  return text;
}

std::vector<std::string> GtidSet::uuids() const {
  std::vector<std::string> texts;
  for (const auto& [origin, list] : intervals_) {
    std::string text = format_uuid(origin.uuid);
    if (texts.empty() || texts.back() != text) texts.push_back(std::move(text));
  }
  return texts;
}

void GtidSet::add(const GtidOrigin& origin, GtidInterval interval) {
  assert(1 <= interval.first && interval.first <= interval.last && interval.last <= kLastNumber);
  Intervals& list = intervals_[origin];
  if (list.empty() || list.back().first <= interval.first) {
    append(list, interval);
    return;
  }
  // All that touch the new interval become one with it.
  const auto begin = std::partition_point(
      list.begin(), list.end(), [&](const auto& i) { return i.last < interval.first - 1; });
  const auto end = std::partition_point(
      begin, list.end(), [&](const auto& i) { return i.first <= interval.last + 1; });
  if (begin == end) {
    list.insert(begin, interval);
    return;
  }
  begin->first = std::min(begin->first, interval.first);
  begin->last = std::max(std::prev(end)->last, interval.last);
  list.erase(std::next(begin), end);
}

void GtidSet::remove_uuid(std::string_view uuid) {
  const auto bytes = parse_uuid(uuid);
  std::erase_if(intervals_, [&](const auto& entry) { return entry.first.uuid == bytes; });
}

void GtidSet::retain_uuid(std::string_view uuid) {
  const auto bytes = parse_uuid(uuid);
  std::erase_if(intervals_, [&](const auto& entry) { return entry.first.uuid != bytes; });
}

GtidSet GtidSet::united(const GtidSet& other) const {
  GtidSet result = *this;
  for (const auto& [origin, theirs] : other.intervals_) {
    Intervals& mine = result.intervals_[origin];
    mine = mine.empty() ? theirs : united_lists(mine, theirs);
  }
  return result;
}

GtidSet GtidSet::minus(const GtidSet& other) const {
  GtidSet result;
  for (const auto& [origin, mine] : intervals_) {
    const auto theirs = other.intervals_.find(origin);
    Intervals rest = theirs == other.intervals_.end() ? mine : minus_lists(mine, theirs->second);
    if (!rest.empty()) {
      result.intervals_.emplace_hint(result.intervals_.end(), origin, std::move(rest));
    }
  }
  return result;
}

GtidSet GtidSet::intersected(const GtidSet& other) const {
  GtidSet result;
  for (const auto& [origin, mine] : intervals_) {
    const auto theirs = other.intervals_.find(origin);
    if (theirs == other.intervals_.end()) continue;
    Intervals shared = intersected_lists(mine, theirs->second);
    if (!shared.empty()) {
      result.intervals_.emplace_hint(result.intervals_.end(), origin, std::move(shared));
    }
  }
  return result;
}

std::vector<std::string> GtidSet::explode(std::size_t limit) const {
  std::vector<std::string> gtids;
  for (const auto& [origin, list] : intervals_) {
    std::string prefix = format_uuid(origin.uuid) + ':';
    if (!origin.tag.empty()) prefix += origin.tag + ':';
    for (const GtidInterval& interval : list) {
      for (std::int64_t number = interval.first; number <= interval.last; ++number) {
        if (gtids.size() >= limit) return gtids;
        gtids.push_back(prefix + std::to_string(number));
      }
    }
  }
  return gtids;
}

std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text) {
  constexpr std::size_t kLength = 36;
  if (text.size() != kLength) return std::nullopt;
  std::array<std::uint8_t, 16> uuid{};
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < uuid.size(); ++byte) {
    if (has_dash_before(byte) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at++]);
    const int low = hex_digit(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid[byte] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return uuid;
}

std::string format_uuid(const std::array<std::uint8_t, 16>& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t byte = 0; byte < uuid.size(); ++byte) {
    if (has_dash_before(byte)) text += '-';
    text += kDigits[uuid[byte] >> 4U];
    text += kDigits[uuid[byte] & 15U];
  }
  return text;
}

}  // namespace orch
