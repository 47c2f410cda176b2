#include "cmd/command/services.h"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/pattern.h"
#include "core/base/text.h"
#include "storage/audit_store.h"

namespace orch::cmd {

namespace {

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local)};
}

Result<> append_line(const std::string& file, const std::string& line) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return fail(ErrorKind::Denied,
                fmt::format("{}: cannot open the audit log (errno {})", file, errno));
  }
  const bool whole =
      ::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(descriptor);
  if (whole) return {};
  return fail(ErrorKind::Broken, fmt::format("{}: cannot write the audit log", file));
}

}  // namespace

Result<> Services::record(std::span<const Observation> seen, SteadyPoint since) const {
  // First: what another read has brought before must not be written over this.
  if (parts_.learning) parts_.learning(seen, since);
  return instances().record(seen);
}

storage::InstanceStore Services::instances() const {
  const DiscoverySettings& discovery = config().discovery;
  return {database(),
          clock(),
          {.poll = discovery.instance_poll_seconds,
           .store_resolved = !equals_ignoring_case(discovery.hostname_resolve_method, "none")}};
}

storage::ClusterStore Services::clusters() const {
  return {database(), clock(), [this](std::string_view name) {
            return alias_by_name(config().classification, name);
          }};
}

Services Services::with(const Leadership& leadership, Progress& progress, bool colour) const {
  Services other({.config = parts_.config,
                  .live_config = parts_.live_config,
                  .clock = parts_.clock,
                  .database = parts_.database,
                  .servers = parts_.servers,
                  .leadership = leadership,
                  .progress = progress,
                  .self = parts_.self,
                  .group = parts_.group,
                  .forgetting = parts_.forgetting,
                  .learning = parts_.learning,
                  .colour = colour});
  other.running_ = running_;
  return other;
}

Services Services::for_reader(Progress& progress, bool colour) const {
  Services other = with(parts_.leadership, progress, colour);
  other.kv_ = kv_;
  return other;
}

Services Services::under(const Leadership& leadership) const {
  return with(leadership, parts_.progress, parts_.colour);
}

Services Services::on(storage::Database& database) const {
  Services other = with(parts_.leadership, parts_.progress, parts_.colour);
  other.parts_.database = &database;
  return other;
}

ReplicationRules Services::replication_rules() const {
  const OperationSettings& settings = config().operation;
  return {.verify_filters = settings.verify_replication_filters,
          .lower_version_allowed = settings.lower_replica_version_allowed,
          .reasonable_maintenance_lag = settings.reasonable_maintenance_replication_lag_seconds};
}

std::string alias_by_name(const ClassificationSettings& settings, std::string_view cluster_name) {
  for (const auto& [expression, alias] : settings.cluster_name_to_alias) {
    if (expression.empty()) continue;
    // An expression that does not compile was refused when the configuration was read.
    const Result<Pattern> pattern = Pattern::compile(expression);
    if (pattern && pattern->matches(cluster_name)) return alias;
  }
  return "";
}

void audit(const Services& services, std::string_view type, const InstanceKey& key,
           std::string_view message) {
  const GeneralSettings& settings = services.config().general;
  const std::string cluster = services.store<storage::AuditStore>().cluster_of(key).value_or("");
  const std::string text = printable(message);
  if (settings.audit_to_backend_db) {
    const Result<> saved = services.store<storage::AuditStore>().save(
        {.type = std::string(type), .key = key, .cluster_name = cluster, .message = text});
    if (!saved) log::error("audit: {}", saved.error().message);
  }
  if (settings.audit_to_syslog) {
    ::syslog(LOG_INFO | LOG_DAEMON, "auditType:%.*s instance:%s cluster:%s message:%s",
             static_cast<int>(type.size()), type.data(), to_string(key).c_str(), cluster.c_str(),
             text.c_str());
  }
  if (!settings.audit_log_file.empty()) {
    const std::string one_line = replace_all(replace_all(text, "\n", " "), "\t", " ");
    const Result<> written = append_line(
        settings.audit_log_file, fmt::format("{}\t{}\t{}\t{}\t[{}]\t{}\t\n", local_time(), type,
                                             key.hostname, key.port, cluster, one_line));
    if (!written) log::error("audit: {}", written.error().message);
  } else if (!settings.audit_to_syslog) {
    log::info("auditType:{} instance:{} cluster:{} message:{}", type, to_string(key), cluster,
              text);
  }
}

}  // namespace orch::cmd
