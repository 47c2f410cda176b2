#include "core/execute/name_to_write.h"

namespace orch {

Result<std::string> name_to_write(const Instance& replica, const PointTo& target,
                                  const Topology& fresh, const ExecutorSettings& settings,
                                  SteadyPoint deadline) {
  const InstanceKey& source = target.source;
  const Instance* known = fresh.find(source);
  // Who does not answer cannot be asked whether the other name is its own.
  const bool silent = known != nullptr && !answers(*known);
  if (settings.written_name && !is_detached(source) && !silent) {
    ORCH_ASSIGN(std::string name, settings.written_name(source, deadline));
    if (name != source.hostname) return name;
  }
  if (!target.written_name.empty()) return target.written_name;
  const Replication& link = replica.replication;
  const bool stays = link.source == source && !link.source_name.empty();
  return stays ? link.source_name : source.hostname;
}

}  // namespace orch
