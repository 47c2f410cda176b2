#include "core/plan/refactor/binary_logs.h"

#include <utility>

#include "core/plan/refactor/parts.h"

namespace orch {

constexpr std::uint64_t kMostFlushes = 1'000;

Result<std::uint64_t> flushes_until(const std::string& current, const std::string& target) {
  const auto from = log_number(current);
  const auto to = log_number(target);
  const std::string_view base = std::string_view(current).substr(0, current.rfind('.'));
  if (!from || !to || std::string_view(target).substr(0, target.rfind('.')) != base) {
    return refusal("FlushBinaryLogsTo: target log file " + target +
                   " is not one of this server, whose current log file is " + current);
  }
  if (*to < *from) {
    return refusal("FlushBinaryLogsTo: target log file " + target +
                   " is smaller than current log file " + current);
  }
  if (*to - *from > kMostFlushes) {
    return refusal("FlushBinaryLogsTo: target log file " + target + " is " +
                   std::to_string(*to - *from) + " files away; at most " +
                   std::to_string(kMostFlushes) + " are flushed at once");
  }
  return *to - *from;
}

namespace {

Result<> check_purge(const Instance& server, const Topology& topology, const std::string& up_to,
                     bool forced) {
  const std::string key = to_string(server.key);
  if (!log_number(up_to)) return refusal("'" + up_to + "' is no name of a binary log");
  if (is_before(server.server.binlog, {up_to, 0, BinlogType::Binary})) {
    return refusal(key + " has no binary log " + up_to + " yet");
  }
  if (forced) return {};
  for (const Instance* replica : topology.replicas_of(server.key)) {
    const BinlogCoordinates& applied = replica->replication.exec;
    const bool in_these = log_base(applied.log_file) == log_base(up_to);
    if (!answers(*replica) || !in_these || is_before(applied, {up_to, 0, BinlogType::Binary})) {
      return refusal("Unsafe to purge binary logs on " + key + " up to " + up_to +
                     " because replica " + to_string(replica->key) +
                     (answers(*replica) ? " has only applied up to " + to_string(applied)
                                        : " " + silence_of(*replica)));
    }
  }
  return {};
}

Step asked_step(const Instance& server, Change change) {
  return step_on(server.key, std::move(change), "as asked");
}

}  // namespace

Planner flush_binary_logs(InstanceKey server, std::string until) {
  return in_one_go(
      std::move(server),
      [until = std::move(until)](const Instance& now,
                                 const Topology&) -> Result<std::vector<Step>> {
        if (!now.server.log_bin) {
          return refusal("Instance does not have binary logs: " + to_string(now.key));
        }
        if (until.empty()) return std::vector<Step>{asked_step(now, FlushBinaryLogs{1})};
        ORCH_ASSIGN(const std::uint64_t times, flushes_until(now.server.binlog.log_file, until));
        if (times == 0) return std::vector<Step>{};
        return std::vector<Step>{asked_step(now, FlushBinaryLogs{static_cast<int>(times)})};
      });
}

Planner purge_binary_logs(InstanceKey server, std::string up_to, bool forced) {
  return in_one_go(std::move(server),
                   [up_to = std::move(up_to), forced](
                       const Instance& now, const Topology& all) -> Result<std::vector<Step>> {
                     const std::string& log =
                         up_to == "latest" ? now.server.binlog.log_file : up_to;
                     ORCH_TRY(check_purge(now, all, log, forced));
                     return std::vector<Step>{asked_step(now, PurgeBinaryLogs{log})};
                   });
}

}  // namespace orch
