#include "cmd/serve/service.h"

#include <algorithm>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/config_check.h"
#include "cmd/command/engine.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/recovery.h"
#include "cmd/version.h"
#include "core/analysis/settings.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/keys.h"
#include "ha/completion.h"
#include "ha/recovery.h"
#include "storage/analysis_store.h"
#include "storage/metered_database.h"
#include "storage/node_store.h"
#include "storage/open.h"
#include "storage/process_token.h"
#include "storage/room.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFlushLimit{1000};
constexpr milliseconds kDrainTick{20};
/// A node that others can do without ends when its backend has failed for that long.
constexpr milliseconds kHopeless{30'000};
/// A thread that wakes up so much later than it wanted to: the whole process was stopped.
constexpr milliseconds kStandstill{1'000};
constexpr std::size_t kMostSamplesKept = 100'000;
constexpr std::size_t kMostComplaints = 100;
constexpr std::chrono::minutes kSayAgain{1};

}  // namespace

/// What recoveries say while they run goes to the log.
class Service::QuietProgress final : public Progress {
 public:
  void show(std::string_view /*line*/) override {}
  void say(std::string_view /*line*/) override {}  // steps are in the log in any case
  void note(std::string_view line) override { log::warning("{}", line); }
};

Result<std::unique_ptr<Service>> Service::start(Config config, const RunOptions& options,
                                                bool leads) {
  ORCH_TRY(choose_backend(config.backend, options));
  std::unique_ptr<Service> service(new Service(std::move(config), options, leads));
  ORCH_TRY(service->build());
  return service;
}

Service::Service(Config config, RunOptions options, bool leads)
    : options_(std::move(options)), leads_(leads), well_at_(steady_clock::now()) {
  configs_.push_back(std::make_unique<const Config>(std::move(config)));
  config_ = configs_.back().get();
}

Result<> Service::build() {
  const storage::OpenOptions open{.version = fmt::format("orch-{}", version()),
                                  .redeploy = options_.redeploy,
                                  .force_update = options_.force_update};
  const auto keep = config().discovery.discovery_collection_retention_seconds;
  query_log_ = std::make_unique<Recent<QuerySample>>(clock_, keep, kMostSamplesKept);
  write_log_ = std::make_unique<Recent<WriteSample>>(clock_, keep, kMostSamplesKept);
  ORCH_ASSIGN(auto backend, storage::open_backend(config().backend, open, clock_));
  database_ = storage::metered(std::move(backend),
                               [this](std::string_view sql, const storage::QueryTimes& times) {
                                 query_log_->add({{}, times});
                                 statements_.add(sql, !times.error.empty());
                               });
  storage::OpenOptions impatient = open;
  impatient.read_timeout = config().service.lease_milliseconds / 2;
  ORCH_ASSIGN(lease_database_, storage::open_backend(config().backend, impatient, clock_));
  self_.hostname = this_host();
  ORCH_ASSIGN(self_.token, storage::make_process_token());
  // A server that takes no writes now may take them later; a file does not change by itself.
  const bool is_file = database_->dialect().kind() == storage::Dialect::Kind::Sqlite;
  const Result<> said = say_alive();
  if (!said && is_file) return said;
  note_problem(said, "backend");
  ORCH_ASSIGN(fleet_, Fleet::open(config(), *database_, clock_));
  progress_ = std::make_unique<QuietProgress>();
  ORCH_TRY(take_place());
  services_ = std::make_unique<Services>(
      Services::Parts{.config = config(),
                      .live_config = &config_,
                      .clock = clock_,
                      .database = &coordination_->database(),
                      .servers = &fleet_->servers(),
                      .leadership = coordination_->leadership(),
                      .progress = *progress_,
                      .self = self_,
                      .group = coordination_->group(),
                      .forgetting = [this](const auto& keys) { let_go(keys); },
                      .learning = [this](auto found, auto since) { learn(found, since); },
                      .give_way =
                          [this](const auto& unseen) {
                            return give_way(unseen);
                          }});
  own_ = std::make_unique<Services>(services_->on(*database_));
  asked_ = std::make_unique<Services>(services_->under(coordination_->asked()));
  neighbours_ = std::make_unique<NeighbourReader>([this] { return read_neighbours(); });
  entries_ = std::make_unique<EntryWriter>(*services_);
  probe_log_ =
      std::make_unique<ProbeLog>(clock_, config().discovery.discovery_collection_retention_seconds);
  writes_ = std::make_unique<storage::WriteBehind>(
      [this](std::span<const Observation> seen) { return own_->instances().record(seen); },
      config().backend.instance_flush_interval_milliseconds,
      static_cast<std::size_t>(
          std::max<std::int64_t>(config().backend.instance_write_buffer_size, 1)),
      [this](const storage::WriteBehind::Batch& batch) {
        write_log_->add({{}, batch});
      });
  ORCH_ASSIGN(EngineSettings settings, engine_settings(config()));
  engine_ = std::make_unique<Engine>(std::move(settings), engine_doors(), fleet_->servers(),
                                     coordination_->watching(), clock_);
  {
    const MutexLock lock(questions_mutex_);
    questioned_ = engine_.get();
  }
  for (const std::string& seed : config().discovery.discovery_seeds) {
    if (const auto key = parse_key(*own_, seed)) {
      note_problem(own_->instances().insert_if_absent(*key), "DiscoverySeeds");
    }
  }
  ORCH_TRY(read_marks());
  ORCH_TRY(follow_backend());
  ORCH_TRY(coordination_->look_up_nodes());
  note_problem(coordination_->attempt(milliseconds(0)), "leadership");
  place_thread_ = std::thread([this] { keep_place(); });
  house_thread_ = std::thread([this] { keep_house(); });
  return {};
}

Service::~Service() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (house_thread_.joinable()) house_thread_.join();
  chores_.stop();
  resumptions_.stop();
  publications_.stop();
  entry_writing_.stop();
  if (place_thread_.joinable()) place_thread_.join();
  {
    const MutexLock lock(questions_mutex_);
    questioned_ = nullptr;
  }
  engine_.reset();
  writes_.reset();
  node_.reset();  // it may call back until then
}

Result<EngineSettings> Service::engine_settings(const Config& config) const {
  const DiscoverySettings& discovery = config.discovery;
  EngineSettings settings;
  settings.poll = discovery.instance_poll_seconds;
  settings.master_poll = config.service.master_poll_milliseconds;
  settings.probe_limit = config.backend.mysql_connect_timeout_seconds +
                         config.connection.mysql_discovery_read_timeout_seconds;
  settings.dead_factor = discovery.dead_instance_poll_seconds_multiply_factor;
  settings.dead_max = discovery.dead_instance_poll_seconds_max;
  settings.width = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(discovery.discovery_max_concurrency, 1, 10'000));
  if (discovery.dead_instance_discovery_max_concurrency > 0) {
    settings.dead_width = static_cast<std::size_t>(
        std::min<std::uint64_t>(discovery.dead_instance_discovery_max_concurrency, 10'000));
  }
  ORCH_ASSIGN(settings.ignore_hosts,
              HostFilter::compile(discovery.discovery_ignore_hostname_filters));
  ORCH_ASSIGN(settings.ignore_replicas,
              HostFilter::compile(discovery.discovery_ignore_replica_hostname_filters));
  ORCH_ASSIGN(settings.ignore_sources,
              HostFilter::compile(discovery.discovery_ignore_master_hostname_filters));
  ORCH_ASSIGN(settings.rules, analysis_rules_of(config));
  ORCH_ASSIGN(settings.cluster_name_to_alias, alias_patterns(config.classification));
  settings.watch_masters = config.service.master_watch;
  if (config.pseudo_gtid.auto_pseudo_gtid) {
    settings.pseudo_gtid_injected = [this](const std::string& cluster) {
      return entries_->has(cluster);
    };
  }
  return settings;
}

EngineDoors Service::engine_doors() {
  EngineDoors doors;
  doors.record = [this](const Observation& seen) {
    probe_log_->add(seen);
    writes_->add(seen);
  };
  if (config().recovery.write_probe) {
    doors.complete = [this](Observation& seen) {
      if (leading()) probe_writes(*services_, {&seen, 1});
    };
  }
  doors.open_link = [this](const InstanceKey& key) {
    return fleet_->watch(key, config().service.master_watch_silence_milliseconds);
  };
  doors.let_go = [this](const InstanceKey& key) {
    fleet_->forget(key);
  };
  doors.act = [this](const Analysis& analysis, SteadyPoint since) {
    act(analysis, since);
  };
  doors.may_act = [this] {
    return leading().has_value();
  };
  doors.look_after = [this](const Instance& seen) {
    if (leading()) look_after_quarantine(*services_, {&seen, 1});
  };
  doors.tell = [this](const std::string& cluster, const std::vector<Analysis>& now) {
    tell(cluster, now);
  };
  return doors;
}

// --- What fails and what is done about it ---

void Service::tell(const std::string& cluster, const std::vector<Analysis>& now) {
  std::vector<storage::AnalysedCode> codes;
  for (const Analysis& analysis : now) {
    log::warning("{} (cluster {}): {}: {}", to_string(analysis.key), cluster, codes_text(analysis),
                 evidence(analysis));
    codes.push_back({analysis.key, std::string(to_string(analysis.code))});
  }
  if (now.empty()) log::info("cluster {}: no problem", cluster);
  std::set<InstanceKey> troubled;
  for (const Analysis& analysis : now)
    troubled.insert(analysis.key);
  {
    const MutexLock lock(mutex_);
    for (const InstanceKey& key : troubled_[cluster]) {
      if (!troubled.contains(key)) codes.push_back({key, "NoProblem"});
    }
    troubled_[cluster] = std::move(troubled);
    // Written by the house thread: a slow backend must not hold up the next verdict.
    codes_.insert(codes_.end(), codes.begin(), codes.end());
  }
}

void Service::act(const Analysis& analysis, SteadyPoint since) {
  // Recoveries begin with the records: those of what was just seen.
  if (!writes_->flush(steady_clock::now() + kFlushLimit)) {
    log::warning("the backend is slow: recovering {} by older records", to_string(analysis.key));
  }
  const auto engine = RecoveryEngine::make(*services_);
  auto work = work_for(*services_, analysis, self_.hostname);
  if (!engine || !work) {
    log::error("{}", engine ? work.error().message : engine.error().message);
    return;
  }
  work->automatic = true;
  work->failing_since = since;
  const ha::Parts& parts = (*engine)->parts();
  std::string refusal;
  std::string_view outcome_word = "refused";
  if (!analysis.actionable) {
    const Result<> announced = ha::announce(parts, *work);
    if (!announced) refusal = announced.error().message;
  } else if (const Result<> agreed = others_agree(analysis); !agreed) {
    refusal = agreed.error().message;
  } else if (const auto outcome = ha::recover(parts, *work); !outcome) {
    refusal = outcome.error().message;
  } else if (outcome->left_to_next) {
    refusal = outcome->error->message;
  } else if (outcome->error) {
    refusal = outcome->error->message;
    if (outcome->id > 0) refusal = fmt::format("recovery {} failed: {}", outcome->id, refusal);
    outcome_word = "fail";
  } else {
    outcome_word = "success";
    log::warning("recovery {} of {} ({}): {} is the successor", outcome->id,
                 to_string(analysis.key), to_string(analysis.code),
                 to_string(*outcome->outcome.account.promoted));
    for (const std::string& note : ha::notes_of(*outcome))
      log::warning("recovery {}: {}", outcome->id, note);
  }
  {
    // The same again and again is said once.
    const MutexLock lock(mutex_);
    if (analysis.actionable) {
      ++recovery_counts_[{std::string(to_string(analysis.code)), std::string(outcome_word)}];
    }
    std::string& told = told_[analysis.cluster.name];
    if (!refusal.empty() && told != refusal) log::warning("{}", refusal);
    told = refusal;
  }
  look_again();
}

// --- What is done in turn ---

std::optional<Error> Service::backend_problem() const {
  const MutexLock lock(mutex_);
  return problem_;
}

std::optional<milliseconds> Service::data_age() const {
  if (watches()) return engine_->data_age();
  const MutexLock lock(mutex_);
  if (!stored_at_) return std::nullopt;
  const auto age = std::chrono::duration_cast<milliseconds>(clock_.now() - *stored_at_);
  return std::max(age, milliseconds(0));
}

void Service::note_problem(const Result<>& done, std::string_view what) {
  if (done) return;
  const std::string text = fmt::format("{}: {}", what, done.error().message);
  const SteadyPoint now = steady_clock::now();
  {
    const MutexLock lock(complaints_mutex_);
    if (complaints_.size() > kMostComplaints) complaints_.clear();
    const auto [said, fresh] = complaints_.try_emplace(text, now);
    if (!fresh && now - said->second < kSayAgain) return;
    said->second = now;
  }
  log::error("{}", text);
}

void Service::look_again() {
  {
    const MutexLock lock(mutex_);
    look_again_ = true;
  }
  woken_.notify_all();
}

milliseconds Service::unwell_for() const {
  const MutexLock lock(mutex_);
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - well_at_);
}

void Service::keep_place() {
  std::optional<Term> led;
  bool watched = watches();
  mutex_.lock();
  while (!stopping_) {
    const SteadyPoint slept_at = steady_clock::now();
    woken_.wait_for(mutex_, coordination_->period(), [this] { return stopping_; });
    if (stopping_) break;
    // What does not run, as a virtual machine that is moved, has not asked its backend either.
    const SteadyPoint now = steady_clock::now();
    const auto late = now - slept_at - coordination_->period();
    if (late > kStandstill) well_at_ = std::min(well_at_ + late, now);
    mutex_.unlock();
    const milliseconds unwell = unwell_for();
    note_problem(coordination_->attempt(unwell), "leadership");
    let_go_of_forgotten();
    // A full disk is no reason to go: it has room again some time.
    const std::optional<Error> problem = backend_problem();
    const bool is_full = problem && storage::is_for_want_of_room(*problem);
    if (coordination_->has_own_backend() && unwell >= kHopeless && !is_full && !broken()) {
      break_down(fmt::format("the backend {} has failed for {} s: others go on without this node",
                             database_->name(), unwell.count() / 1000));
    }
    const auto term = leading();
    const bool changes = std::exchange(led, term) != led;
    const bool looks = watches();
    if (looks && !watched) note_problem(catch_up(), "backend");
    watched = looks;
    if (changes) {
      const std::string why = coordination_->has_own_backend() && unwell >= ha::kUnwell
                                  ? fmt::format(": the backend {} has not answered for {} s",
                                                database_->name(), unwell.count() / 1000)
                                  : "";
      log::info("{}", led ? fmt::format("this node leads, in epoch {}", *term)
                          : "this node does not lead any more" + why);
    }
    mutex_.lock();
  }
  mutex_.unlock();
}

std::map<std::pair<std::string, std::string>, std::uint64_t> Service::recovery_counts() const {
  const MutexLock lock(mutex_);
  return recovery_counts_;
}

std::vector<QueueSamples> Service::queue_log(std::size_t count) const {
  const MutexLock lock(mutex_);
  const std::size_t skip = queue_log_.size() > count ? queue_log_.size() - count : 0;
  return {queue_log_.begin() + static_cast<std::ptrdiff_t>(skip), queue_log_.end()};
}

namespace {

/// What a running service cannot change: how it is reached, who is let in, and where it keeps its
/// records. A change to it holds after the next start. (Files of raft's certificates are read again
/// where they are.)
void keep_fixed(Config& next, const Config& now) {
  HttpSettings http = now.http;
  http.read_only = next.http.read_only;
  http.power_auth_users = next.http.power_auth_users;
  http.power_auth_groups = next.http.power_auth_groups;
  http.access_token_use_expiry_seconds = next.http.access_token_use_expiry_seconds;
  http.access_token_expiry_minutes = next.http.access_token_expiry_minutes;
  next.http = std::move(http);
  const std::chrono::seconds patience = next.backend.mysql_connect_timeout_seconds;
  const std::chrono::seconds lifetime = next.backend.mysql_connection_lifetime_seconds;
  next.backend = now.backend;
  next.backend.mysql_connect_timeout_seconds = patience;
  next.backend.mysql_connection_lifetime_seconds = lifetime;
  next.raft = now.raft;
}

bool is_same(const Config& a, const Config& b) {
  // The table of keys points to what may be written; nothing is.
  return std::ranges::all_of(config_keys(), [&](const ConfigKey& key) {
    const auto is_equal = [](const auto* of_a, const auto* of_b) {
      if constexpr (std::is_same_v<decltype(of_a), decltype(of_b)>) return *of_a == *of_b;
      return false;
    };
    return std::visit(is_equal, key.place.field(const_cast<Config&>(a)),
                      key.place.field(const_cast<Config&>(b)));
  });
}

}  // namespace

Result<> Service::reload(const std::string& extra_file) {
  LoadedConfig loaded = read_config(options_, extra_file);
  for (const ConfigProblem& problem : problems_of(loaded)) {
    if (problem.severity != Severity::Error) continue;
    return fail(ErrorKind::InvalidInput,
                "the configuration stays as it is: " + format_problem(problem));
  }
  keep_fixed(loaded.config, config());
  // All that can be wrong with it is found out before any of it holds.
  ORCH_ASSIGN(EngineSettings settings, engine_settings(loaded.config));
  if (ha::raft::Group* const group = coordination_->group()) {
    const Result<> renewed = group->renew_certificates();
    if (!renewed) {
      return fail(renewed.error().kind,
                  "the configuration stays as it is: " + renewed.error().message);
    }
  }
  ORCH_TRY(fleet_->reconfigure(loaded.config));
  {
    const MutexLock lock(mutex_);
    auto known = std::ranges::find_if(
        configs_, [&](const auto& each) { return is_same(*each, loaded.config); });
    if (known == configs_.end()) {
      known = configs_.insert(known, std::make_unique<const Config>(std::move(loaded.config)));
    }
    config_ = known->get();
  }
  engine_->reconfigure(std::move(settings));
  audit(*services_, "reload-configuration", {}, extra_file);
  return {};
}

Result<> Service::say_alive() {
  storage::Node node{.identity = self_, .mode = "HttpMode", .app_version = std::string(version())};
  {
    const MutexLock lock(mutex_);
    node.url = url_;
  }
  return storage::NodeStore(*database_, clock_).save(node);
}

void Service::announce(const std::string& url, const std::string& advertised) {
  {
    const MutexLock lock(mutex_);
    url_ = url;
  }
  coordination_->announce(advertised);
  note_problem(say_alive(), "backend");
}

void Service::withdraw() {
  {
    const MutexLock lock(mutex_);
    url_.clear();
  }
  note_problem(storage::NodeStore(*database_, clock_).drop_address(self_), "backend");
}

bool Service::recovers() const {
  return engine_->figures().recoveries > 0 || services_->running().any() ||
         resumptions_.running() + resumptions_.waiting() > 0;
}

/// Until others may lead, nobody but this node acts, and followers hand their requests on to it: it
/// goes on with all of that. Whoever took over in the middle of a recovery would have to find out
/// first how far that is.
void Service::lead_on(SteadyPoint deadline) {
  const auto goes_on = [&] {
    return recovers() && leading() && !broken() && steady_clock::now() < deadline;
  };
  if (goes_on()) log::info("a recovery runs: this node leads on until that has ended");
  while (goes_on())
    std::this_thread::sleep_for(kDrainTick);
}

void Service::drain(const std::function<void(SteadyPoint)>& end_requests) {
  const SteadyPoint deadline = steady_clock::now() + config().service.drain_seconds;
  lead_on(deadline);
  withdraw();
  // Nothing new is begun, and what people asked for is waited for as well.
  bool drained = engine_->drain(steady_clock::now());
  end_requests(deadline);
  drained = drained || engine_->drain(deadline);
  while (resumptions_.running() + resumptions_.waiting() > 0 && steady_clock::now() < deadline)
    std::this_thread::sleep_for(kDrainTick);
  if (!drained || resumptions_.running() > 0) {
    log::warning("a recovery still runs: it is left for the next leader");
  }
  note_problem(coordination_->resign(), "leadership");
}

}  // namespace orch::cmd
