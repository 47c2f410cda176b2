#include "storage/columns/recovery_columns.h"

#include "core/base/text.h"
#include "storage/statements.h"

namespace orch::storage {

RecoveryRecord read_recovery(const Row& row) {
  return {.id = row.integer(0),
          .uid = row.text(1),
          .failed = read_key(row, 2),
          .analysis = row.text(4),
          .cluster_name = row.text(5),
          .cluster_alias = row.text(6),
          .affected_count = row.integer(7),
          .affected_replicas = split_keys(row.view(8)),
          .active = row.boolean(9),
          .started = row.time(10),
          .ended = row.time(11),
          .successful = row.boolean(12),
          .successor = read_key(row, 13),
          .successor_alias = row.text(15),
          .participants = split_keys(row.view(16)),
          .lost_replicas = split_keys(row.view(17)),
          .errors = words(row.view(18), "\n"),
          .acknowledged = row.boolean(19),
          .acknowledged_at = row.time(20),
          .acknowledged_by = row.text(21),
          .acknowledge_comment = row.text(22),
          .last_detection_id = row.integer(23),
          .node_hostname = row.text(24),
          .node_token = row.text(25)};
}

FailureDetection read_detection(const Row& row) {
  return {.id = row.integer(0),
          .failed = read_key(row, 1),
          .analysis = row.text(3),
          .cluster_name = row.text(4),
          .cluster_alias = row.text(5),
          .affected_count = row.integer(6),
          .affected_replicas = split_keys(row.view(7)),
          .active = row.boolean(8),
          .actionable = row.boolean(9),
          .started = row.time(10),
          .related_recovery_id = row.integer(11),
          .node_hostname = row.text(12),
          .node_token = row.text(13)};
}

}  // namespace orch::storage
