#include "core/execute/whole_transactions.h"

#include <utility>

#include "core/align/whole_received.h"
#include "core/plan/position.h"

namespace orch {

namespace {

/// Nobody can write meanwhile.
constexpr std::chrono::milliseconds kLookLimit{1000};

/// Its receiver stands, its place counts by coordinates, and what is between the two threads lies
/// in one log of the source. However much that is: where one transaction is all of it, the applier
/// comes no nearer.
bool may_end_inside(const Instance& instance) {
  const Replication& link = instance.replication;
  return is_replica(instance) && !instance.server.binlog_server && link.channels <= 1 &&
         link.io_state == ThreadState::Stopped && !link.relay.empty() &&
         std::holds_alternative<BinlogCoordinates>(received_position(instance)) &&
         link.exec.log_file == link.read.log_file && is_before(link.exec, link.read);
}

}  // namespace

Observation WholeTransactions::probe(const InstanceKey& key, SteadyPoint deadline) {
  Observation seen = servers_.probe(key, deadline);
  if (seen.found() && may_end_inside(seen.instance)) leave_out_partial(seen.instance, deadline);
  return seen;
}

void WholeTransactions::leave_out_partial(Instance& instance, SteadyPoint deadline) {
  Replication& link = instance.replication;
  std::optional<BinlogCoordinates> whole;
  {
    const MutexLock lock(mutex_);
    const auto found = known_.find(instance.key);
    const bool same = found != known_.end() && found->second.source == link.source &&
                      found->second.read == link.read;
    if (same && !found->second.whole && found->second.exec == link.exec) return;  // in vain again
    if (same) whole = found->second.whole;
  }
  if (!whole) {
    deadline = std::min(deadline, std::chrono::steady_clock::now() + kLookLimit);
    const auto logs = servers_.open_logs(instance, BinlogType::Relay, deadline);
    auto told = logs ? whole_received(**logs, link) : fail(logs.error());
    if (told) whole = *std::move(told);
    const MutexLock lock(mutex_);
    known_[instance.key] = {link.source, link.read, link.exec, whole};
  }
  if (!whole) return;  // all of it counts, as long as nobody knows better
  if (is_before(*whole, link.exec) || !is_before(*whole, link.read)) return;
  link.partial = std::exchange(link.read, *std::move(whole));
}

}  // namespace orch
