#include "core/align/alignment.h"

#include <algorithm>
#include <functional>

#include "core/align/cursor.h"
#include "core/base/text.h"

namespace orch {

namespace {

std::string shown(const BinlogEvent& event) {
  return to_string(event.place) + " (" + quoted_excerpt(event.info, 120) + ")";
}

using Visit = std::function<bool(const BinlogEvent&)>;

/// Shows each event of one log, up to the end; stops when the visitor says so.
Result<> visit_file(EventLogs& logs, const std::string& file, const BinlogCoordinates& until,
                    const Visit& go_on) {
  Cursor cursor(logs, file, until);
  while (true) {
    ORCH_ASSIGN(const std::optional<BinlogEvent> event, cursor.next_in_file());
    if (!event || !go_on(*event)) return {};
  }
}

Failure twice(const BinlogEvent& event) {
  return fail(ErrorKind::Refused, "the entry at " + shown(event) +
                                      " is not unique: its text stands in that log before, too");
}

/// The one event of a log that has the text; nothing when none has. Errors: Refused, for two.
Result<std::optional<BinlogEvent>> only_one(EventLogs& logs, const std::string& file,
                                            const std::string& text) {
  std::optional<BinlogEvent> found;
  bool more = false;
  ORCH_TRY(visit_file(logs, file, logs.end(), [&](const BinlogEvent& event) {
    if (normalised(event.info) != text) return true;
    more = found.has_value();
    found = event;
    return !more;
  }));
  if (more) return twice(*found);
  return found;
}

/// The text of the first entry of a log; nothing when there is none.
Result<std::optional<std::string>> first_entry(EventLogs& logs, const std::string& file,
                                               const EntryRules& rules) {
  std::optional<std::string> found;
  ORCH_TRY(visit_file(logs, file, logs.end(), [&](const BinlogEvent& event) {
    if (rules.is_entry(event)) found = normalised(event.info);
    return !found;
  }));
  return found;
}

bool same(const BinlogEvent& a, const BinlogEvent& b) {
  return a.server_id == b.server_id && normalised(a.info) == normalised(b.info);
}

}  // namespace

Result<BinlogEvent> last_entry(EventLogs& logs, const EntryRules& rules,
                               const std::optional<BinlogCoordinates>& until, bool exhaustive) {
  const BinlogCoordinates& end = until ? *until : logs.end();
  const auto& files = logs.files();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (is_before(end, {*file, 0, end.type})) continue;
    std::optional<BinlogEvent> found;
    bool repeated = false;
    ORCH_TRY(visit_file(logs, *file, end, [&](const BinlogEvent& event) {
      if (!rules.is_entry(event)) return true;
      repeated = found && normalised(found->info) == normalised(event.info);
      found = event;
      return true;
    }));
    if (repeated) return twice(*found);
    if (found) return *std::move(found);
    if (!exhaustive) break;
  }
  return fail(ErrorKind::NotFound, "no Pseudo-GTID entry before " + to_string(end));
}

Result<BinlogEvent> find_entry(EventLogs& logs, const EntryRules& rules, const std::string& info) {
  const std::string text = normalised(info);
  std::vector<std::string> later;
  const auto& files = logs.files();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (rules.is_monotonic(text)) {
      ORCH_ASSIGN(const std::optional<std::string> first, first_entry(logs, *file, rules));
      if (first && *first > text) {
        later.push_back(*file);
        continue;
      }
    }
    ORCH_ASSIGN(std::optional<BinlogEvent> found, only_one(logs, *file, text));
    if (found) return *std::move(found);
  }
  // Clocks of masters differ: an entry may stand behind one whose text is greater.
  for (const std::string& file : later) {
    ORCH_ASSIGN(std::optional<BinlogEvent> found, only_one(logs, file, text));
    if (found) return *std::move(found);
  }
  return fail(ErrorKind::NotFound, "no entry " + quoted_excerpt(text, 120));
}

Result<Alignment> align(EventLogs& here, EventLogs& there, const EntryRules& rules,
                        const std::optional<BinlogCoordinates>& until) {
  const BinlogCoordinates& end = until ? *until : here.end();
  ORCH_ASSIGN(const BinlogEvent entry, last_entry(here, rules, until, true));
  ORCH_ASSIGN(BinlogEvent found, find_entry(there, rules, entry.info));
  Cursor ours(here, entry, end);
  Cursor theirs(there, found, there.end());
  Alignment result{{}, std::move(found), 0};
  TransactionWatch transaction;
  while (true) {
    ORCH_ASSIGN(const std::optional<BinlogEvent> mine, ours.next(rules));
    if (!mine) break;
    ORCH_ASSIGN(const std::optional<BinlogEvent> other, theirs.next(rules));
    if (!other) {
      return fail(ErrorKind::Conflict,
                  "it has more than the other one: the event at " + shown(*mine) +
                      " is behind the end of the other's log, " + to_string(there.end()));
    }
    if (!same(*mine, *other)) {
      return fail(ErrorKind::Refused, "the logs differ: the event at " + shown(*mine) +
                                          " of server id " + std::to_string(mine->server_id) +
                                          " is not that at " + shown(*other) + " of server id " +
                                          std::to_string(other->server_id));
    }
    transaction.see(*other);
    // A file of more than 4 GB: the server tells places in it that are too small.
    if (other->end_pos <= other->place.log_pos) {
      return fail(ErrorKind::Broken, "the end of the event at " + shown(*other) + " is not known");
    }
    result.below = {other->place.log_file, other->end_pos, BinlogType::Binary};
    ++result.matched;
  }
  ORCH_TRY(ours.check_at_end());
  if (result.matched == 0) {
    return fail(ErrorKind::Broken, "no event was compared behind " + shown(entry));
  }
  if (transaction.inside()) {
    return fail(ErrorKind::Refused, "it stands inside of a transaction, at " + to_string(end));
  }
  return result;
}

Result<BinlogEvent> last_applied(EventLogs& relay) {
  const auto& files = relay.files();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::optional<BinlogEvent> last;
    ORCH_TRY(visit_file(relay, *file, relay.end(), [&](const BinlogEvent& event) {
      if (!is_of_the_log(event)) last = event;
      return true;
    }));
    if (last) return *std::move(last);
  }
  return fail(ErrorKind::NotFound,
              "the relay logs hold nothing that is applied up to " + to_string(relay.end()));
}

Result<RelayMatch> find_relayed(EventLogs& there, const BinlogEvent& event) {
  const auto& files = there.files();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::optional<BinlogEvent> before;
    std::optional<BinlogEvent> found;
    std::optional<BinlogCoordinates> next;
    const BinlogCoordinates all{files.back(), kLogEnd, BinlogType::Relay};
    ORCH_TRY(visit_file(there, *file, all, [&](const BinlogEvent& other) {
      if (found) {
        next = other.place;
        return false;
      }
      if (other.end_pos == event.end_pos && other.type == event.type && same(other, event)) {
        found = other;
      } else {
        before = other;
      }
      return true;
    }));
    if (!found) continue;
    if (!next && before && before->end_pos > 0 && before->end_pos < found->end_pos) {
      // The last one: it is as long as in the log from where it came.
      next = found->place;
      next->log_pos += found->end_pos - before->end_pos;
    }
    if (next) return RelayMatch{*std::move(found), *std::move(next)};
    return fail(ErrorKind::NotFound, "nothing follows the event at " + shown(*found));
  }
  return fail(ErrorKind::NotFound, "its relay logs do not hold the event at " + shown(event));
}

Result<BinlogEvent> event_at(EventLogs& logs, const BinlogCoordinates& place) {
  std::optional<BinlogEvent> found;
  ORCH_TRY(visit_file(logs, place.log_file, {place.log_file, kLogEnd, place.type},
                      [&](const BinlogEvent& event) {
                        if (event.place.log_pos == place.log_pos) found = event;
                        return event.place.log_pos < place.log_pos;
                      }));
  if (found) return *std::move(found);
  return fail(ErrorKind::NotFound, "no event begins at " + to_string(place));
}

}  // namespace orch
