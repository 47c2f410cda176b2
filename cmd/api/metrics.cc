#include "cmd/api/metrics.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "cmd/serve/service.h"
#include "cmd/version.h"
#include "core/json/json.h"
#include "ha/hook_lists.h"
#include "storage/recovery_store.h"

namespace orch::cmd {

namespace {

/// Bytes of memory that the process has resident; 0 where the system does not tell.
std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::string label_value(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

/// Writes families of figures in Prometheus' text format.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Number>
  void value(Number number, std::string_view labels = "") {
    text_ += labels.empty() ? fmt::format("{} {}\n", name_, number)
                            : fmt::format("{}{{{}}} {}\n", name_, labels, number);
  }
  template <typename Number>
  void one(std::string_view name, std::string_view type, std::string_view help, Number number) {
    family(name, type, help);
    value(number);
  }
  void line(std::string_view suffix, std::string_view labels, double number) {
    text_ += labels.empty() ? fmt::format("{}{} {}\n", name_, suffix, number)
                            : fmt::format("{}{}{{{}}} {}\n", name_, suffix, labels, number);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void write_analyses(Exposition& out, Service& service) {
  std::map<std::string, int> counts;
  for (const Analysis& analysis : service.engine().analyses()) {
    if (analysis.code != AnalysisCode::NoProblem) {
      ++counts[std::string(to_string(analysis.code))];
    }
    for (const StructureCode code : analysis.structure)
      ++counts[std::string(to_string(code))];
  }
  out.family("orch_analysis", "gauge", "Servers by what is wrong with them.");
  for (const auto& [code, count] : counts)
    out.value(count, fmt::format("code=\"{}\"", label_value(code)));
}

void write_probe_latency(Exposition& out, const ProbeHistogram& histogram) {
  out.family("orch_probe_seconds", "histogram", "How long looks at servers took.");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kProbeBounds.size(); ++i) {
    below += histogram.counts[i];
    out.line("_bucket", fmt::format("le=\"{}\"", kProbeBounds[i]), static_cast<double>(below));
  }
  below += histogram.counts.back();
  out.line("_bucket", "le=\"+Inf\"", static_cast<double>(below));
  out.line("_sum", "", histogram.sum_seconds);
  out.line("_count", "", static_cast<double>(below));
}

void write_hooks(Exposition& out) {
  const auto lists = ha::hook_counts();
  out.family("orch_hooks_total", "counter", "Hooks that were run, by list and outcome.");
  for (const auto& [list, counts] : lists) {
    out.value(counts.done, fmt::format("list=\"{}\",outcome=\"success\"", list));
    out.value(counts.failed, fmt::format("list=\"{}\",outcome=\"fail\"", list));
  }
  out.family("orch_hook_seconds_total", "counter", "How long hooks ran, by list.");
  for (const auto& [list, counts] : lists) {
    out.value(std::chrono::duration<double>(counts.took).count(), fmt::format("list=\"{}\"", list));
  }
}

}  // namespace

HttpResponse prometheus_metrics(Service& service) {
  const EngineFigures figures = service.engine().figures();
  const storage::WriteBehind::Figures writes = service.writes().figures();
  const auto term = service.leading();
  Exposition out;
  out.family("orch_instances", "gauge", "Known servers by state.");
  out.value(figures.servers - std::min(figures.servers, figures.dead_servers), "state=\"up\"");
  out.value(figures.dead_servers, "state=\"down\"");
  out.one("orch_probes_total", "counter", "Looks at servers.", figures.probes);
  out.one("orch_probes_failed_total", "counter", "Looks at servers that failed.",
          figures.failed_probes);
  out.one("orch_probes_late_total", "counter", "Looks that began over a second late.",
          figures.late_probes);
  write_probe_latency(out, service.probe_log().histogram());
  out.one("orch_probes_running", "gauge", "Looks under way.", figures.running);
  out.one("orch_probes_queued", "gauge", "Looks that wait for a thread.", figures.queued);
  out.one("orch_watched_links", "gauge", "Connections that are watched.", figures.links);
  out.one("orch_broken_links_total", "counter", "Watched connections that broke.",
          figures.broken_links);
  write_analyses(out, service);
  out.one("orch_recoveries_running", "gauge", "Recoveries under way.", figures.recoveries);
  out.family("orch_recoveries_total", "counter", "Automatic recoveries since the start.");
  for (const auto& [labels, count] : service.recovery_counts()) {
    out.value(count, fmt::format("analysis=\"{}\",outcome=\"{}\"", label_value(labels.first),
                                 labels.second));
  }
  write_hooks(out);
  out.one("orch_backend_writes_total", "counter", "Records written to the backend.",
          writes.written);
  out.one("orch_backend_failed_writes_total", "counter", "Batches that were not written.",
          writes.failed_writes);
  out.one("orch_backend_waiting_writes", "gauge", "Records that wait to be written.",
          writes.waiting);
  out.one("orch_backend_healthy", "gauge", "Whether the backend was written to lately.",
          service.backend_problem() ? 0 : 1);
  out.one("orch_leader", "gauge", "Whether this node leads.", term ? 1 : 0);
  out.one("orch_epoch", "gauge", "The epoch in which this node leads; 0: it does not.",
          term.value_or(Term{0}));
  out.one("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  out.family("orch_build_info", "gauge", "The version that runs.");
  out.value(1, fmt::format("version=\"{}\",commit=\"{}\"", version(), commit()));
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = out.take()};
}

std::vector<NamedFigure> named_figures(Service& service) {
  const EngineFigures figures = service.engine().figures();
  const storage::WriteBehind::Figures writes = service.writes().figures();
  const int leads = service.leading() ? 1 : 0;
  std::vector<NamedFigure> named;
  bool counters = false;
  const auto put = [&](std::string_view name, auto value) {
    named.push_back({std::string(name), static_cast<std::int64_t>(value), counters});
  };
  const bool apart = service.config().discovery.dead_instance_discovery_max_concurrency > 0;
  put("discoveries.queue_length",
      figures.queued - (apart ? std::min(figures.queued, figures.dead_queued) : 0));
  put("discoveries.recent_count", service.probe_log().since(std::chrono::seconds(1)).size());
  if (apart) put("discoveries.dead_instances_queue_length", figures.dead_queued);
  put("elect.is_elected", leads);
  put("health.is_healthy", service.backend_problem() ? 0 : 1);
  const bool raft = service.coordination().group() != nullptr;
  put("raft.is_healthy", raft && service.watches() ? 1 : 0);
  put("raft.is_leader", leads);
  put("recover.pending", figures.recoveries);
  counters = true;
  put("discoveries.attempt", figures.probes);
  put("discoveries.fail", figures.failed_probes);
  put("discoveries.instance_poll_seconds_exceeded", figures.late_probes);
  put("discoveries.dead_instances", figures.dead_servers);
  put("instance.read_topology", figures.probes);
  put("instance.write", writes.written);
  put("instance.access_denied", service.probe_log().denied());
  for (const auto& [name, count] : service.statement_counts())
    put(name, count);
  // There is no cache of its own for who wants TLS: a server's record says it.
  put("instance_tls.read_cache", 0);
  put("instance_tls.write_cache", 0);
  const std::pair<std::string_view, std::string_view> kinds[] = {
      {"dead_master", "DeadMaster"},
      {"dead_co_master", "DeadCoMaster"},
      {"dead_intermediate_master", "DeadIntermediateMaster"},
      {"dead_replication_group_member", "DeadReplicationGroupMember"}};
  for (const auto& [kind, code] : kinds) {
    std::int64_t good = 0;
    std::int64_t bad = 0;
    for (const auto& [labels, count] : service.recovery_counts()) {
      if (!labels.first.starts_with(code)) continue;
      (labels.second == "success" ? good : bad) += static_cast<std::int64_t>(count);
    }
    put(fmt::format("recover.{}.start", kind), good + bad);
    put(fmt::format("recover.{}.success", kind), good);
    put(fmt::format("recover.{}.fail", kind), bad);
  }
  std::ranges::sort(named, {}, &NamedFigure::name);
  return named;
}

HttpResponse debug_metrics(Service& service) {
  std::string body = "{\n\"cmdline\": [\"orch\",\"serve\"]";
  for (const NamedFigure& figure : named_figures(service))
    body += fmt::format(",\n\"{}\": {}", figure.name, figure.value);
  body += fmt::format(",\n\"memstats\": {{\"Sys\": {}}}\n}}\n", resident_bytes());
  return {.content_type = "application/json; charset=utf-8", .body = std::move(body)};
}

}  // namespace orch::cmd
