// Reads the texts in tests/scenarios/analysis: a topology, what happens, what orch concludes.
// ORCH_REWRITE_SCENARIOS=1 writes what it concludes now into them: look at the difference.

#include "core/analysis/analysis.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/base/text.h"

namespace orch {

namespace {

const TimePoint kCurtain{std::chrono::seconds(1'769'854'830)};

/// One word of a line: "down", or "lag=20", or `error="Too many connections"`.
struct Setting {
  std::string name{};
  std::string value{};
};

std::vector<Setting> settings_in(std::string_view line) {
  std::vector<Setting> settings;
  while (!(line = trim(line)).empty()) {
    const std::size_t end = line.find_first_of(" =");
    Setting setting{.name = std::string(line.substr(0, end))};
    line.remove_prefix(std::min(end, line.size()));
    if (line.starts_with("=\"")) {
      const std::size_t close = line.find('"', 2);
      REQUIRE_MESSAGE(close != std::string_view::npos, std::string(line));
      setting.value = line.substr(2, close - 2);
      line.remove_prefix(close + 1);
    } else if (line.starts_with("=")) {
      const std::size_t close = std::min(line.find(' '), line.size());
      setting.value = line.substr(1, close - 1);
      line.remove_prefix(close);
    }
    settings.push_back(std::move(setting));
  }
  return settings;
}

InstanceKey key_of(std::string_view name) {
  return {std::string(name), 3306};
}

/// The servers and all else that a scenario has said so far.
class StagedWorld {
 public:
  StagedWorld() {
    rules_.reduce_replication_analysis_count = false;
    rules_.judge_replicas = true;
    rules_.recovers_masters = rules_.recovers_intermediates = [](auto, auto) {
      return true;
    };
  }

  /// A line of the topology: its depth says whom the server follows.
  void add(std::size_t depth, std::string_view line) {
    std::vector<Setting> settings = settings_in(line);
    path_.resize(depth);
    Instance instance;
    instance.key = key_of(settings.front().name);
    instance.cluster_name = path_.empty() ? to_string(instance.key) : to_string(key_of(path_[0]));
    instance.replication_depth = static_cast<unsigned>(depth);
    instance.server.id = static_cast<std::uint32_t>(instances_.size() + 1);
    instance.server.version = "8.4.3";
    instance.server.log_bin = instance.server.log_replica_updates = true;
    instance.server.binlog_format = "ROW";
    instance.server.binlog = {"bin.000001", 1000, BinlogType::Binary};
    instance.gtid.mode = "ON";
    instance.server.read_only = depth > 0;
    if (depth > 0) follow(instance, key_of(path_.back()));
    instance.freshness.last_check_partial_success = true;
    see(instance, std::chrono::seconds(1));
    path_.push_back(settings.front().name);
    settings.erase(settings.begin());
    for (const Setting& setting : settings)
      apply(instance, setting);
    instances_.push_back(std::move(instance));
  }

  /// "db2, db3: receiver=connecting"
  void happen(std::string_view line) {
    const std::size_t colon = line.find(':');
    REQUIRE_MESSAGE(colon != std::string_view::npos, std::string(line));
    for (const std::string& name : words(line.substr(0, colon), ", ")) {
      const auto found = std::find_if(instances_.begin(), instances_.end(),
                                      [&](const Instance& i) { return i.key.hostname == name; });
      REQUIRE_MESSAGE(found != instances_.end(), name);
      for (const Setting& setting : settings_in(line.substr(colon + 1)))
        apply(*found, setting);
    }
  }

  /// "rules RecoverMasterClusterFilters=none"
  void choose(std::string_view line) {
    for (const Setting& setting : settings_in(line)) {
      const auto names_nothing = [](auto, auto) {
        return false;
      };
      if (setting.name == "RecoverMasterClusterFilters") {
        rules_.recovers_masters = names_nothing;
      } else if (setting.name == "RecoverIntermediateMasterClusterFilters") {
        rules_.recovers_intermediates = names_nothing;
      } else if (setting.name == "RecoveryIgnoreHostnameFilters") {
        rules_.ignored = [name = setting.value](std::string_view host) {
          return host == name;
        };
      } else if (setting.name == "recoveries-disabled") {
        circumstances_.recoveries_disabled = true;
      } else if (setting.name == "running") {
        circumstances_.recovering["db1:3306"] = setting.value;
      } else {
        bool* flag = flag_of(setting.name);
        REQUIRE_MESSAGE(flag != nullptr, setting.name);
        *flag = setting.value != "false";
      }
    }
  }

  [[nodiscard]] std::vector<Analysis> analyses() const {
    return analyse(Topology(instances_), circumstances_, rules_,
                   {.include_downtimed = true, .include_ignored = true}, kCurtain);
  }

 private:
  bool* flag_of(const std::string& name) {
    if (name == "EnforceExactSemiSyncReplicas") return &rules_.enforce_exact_semi_sync_replicas;
    if (name == "RecoverLockedSemiSyncMaster") return &rules_.recover_locked_semi_sync_master;
    if (name == "RecoverNonWriteableMaster") return &rules_.recover_non_writeable_master;
    if (name == "RequireReplicasToConfirmFailure")
      return &rules_.require_replicas_to_confirm_failure;
    if (name == "judge-age") return &rules_.judge_age;
    if (name == "judge-replicas") return &rules_.judge_replicas;
    if (name == "judge-sickness") return &rules_.judge_sickness;
    return nullptr;
  }

  static void see(Instance& instance, std::chrono::seconds age) {
    Freshness& freshness = instance.freshness;
    freshness.last_checked = freshness.last_attempted_check = freshness.last_seen = kCurtain - age;
  }

  static void follow(Instance& instance, const InstanceKey& source) {
    Replication& link = instance.replication;
    link.configured = true;
    link.source = source;
    link.io_running = link.sql_running = true;
    link.io_state = link.sql_state = ThreadState::Running;
    link.lag = std::chrono::seconds(0);
    instance.gtid.uses_oracle = true;
  }

  static void set_receiver(Replication& link, const std::string& how) {
    link.io_running = how == "running";
    link.io_state = how == "running"      ? ThreadState::Running
                    : how == "connecting" ? ThreadState::Other
                                          : ThreadState::Stopped;
    link.last_io_error = how == "connecting" ? "error reconnecting to master 'repl@db1:3306'" : "";
  }

  static bool apply_check(Instance& instance, const Setting& setting) {
    Freshness& freshness = instance.freshness;
    if (setting.name == "down" || setting.name == "partly-down") {
      freshness.last_checked = freshness.last_attempted_check = kCurtain - std::chrono::seconds(1);
      freshness.last_seen = kCurtain - std::chrono::seconds(60);
      freshness.last_check_partial_success = setting.name == "partly-down";
    } else if (setting.name == "up") {
      see(instance, std::chrono::seconds(1));
      freshness.last_check_partial_success = true;
    } else if (setting.name == "hangs") {
      see(instance, std::chrono::seconds(20));
      freshness.last_attempted_check = kCurtain - std::chrono::seconds(1);
    } else if (setting.name == "never-seen") {
      freshness = {.last_checked = kCurtain - std::chrono::seconds(1)};
    } else if (setting.name == "checked") {
      const std::chrono::seconds age(parse_int(setting.value).value_or(0));
      const bool well = freshness.last_seen == freshness.last_checked;
      freshness.last_checked = freshness.last_attempted_check = kCurtain - age;
      if (well) freshness.last_seen = kCurtain - age;
    } else {
      return false;
    }
    return true;
  }

  static bool apply_link(Instance& instance, const Setting& setting) {
    Replication& link = instance.replication;
    const std::chrono::seconds seconds(parse_int(setting.value).value_or(0));
    if (setting.name == "receiver") {
      set_receiver(link, setting.value);
    } else if (setting.name == "applier") {
      link.sql_running = setting.value == "running";
      link.sql_state = link.sql_running ? ThreadState::Running : ThreadState::Stopped;
    } else if (setting.name == "lag") {
      link.lag = seconds;
    } else if (setting.name == "delay") {
      link.sql_delay = seconds;
    } else if (setting.name == "heartbeat") {
      link.heartbeat = seconds;
    } else if (setting.name == "silent") {  // for so long, at the latest look
      link.silent_since = *instance.freshness.last_attempted_check - seconds;
    } else if (setting.name == "follows") {
      follow(instance, key_of(setting.value));
    } else if (setting.name == "co-master") {
      instance.is_co_master = true;
    } else if (setting.name == "gtid") {
      instance.gtid.uses_oracle = setting.value == "oracle";
      instance.gtid.uses_mariadb = setting.value == "mariadb";
      instance.gtid.uses_pseudo = setting.value == "pseudo";
    } else if (setting.name == "gtid-mode") {
      instance.gtid.mode = setting.value;
    } else if (setting.name == "errant") {
      instance.gtid.errant = setting.value;
    } else if (setting.name == "io-error") {
      link.last_io_error = setting.value;
    } else if (setting.name == "sql-error") {
      link.last_sql_error = setting.value;
    } else {
      return false;
    }
    return true;
  }

  static bool apply_server(Instance& instance, const Setting& setting) {
    if (setting.name == "read-only") {
      instance.server.read_only = setting.value != "no";
    } else if (setting.name == "logs") {
      instance.server.log_replica_updates = setting.value != "no";
    } else if (setting.name == "format") {
      instance.server.binlog_format = setting.value;
    } else if (setting.name == "version") {
      instance.server.version = setting.value;
    } else if (setting.name == "binlog-server") {
      instance.server.binlog_server = true;
    } else if (setting.name == "group") {
      instance.group.name = "group";
      instance.group.state = "ONLINE";
      instance.group.role = to_upper(setting.value);
    } else if (setting.name == "group-state") {
      instance.group.state = setting.value;
    } else if (setting.name == "members") {
      instance.group.others.clear();
      for (const std::string& name : words(setting.value, ","))
        instance.group.others.push_back(key_of(name));
    } else {
      return false;
    }
    return true;
  }

  static bool apply_semi_sync(Instance& instance, const Setting& setting) {
    SemiSync& semi_sync = instance.semi_sync;
    const auto number = static_cast<unsigned>(parse_int(setting.value).value_or(0));
    if (setting.name == "semi-sync") {  // on, off (enabled and switched off by its timeout)
      semi_sync.source_enabled = true;
      semi_sync.source_status = setting.value == "on";
    } else if (setting.name == "wants") {
      semi_sync.source_wait_for_replica_count = number;
    } else if (setting.name == "clients") {
      semi_sync.source_clients = number;
    } else if (setting.name == "waiting") {
      semi_sync.source_waiting_sessions = number;
    } else {
      return false;
    }
    return true;
  }

  void apply(Instance& instance, const Setting& setting) {
    if (apply_check(instance, setting) || apply_link(instance, setting) ||
        apply_server(instance, setting) || apply_semi_sync(instance, setting)) {
      return;
    }
    if (setting.name == "stands-still") {
      const std::chrono::seconds age(parse_int(setting.value).value_or(0));
      circumstances_.stand_still[instance.key] = {instance.server.binlog, kCurtain - age};
    } else if (setting.name == "position") {
      instance.server.binlog.log_pos = parse_int(setting.value).value_or(0);
    } else if (setting.name == "downtime") {
      instance.downtime = {.active = setting.value != "none",
                           .owner = setting.value,
                           .reason = "disk swap",
                           .end = format_time(kCurtain + std::chrono::minutes(10))};
    } else if (setting.name == "maintenance") {
      circumstances_.maintenance[instance.key] = {setting.value, "relocate"};
    } else if (setting.name == "probe-error") {
      circumstances_.probe_errors[instance.key] = setting.value;
    } else {
      REQUIRE_MESSAGE(false, "a scenario says " << setting.name);
    }
  }

  std::vector<Instance> instances_;
  std::vector<std::string> path_;
  Circumstances circumstances_;
  AnalysisRules rules_;
};

std::vector<std::string> told(const StagedWorld& world) {
  std::vector<std::string> lines;
  for (const Analysis& analysis : world.analyses()) {
    lines.push_back(fmt::format("  {} {} ({})", analysis.key.hostname, codes_text(analysis),
                                to_string(badness_of(analysis))));
    if (analysis.code == AnalysisCode::NoProblem) continue;
    if (const std::string text = evidence(analysis); !text.empty())
      lines.push_back("    seen: " + text);
    if (analysis.actionable) {
      lines.push_back(fmt::format("    does: {}", to_string(*analysis.recovery)));
    } else if (analysis.recovery) {
      lines.push_back(
          fmt::format("    not {}: {}", to_string(*analysis.recovery), analysis.why_not));
    } else {
      lines.push_back("    nothing: " + analysis.why_not);
    }
  }
  if (lines.empty()) lines.emplace_back("  nothing is wrong");
  return lines;
}

/// Runs a scenario -> its text with the conclusions that orch draws now.
std::string run_scenario(const std::string& text, std::set<std::string>& seen) {
  StagedWorld world;
  std::string now_text;
  bool in_topology = false;
  bool in_conclusion = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (in_conclusion && line.starts_with("  ")) continue;
    in_conclusion = false;
    now_text += line + "\n";
    if (line.empty() || line.starts_with("#")) {
      in_topology = false;
    } else if (line == "topology") {
      in_topology = true;
    } else if (in_topology) {
      world.add(line.find_first_not_of(' ') / 2 - 1, line);
    } else if (line == "analyze") {
      in_conclusion = true;
      for (const std::string& conclusion : told(world))
        now_text += conclusion + "\n";
      for (const Analysis& analysis : world.analyses()) {
        seen.emplace(to_string(analysis.code));
        for (const StructureCode code : analysis.structure)
          seen.emplace(to_string(code));
      }
    } else if (line.starts_with("rules ")) {
      world.choose(std::string_view(line).substr(6));
    } else {
      world.happen(line);
    }
  }
  return now_text;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::filesystem::path> scenario_files() {
  const char* root = std::getenv("ORCH_SOURCE_ROOT");
  REQUIRE(root != nullptr);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(root) /
                                                               "tests/scenarios/analysis")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_SUITE("scenarios/analysis") {
  TEST_CASE("orch concludes what the scenarios say, and every code has one") {
    const bool rewrite = std::getenv("ORCH_REWRITE_SCENARIOS") != nullptr;
    std::set<std::string> seen;
    for (const std::filesystem::path& file : scenario_files()) {
      const std::string text = read_file(file);
      const std::string now_text = run_scenario(text, seen);
      CHECK_MESSAGE(now_text == text, file.filename().string());
      if (rewrite) std::ofstream(file) << now_text;
    }
    for (const CodeTraits& code : analysis_codes()) {
      if (code.code == AnalysisCode::NoProblem) continue;
      CHECK_MESSAGE(seen.count(std::string(code.name)) == 1, code.name);
    }
    for (const StructureTraits& code : structure_codes())
      CHECK_MESSAGE(seen.count(std::string(code.name)) == 1, code.name);
  }
}

}  // namespace orch
