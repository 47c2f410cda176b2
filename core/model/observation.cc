#include "core/model/observation.h"

namespace orch {

void keep_untold(Observation& seen, const Instance& record) {
  const Untold& untold = seen.untold;
  const auto keep = [](bool is_untold, auto& into, const auto& from) {
    if (is_untold) into = from;
  };
  Location& location = seen.instance.location;
  keep(untold.alias, seen.instance.alias, record.alias);
  keep(untold.data_center, location.data_center, record.location.data_center);
  keep(untold.region, location.region, record.location.region);
  keep(untold.physical_environment, location.physical_environment,
       record.location.physical_environment);
  keep(untold.semi_sync_priority, seen.instance.semi_sync.priority, record.semi_sync.priority);
  keep(untold.cluster_alias, seen.detected_cluster_alias, record.suggested_cluster_alias);
}

}  // namespace orch
