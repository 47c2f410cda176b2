#include "core/doctor/doctor.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "core/analysis/settings.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/config/named_files.h"
#include "core/execute/hook_text.h"
#include "core/json/json.h"
#include "core/plan/step.h"
#include "ha/quarantine.h"
#include "storage/circumstances.h"
#include "storage/quarantine_store.h"

namespace orch::cmd {

namespace {

constexpr std::size_t kLookAtOnce = 32;

bool is_readable_file(std::string_view path) {
  std::error_code problem;
  const std::filesystem::path file(path);
  return std::filesystem::is_regular_file(file, problem) && ::access(file.c_str(), R_OK) == 0;
}

std::vector<ConfiguredHook> hooks_of(const RecoverySettings& settings) {
  const std::pair<std::string_view, const HookEntries*> lists[] = {
      {"OnFailureDetectionProcesses", &settings.on_failure_detection_processes},
      {"PreGracefulTakeoverProcesses", &settings.pre_graceful_takeover_processes},
      {"PreFailoverProcesses", &settings.pre_failover_processes},
      {"PostMasterFailoverProcesses", &settings.post_master_failover_processes},
      {"PostIntermediateMasterFailoverProcesses",
       &settings.post_intermediate_master_failover_processes},
      {"PostFailoverProcesses", &settings.post_failover_processes},
      {"PostUnsuccessfulFailoverProcesses", &settings.post_unsuccessful_failover_processes},
      {"PostGracefulTakeoverProcesses", &settings.post_graceful_takeover_processes},
      {"PostTakeMasterProcesses", &settings.post_take_master_processes},
      {"FenceProcesses", &settings.fence_processes},
  };
  std::vector<ConfiguredHook> hooks;
  for (const auto& [key, entries] : lists) {
    for (const Hook& hook : *entries)
      hooks.push_back({key, hook.command, ends_in_ampersand(hook.command)});
  }
  return hooks;
}

/// The parts of every patient that do not depend on its servers.
struct Surgery {
  Policy policy{};
  AnalysisRules rules{};
  Circumstances circumstances{};
};

DoctorSettings settings_for(const Services& services, const Surgery& surgery,
                            const Patient& patient) {
  const Config& config = services.config();
  return {
      .recovers_masters = surgery.rules.recovers_masters(patient.name, patient.alias),
      .recovers_intermediates = surgery.rules.recovers_intermediates(patient.name, patient.alias),
      .recoveries_disabled = surgery.circumstances.recoveries_disabled,
      .ignored = surgery.rules.ignored,
      .use_super_read_only = config.connection.use_super_read_only,
      .has_credentials_query = !config.connection.replication_credentials_query.empty(),
      .fencing_policy = config.recovery.fencing_policy,
      .data_loss_policy = config.recovery.data_loss_policy,
      .shell = config.recovery.processes_shell_command,
      .hooks = hooks_of(config.recovery),
      .is_command = is_program,
      .is_file = is_readable_file};
}

/// What was just read, with what only the backend knows.
Instance with_record(Instance seen, const Instance& record) {
  seen.key = record.key;
  seen.alias = record.alias;
  seen.cluster_name = record.cluster_name;
  seen.replication_depth = record.replication_depth;
  seen.is_co_master = record.is_co_master;
  seen.promotion_rule = record.promotion_rule;
  seen.is_candidate = record.is_candidate;
  seen.incomplete = record.incomplete;
  seen.downtime = record.downtime;
  seen.freshness.is_last_check_valid = true;
  seen.freshness.is_recently_checked = seen.freshness.is_up_to_date = true;
  return seen;
}

struct Look {
  Observation seen{};
  std::optional<Examination> examined{};
};

/// Reads all members at once.
void look_at(Services& services, std::vector<Instance> records, Patient& patient) {
  std::vector<Look> looks(records.size());
  parallel_for(records.size(), kLookAtOnce, [&](std::size_t i) {
    const auto deadline = std::chrono::steady_clock::now() + probe_limit(services);
    Look& look = looks[i];
    look.seen = services.servers().probe(records[i].key, deadline);
    if (!look.seen.found()) return;
    auto examined = services.servers().examine(records[i].key, deadline);
    if (examined) {
      look.examined = *std::move(examined);
    } else if (is_full(examined.error().message)) {
      look.seen.soft_errors.insert(look.seen.soft_errors.begin(), std::move(examined).error());
    } else if (examined.error().kind != ErrorKind::NotFound) {
      look.seen.outcome = ProbeOutcome::Failed;
      look.seen.error = examined.error();
    }
  });
  for (std::size_t i = 0; i < records.size(); ++i) {
    Look& look = looks[i];
    const InstanceKey key = records[i].key;
    if (look.seen.found()) {
      for (const Error& error : look.seen.soft_errors) {
        if (is_full(error.message)) patient.full[key] = without_name(error.message, key);
      }
      const auto detected = look.seen.detected_promotion_rule;
      records[i] = with_record(std::move(look.seen.instance), records[i]);
      if (detected) records[i].promotion_rule = *detected;
    } else {
      records[i].freshness.is_last_check_valid = false;
      patient.unreached[key] =
          look.seen.error ? look.seen.error->message : "it is to be left alone";
    }
    if (look.examined) patient.examined[key] = *std::move(look.examined);
  }
  patient.topology = Topology(std::move(records));
}

/// Those who took the place of members that are in quarantine.
void look_at_successors(Services& services, const std::vector<storage::Quarantine>& quarantine,
                        const std::vector<Instance>& members, Patient& patient) {
  for (const storage::Quarantine& entry : quarantine) {
    const bool is_member = std::any_of(members.begin(), members.end(), [&](const Instance& member) {
      return member.key == entry.key;
    });
    if (!is_member) continue;
    const auto deadline = std::chrono::steady_clock::now() + probe_limit(services);
    Observation seen = services.servers().probe(entry.successor, deadline);
    std::optional<Instance>& successor = patient.quarantined[entry.key];
    if (seen.found()) successor = std::move(seen.instance);
  }
}

/// Another server has the name of one in quarantine.
void leave_out_others(const std::vector<storage::Quarantine>& quarantine, Patient& patient) {
  for (const storage::Quarantine& entry : quarantine) {
    const Instance* seen = patient.topology.find(entry.key);
    if (seen == nullptr || !answers(*seen) || ha::other_server(entry, *seen).empty()) continue;
    patient.quarantined.erase(entry.key);
  }
}

/// Who else tells the alias that the cluster's servers tell.
Result<> look_at_rivals(const Services& services, Patient& patient) {
  ORCH_ASSIGN(const std::vector<storage::AliasClaim> claims, services.clusters().list_claims());
  for (const storage::AliasClaim& claim : claims) {
    if (claim.cluster == patient.name) patient.told_alias = claim.alias;
  }
  for (const storage::AliasClaim& claim : claims) {
    if (claim.alias == patient.told_alias && claim.cluster != patient.name && !claim.kin)
      patient.rivals.emplace(claim.cluster, claim.alone);
  }
  return {};
}

Json findings_json(const Patient& patient, const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"ClusterName", patient.name},
                    {"ClusterAlias", patient.alias},
                    {"Severity", to_string(finding.badness)},
                    {"Code", finding.code},
                    {"Key", to_json(finding.server)},
                    {"What", finding.what},
                    {"Remedy", finding.remedy}});
  }
  return list;
}

std::string findings_text(const Patient& patient, const std::vector<Finding>& findings,
                          bool colour) {
  const auto count = [&](Badness badness) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& finding) { return finding.badness == badness; });
  };
  std::string text =
      fmt::format("{}{}: {} servers, {} critical, {} warnings, {} notices\n", patient.name,
                  patient.alias == patient.name ? "" : " (" + patient.alias + ")",
                  patient.topology.instances().size(), count(Badness::Critical),
                  count(Badness::Warning), count(Badness::Notice));
  for (const Finding& finding : findings) {
    const std::string_view paint = finding.badness == Badness::Critical  ? "\x1B[31m"
                                   : finding.badness == Badness::Warning ? "\x1B[33m"
                                                                         : "\x1B[36m";
    const std::string word = fmt::format("{:8}", to_string(finding.badness));
    const std::string where =
        finding.server.hostname.empty() ? "" : to_string(finding.server) + ": ";
    text += fmt::format("  {} {}\n           {}{}\n           -> {}\n",
                        colour ? fmt::format("{}{}\x1B[0m", paint, word) : word, finding.code,
                        printable(where), printable(finding.what), printable(finding.remedy));
  }
  return text;
}

Result<std::vector<std::string>> clusters_to_see(const Services& services, const Args& args) {
  if (args.instance.empty() && args.alias.empty()) return services.clusters().list_names();
  ORCH_ASSIGN(std::string cluster, cluster_argument(services, args));
  return std::vector<std::string>{std::move(cluster)};
}

Result<Reply> run_doctor(Services& services, const Args& args) {
  Surgery surgery;
  ORCH_ASSIGN(surgery.policy, policy_of(services));
  ORCH_ASSIGN(surgery.rules, analysis_rules_of(services.config()));
  ORCH_ASSIGN(
      surgery.circumstances,
      storage::read_circumstances(services.database(), services.clock(), services.clusters()));
  ORCH_ASSIGN(const std::vector<std::string> clusters, clusters_to_see(services, args));
  ORCH_ASSIGN(const std::vector<storage::Quarantine> quarantine,
              storage::QuarantineStore(services.database(), services.clock()).list());
  Reply reply;
  Json list = Json::array();
  for (const std::string& cluster : clusters) {
    Patient patient{.name = cluster,
                    .maintenance = surgery.circumstances.maintenance,
                    .policy = surgery.policy};
    ORCH_ASSIGN(patient.alias, services.clusters().alias_of(cluster));
    ORCH_TRY(look_at_rivals(services, patient));
    patient.settings = settings_for(services, surgery, patient);
    ORCH_ASSIGN(std::vector<Instance> records, services.instances().list({.cluster = cluster}));
    look_at_successors(services, quarantine, records, patient);
    services.progress().show(fmt::format("reading {} servers of {}", records.size(), cluster));
    look_at(services, std::move(records), patient);
    leave_out_others(quarantine, patient);
    services.progress().show("");
    const std::vector<Finding> findings = diagnose(patient);
    for (Json& finding : findings_json(patient, findings))
      list.push_back(std::move(finding));
    reply.text += findings_text(patient, findings, services.colour());
    reply.failed = reply.failed || std::any_of(findings.begin(), findings.end(), [](const auto& f) {
                     return f.badness >= Badness::Warning;
                   });
  }
  if (clusters.empty()) reply.text = "no cluster is known: orch discover HOST:PORT finds one\n";
  reply.json = dump(list);
  return reply;
}

}  // namespace

std::vector<Command> doctor_commands() {
  return {
      {.name = "doctor",
       .section = "Recovery",
       .help = "What would make a failover fail or lose data, before it happens; exit code 1 if "
               "there is more than notices",
       .example = "shop",
       .words = {Word::Cluster},
       .needs = Needs::Servers,
       .offer = Offer::Verb,
       .run = run_doctor},
  };
}

}  // namespace orch::cmd
