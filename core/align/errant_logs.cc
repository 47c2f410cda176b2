#include "core/align/errant_logs.h"

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

}  // namespace

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
