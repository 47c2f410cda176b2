#include "cmd/shadow/shadow.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cmd/cli/output.h"
#include "cmd/command/analysis_reading.h"
#include "cmd/command/observe.h"
#include "cmd/shadow/verdict.h"
#include "cmd/wire.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/probe/crawl.h"
#include "storage/downtime_store.h"
#include "storage/recovery_store.h"

namespace orch::cmd {

namespace {

/// What orchestrator's people have set, apart from the configuration.
struct TheirState {
  Verdicts verdicts{};
  std::vector<storage::DowntimeRequest> downtimes{};
  bool recoveries_disabled{false};
};

std::string string_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<TheirState> ask_them(const RemoteService& service) {
  TheirState state;
  ORCH_ASSIGN(const std::string analysis, service.get("replication-analysis"));
  ORCH_ASSIGN(const std::string instances, service.get("all-instances"));
  ORCH_ASSIGN(const std::string global, service.get("check-global-recoveries"));
  const Json answer = Json::parse(global, nullptr, false);
  state.recoveries_disabled = answer.is_object() && string_in(answer, "Details") == "disabled";
  ORCH_ASSIGN(state.verdicts, verdicts_of_api(analysis, instances, !state.recoveries_disabled));
  for (const Json& instance : Json::parse(instances, nullptr, false)) {
    const auto flag = instance.find("IsDowntimed");
    if (flag == instance.end() || !flag->is_boolean() || !flag->get<bool>()) continue;
    const Json& key = instance["Key"];
    state.downtimes.push_back(
        {.key = {string_in(key, "Hostname"), key["Port"].get<std::uint16_t>()},
         .owner = string_in(instance, "DowntimeOwner"),
         .reason = string_in(instance, "DowntimeReason"),
         .duration = std::chrono::hours(1)});
  }
  return state;
}

class Shadow {
 public:
  Shadow(Services& services, const RemoteService& service)
      : services_(services), service_(service) {}

  /// One look by each of the two. Errors: they do not answer; the backend's.
  Result<std::vector<Difference>> look() {
    ORCH_ASSIGN(const TheirState theirs, ask_them(service_));
    ORCH_TRY(follow(theirs));
    ORCH_ASSIGN(AnalysisInput input, read_analysis_input(services_));
    const auto analyses = analyse_records(services_, input, {.include_downtimed = true}, "");
    return differences(theirs.verdicts, verdicts_of(analyses, input.topology));
  }

 private:
  /// Reads all servers that either of the two knows, and takes over what people have set.
  Result<> follow(const TheirState& theirs) {
    std::set<InstanceKey> seeds;
    for (const auto& [key, verdict] : theirs.verdicts) {
      seeds.insert(key);
      // It may be dead since before this process was: then its replicas tell of it.
      ORCH_TRY(services_.instances().insert_if_absent(key));
    }
    ORCH_ASSIGN(const std::vector<InstanceKey> known, services_.instances().list_keys());
    seeds.insert(known.begin(), known.end());
    ORCH_TRY(crawl_and_record(services_, {seeds.begin(), seeds.end()}));
    auto downtimes = services_.store<storage::DowntimeStore>();
    std::set<InstanceKey> downtimed;
    for (const storage::DowntimeRequest& each : theirs.downtimes) {
      downtimed.insert(each.key);
      ORCH_TRY(downtimes.begin(each));
    }
    for (const InstanceKey& key : downtimed_) {
      if (!downtimed.contains(key)) ORCH_TRY(downtimes.end(key));
    }
    downtimed_ = std::move(downtimed);
    return storage::RecoveryStore(services_.database(), services_.clock(), services_.self())
        .save_global_switch(theirs.recoveries_disabled);
  }

  Services& services_;
  const RemoteService& service_;
  std::set<InstanceKey> downtimed_;
};

Json verdict_json(const Verdict& verdict) {
  return {{"Known", verdict.known},
          {"Codes", verdict.codes},
          {"Recovers", verdict.recovers},
          {"WhyNot", verdict.why_not}};
}

/// Says what is new since the last time.
class Report {
 public:
  Report(const Clock& clock, bool json) : clock_(clock), json_(json) {}

  /// False when it cannot be printed any more.
  bool tell(const std::vector<Difference>& now) {
    bool printed = true;
    for (const Difference& each : now) {
      const auto before = std::ranges::find(told_, each.key, &Difference::key);
      if (before == told_.end() || *before != each) printed = printed && tell_one(each, true);
    }
    for (const Difference& each : told_) {
      if (std::ranges::find(now, each.key, &Difference::key) == now.end()) {
        printed = printed && tell_one(each, false);
      }
    }
    told_ = now;
    return printed;
  }

 private:
  bool tell_one(const Difference& difference, bool differs) const {
    const std::string at = format_time(clock_.now());
    if (!json_) {
      return print(
          differs ? fmt::format("{} {}\n", at, describe(difference))
                  : fmt::format("{} {}: no difference any more\n", at, to_string(difference.key)));
    }
    Json json = {{"At", at}, {"Key", to_json(difference.key)}, {"Differs", differs}};
    if (differs) {
      json["Cluster"] =
          difference.theirs.known ? difference.theirs.cluster : difference.ours.cluster;
      json["There"] = verdict_json(difference.theirs);
      json["Here"] = verdict_json(difference.ours);
    }
    return print(dump(json) + "\n");
  }

  const Clock& clock_;
  const bool json_;
  std::vector<Difference> told_;
};

void wait(std::chrono::seconds interval) {
  const auto end = std::chrono::steady_clock::now() + interval;
  while (!stop_requested() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

int look_on(Services& services, const RemoteService& service, const ShadowOptions& options,
            std::chrono::seconds interval) {
  Shadow shadow(services, service);
  Report report(services.clock(), options.json);
  std::optional<std::vector<Difference>> before;
  bool differed = false;
  std::string trouble;
  while (!stop_requested()) {
    auto now = shadow.look();
    if (!now) {
      if (options.once) {
        complain(now.error().message);
        return exit_code(now.error().kind);
      }
      if (std::exchange(trouble, now.error().message) != now.error().message) complain(trouble);
    } else {
      trouble.clear();
      const bool sure = before.has_value() || now->empty();
      const std::vector<Difference> both =
          before ? lasting(*before, *now) : std::vector<Difference>();
      differed = differed || !both.empty();
      if (!report.tell(both)) return 1;
      if (options.once && sure) return differed ? 1 : 0;
      before = *std::move(now);
    }
    wait(interval);
  }
  return differed ? 1 : 0;
}

}  // namespace

int shadow(Config config, const ShadowOptions& options) {
  if (options.access.urls.empty()) {
    complain("shadow: name the orchestrator to compare with: --api http://HOST:3000");
    return exit_code(ErrorKind::InvalidInput);
  }
  const auto addresses = addresses_of(options.access.urls, options.access);
  const auto service = addresses ? RemoteService::choose(options.access, *addresses, false, false)
                                 : Result<RemoteService>(fail(addresses.error()));
  if (!service) {
    complain(service.error().message);
    return exit_code(service.error().kind);
  }
  const auto interval = options.interval.count() > 0
                            ? options.interval
                            : std::chrono::seconds(config.discovery.instance_poll_seconds);
  // Nothing but looking: no backend that others share, no row for a probe of writes, no audit.
  config.backend.backend_db = "sqlite";
  config.backend.sqlite3_data_file = ":memory:";
  config.recovery.write_probe = false;
  config.general.audit_log_file.clear();
  config.general.audit_to_syslog = false;
  config.general.audit_to_backend_db = false;
  TerminalProgress progress(false);
  const RunOptions run{.register_node = false};
  const auto process = Process::open(*find_command("discover"), std::move(config), run, progress);
  const Result<> ready = process ? (*process)->get_ready() : fail(process.error());
  if (!ready) {
    complain(ready.error().message);
    return exit_code(ready.error().kind);
  }
  stop_on_signals();
  return look_on((*process)->services(), *service, options, interval);
}

}  // namespace orch::cmd
