#include "core/execute/waiting.h"

#include <algorithm>
#include <utility>

namespace orch {

namespace {

using std::chrono::milliseconds;

/// Some six round trips lie between a receiver's login, from which on it counts as running, and the
/// answer to its request: enough for sources that are 40 ms away.
constexpr milliseconds kSeenAtWork{250};

}  // namespace

Error told_of(const InstanceKey& server, Error error) {
  const std::string name = to_string(server);
  return error.message.starts_with(name + ": ") ? error : std::move(error).within(name);
}

Result<> wait_until(const InstanceKey& server, const WaitFor& wait, WholeTransactions& servers,
                    const ExecutorSettings& settings, const std::function<bool()>& wants_to_stop) {
  const Pace& pace = settings.pace;
  const SteadyPoint end = pace.now() + wait.limit;
  SteadyPoint last_progress = pace.now();
  SteadyPoint at_work = SteadyPoint::max();  // since when
  const bool is_link = std::holds_alternative<ReplicatesFrom>(wait.condition);
  std::string last_position;
  std::string reason = "it does not answer";
  bool was_seen = false;
  milliseconds pause = kFirstPause;
  const std::string name = to_string(server);
  while (true) {
    const SteadyPoint looked = pace.now();
    const SteadyPoint probe_end = std::min(end, looked + settings.probe_limit);
    Observation seen = servers.probe(server, probe_end);
    if (seen.found()) {
      seen.instance.freshness.is_last_check_valid = true;
      const Standing now = standing(wait.condition, seen.instance);
      if (now.state == Standing::State::Never) {
        return fail(ErrorKind::Refused, name + ": " + now.reason);
      }
      const bool holds = now.state == Standing::State::Holds;
      at_work = holds ? std::min(at_work, looked) : SteadyPoint::max();
      const bool for_long = at_work <= looked - kSeenAtWork;
      if (holds && (!is_link || for_long || end - looked < kSeenAtWork)) return {};
      if (holds) pause = kSeenAtWork;
      reason = holds ? "its receiver was seen at work for a moment only" : now.reason;
      was_seen = true;
      std::string position = to_string(executed_position(seen.instance));
      if (position != last_position) last_progress = pace.now();
      last_position = std::move(position);
    } else if (seen.error && (!was_seen || pace.now() < end)) {
      // The last look has no time left, and fails for that.
      reason = seen.error->message;
      // Who hangs may answer soon; who is gone does not come back by itself.
      if (std::holds_alternative<CanBeRead>(wait.condition) && seen.error->nobody_listens) {
        return fail(told_of(server, *seen.error));
      }
    }
    const bool stalled = wait.stall_limit && pace.now() - last_progress >= *wait.stall_limit;
    if (stalled || pace.now() >= end) {
      const auto limit = stalled ? *wait.stall_limit : wait.limit;
      return fail(ErrorKind::Unreachable,
                  name + ": waited " + std::to_string(limit.count()) + "s in vain: " + reason);
    }
    const auto rest = std::chrono::duration_cast<milliseconds>(end - pace.now());
    if (wants_to_stop() || !pace.pause(std::min(pause, std::max(rest, kFirstPause)))) {
      return fail(ErrorKind::Conflict, name + ": the wait was interrupted");
    }
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace orch
