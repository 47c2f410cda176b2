#include "cmd/command/replies.h"

#include "core/json/json.h"

namespace orch::cmd {

Reply line_reply(std::string line) {
  Reply reply;
  reply.json = dump(Json(line));
  reply.lines.push_back(std::move(line));
  return reply;
}

Reply key_reply(const InstanceKey& key) {
  Reply reply;
  reply.lines.push_back(to_string(key));
  reply.json = dump(to_json(key));
  return reply;
}

Reply no_key_reply() {
  Reply reply;
  reply.json = dump(Json(nullptr));
  return reply;
}

Reply keys_reply(const std::vector<InstanceKey>& keys) {
  Reply reply;
  for (const InstanceKey& key : keys)
    reply.lines.push_back(to_string(key));
  reply.json = dump(to_json(keys));
  return reply;
}

Reply instances_reply(const Services& services, const std::vector<Instance>& instances) {
  const OperationSettings& settings = services.config().operation;
  Reply reply;
  ArrayText list;
  reply.table.heading = {"INSTANCE", "CLUSTER", "DEPTH", "STATUS", "LAG", "", "VERSION", "SOURCE"};
  for (const Instance& instance : instances) {
    reply.lines.push_back(to_string(instance.key));
    reply.table.rows.push_back(
        {to_string(instance.key), instance.cluster_name, std::to_string(instance.replication_depth),
         status_text(instance, settings.reasonable_maintenance_replication_lag_seconds),
         lag_status(instance), instance.server.read_only ? "ro" : "rw", instance.server.version,
         is_replica(instance) ? to_string(instance.replication.source) : "-"});
    list.add(to_json(instance, settings.reasonable_replication_lag_seconds));
  }
  reply.json = std::move(list).end();
  return reply;
}

Reply lines_reply(std::vector<std::string> lines) {
  Reply reply;
  reply.json = dump(Json(lines));
  reply.lines = std::move(lines);
  return reply;
}

}  // namespace orch::cmd
