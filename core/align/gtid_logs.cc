#include "core/align/gtid_logs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/text.h"

namespace orch {

namespace {

constexpr std::size_t kHead = 5;

/// What is in the logs before that one.
Result<GtidSet> held_before(EventLogs& logs, const std::string& file) {
  ORCH_ASSIGN(const std::vector<BinlogEvent> head, logs.page(file, {}));
  for (std::size_t i = 0; i < std::min(head.size(), kHead); ++i) {
    if (!equals_ignoring_case(head[i].type, "Previous_gtids")) continue;
    return GtidSet::parse(replace_all(head[i].info, "\n", ""));
  }
  return fail(ErrorKind::Broken, file + " does not tell what is in the logs before it");
}

/// "SET @@SESSION.GTID_NEXT= 'UUID:7'" -> "UUID:7"
std::string_view named_in(std::string_view info) {
  const std::size_t first = info.find('\'');
  const std::size_t last = info.rfind('\'');
  return first < last ? info.substr(first + 1, last - first - 1) : std::string_view{};
}

Result<GtidSet> gtids_in(EventLogs& logs, const std::string& file, ReadSoFar from) {
  GtidSet all;
  while (true) {
    ORCH_ASSIGN(const std::vector<BinlogEvent> page, logs.page(file, from));
    if (page.empty()) return all;
    std::string named;
    for (const BinlogEvent& event : page) {
      if (to_lower(event.type).starts_with("gtid"))
        named += std::string(named_in(event.info)) + ',';
    }
    ORCH_ASSIGN(const GtidSet held, GtidSet::parse(named));
    all = all.united(held);
    from = {from.events + page.size(), page.back().end_pos};
  }
}

}  // namespace

Result<GtidSet> gtids_from(EventLogs& logs, const BinlogCoordinates& place) {
  const std::vector<std::string>& files = logs.files();
  auto file = std::find(files.begin(), files.end(), place.log_file);
  if (file == files.end()) {
    return fail(ErrorKind::NotFound, "has no " + place.log_file + " any more");
  }
  GtidSet all;
  for (ReadSoFar from{0, place.log_pos}; file != files.end(); ++file, from = {}) {
    ORCH_ASSIGN(const GtidSet held, gtids_in(logs, *file, from));
    all = all.united(held);
  }
  return all;
}

Result<std::vector<std::string>> logs_holding(EventLogs& logs, const GtidSet& wanted) {
  std::vector<std::string> holding;
  GtidSet rest = wanted;  // in this log or those behind it
  const std::vector<std::string>& files = logs.files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    ORCH_ASSIGN(const GtidSet before, held_before(logs, files[i]));
    const GtidSet left = rest.minus(before);
    const bool smaller = !rest.minus(left).empty();
    if (smaller && i == 0) return fail(ErrorKind::Refused, "is already purged");
    if (smaller) holding.push_back(files[i - 1]);
    rest = left;
  }
  if (!rest.empty() && !files.empty()) holding.push_back(files.back());
  return holding;
}

}  // namespace orch
