#include "core/engine/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace orch {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{100};          // how often leadership is looked at
constexpr milliseconds kLinkTick{500};      // and who is to be watched
constexpr milliseconds kShortestPause{50};  // between reads out of turn
constexpr milliseconds kMostPause{250};     // of one server
constexpr milliseconds kPatience{150};      // with a source, before its replicas are asked
constexpr milliseconds kGather{20};         // what changes together is analysed together
constexpr milliseconds kGatherCalm{250};    // where all is well and stays as it was
constexpr milliseconds kRest{1000};         // between recoveries of one cluster
constexpr std::chrono::minutes kRejected{5};
constexpr milliseconds kLate{1000};
constexpr std::size_t kUrgentAtOnce = 64;
constexpr std::size_t kRecoveriesAtOnce = 128;

/// Whether nobody could log in when the server was last looked at. A bare record was never looked
/// at: it says when it was made.
bool was_silent(const Freshness& record) {
  if (!record.last_seen && record.last_checked == record.last_attempted_check) return false;
  return !record.is_last_check_valid && !record.last_check_partial_success;
}

}  // namespace

Engine::Engine(EngineSettings settings, EngineDoors doors, Servers& servers,
               const Leadership& leadership, const Clock& clock)
    : doors_(std::move(doors)),
      servers_(servers),
      leadership_(leadership),
      clock_(clock),
      settings_(std::make_shared<const EngineSettings>(std::move(settings))),
      probes_(settings_->width),
      dead_probes_(settings_->dead_width),
      urgent_probes_(kUrgentAtOnce),
      recoveries_(kRecoveriesAtOnce) {
  {
    const MutexLock lock(mutex_);
    picture_.set_rules({settings_->cluster_name_to_alias, {}, settings_->pseudo_gtid_injected});
    picture_.set_marks({});
  }
  if (settings_->watch_masters && doors_.open_link) {
    links_ = std::make_unique<Links>(doors_.open_link,
                                     [this](const InstanceKey& key) { on_break(key); });
  }
  scheduler_ = std::thread([this] { run_schedule(); });
  analyst_ = std::thread([this] { run_analysis(); });
}

Engine::~Engine() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    draining_ = true;
  }
  schedule_changed_.notify_all();
  clusters_changed_.notify_all();
  scheduler_.join();
  analyst_.join();
  links_.reset();
  for (WorkerPool* pool : {&probes_, &dead_probes_, &urgent_probes_, &recoveries_})
    pool->stop();
}

// --- When which server is read ---

void Engine::plan(const InstanceKey& key, Schedule& schedule, SteadyPoint due) {
  due_.erase({schedule.due, key});
  schedule.due = due;
  due_.insert({due, key});
  if (due_.begin()->second == key) schedule_changed_.notify_all();
}

milliseconds Engine::interval_of(const InstanceKey& key, const Schedule& schedule) const {
  const milliseconds poll = settings_->poll;
  // A master that was lost for a moment must not be lost for minutes (DISC-23), and one that was
  // replaced must not take writes for minutes when it is back.
  if (picture_.has_replicas(key) || picture_.is_quarantined(key))
    return std::min(settings_->master_poll, poll);
  if (schedule.failures < 2) return poll;
  const double grown = static_cast<double>(poll.count()) *
                       std::pow(settings_->dead_factor, std::min(schedule.failures - 1, 64U));
  const double longest = static_cast<double>(milliseconds(settings_->dead_max).count());
  return milliseconds(static_cast<std::int64_t>(std::min(grown, std::max(longest, 1.0))));
}

/// Reads the server out of turn: soon, and the next times less and less soon.
void Engine::hurry(const InstanceKey& key) {
  const auto found = schedules_.find(key);
  if (found == schedules_.end() || found->second.running) return;
  Schedule& schedule = found->second;
  const SteadyPoint at = std::max(steady_clock::now(), schedule.seen_at + schedule.pause);
  if (at >= schedule.due) return;
  schedule.pause = std::clamp(2 * schedule.pause, kShortestPause, kMostPause);
  schedule.hurried = true;
  plan(key, schedule, at);
}

/// Something was learnt since any read that may run now had begun.
void Engine::hurry_at_once(const InstanceKey& key) {
  const auto found = schedules_.find(key);
  if (found == schedules_.end()) return;
  found->second.pause = milliseconds(0);
  found->second.again = found->second.running;
  hurry(key);
}

void Engine::watch_leadership() {
  const std::optional<Term> term = leadership_.leading();
  if (term == term_) return;
  term_ = term;
  verdicts_.clear();
  if (!term_) return;
  leading_since_ = steady_clock::now();
  for (auto& [key, schedule] : schedules_) {
    if (!schedule.running) plan(key, schedule, leading_since_);
  }
}

void Engine::start_probe(const InstanceKey& key, SteadyPoint due) {
  Schedule& schedule = schedules_.at(key);
  schedule.running = true;
  schedule.begun = steady_clock::now();
  if (schedule.failures == 0 && picture_.has_replicas(key))
    asked_sources_.emplace_back(schedule.begun, key);
  const bool is_dead = schedule.failures > 0 || schedule.was_silent;
  WorkerPool& pool = schedule.hurried ? urgent_probes_ : (is_dead ? dead_probes_ : probes_);
  schedule.hurried = false;
  pool.submit([this, key, due] { probe(key, due); });
}

/// When a source does not answer, what counts is how long its replicas hear nothing: the first look
/// at them should not wait for the end of the probe.
void Engine::be_impatient(SteadyPoint now) {
  while (!asked_sources_.empty() && asked_sources_.front().first + kPatience <= now) {
    const auto [begun, key] = asked_sources_.front();
    asked_sources_.pop_front();
    const auto found = schedules_.find(key);
    if (found == schedules_.end() || !found->second.running || found->second.begun != begun)
      continue;
    for (const InstanceKey& replica : picture_.replicas_of(key))
      hurry_at_once(replica);
  }
}

void Engine::run_schedule() {
  SteadyPoint links_at{};
  mutex_.lock();
  while (!stopping_) {
    watch_leadership();
    const SteadyPoint now = steady_clock::now();
    be_impatient(now);
    if (now >= links_at) {
      links_at = now + kLinkTick;
      find_oldest_look();
      const std::set<InstanceKey> keys =
          term_ ? picture_.living_sources() : std::set<InstanceKey>{};
      mutex_.unlock();
      if (links_) links_->watch(keys);
      mutex_.lock();
      continue;
    }
    if (term_ && !due_.empty() && due_.begin()->first <= now) {
      const auto [due, key] = *due_.begin();
      due_.erase(due_.begin());
      start_probe(key, due);
      continue;
    }
    const SteadyPoint tick = now + kTick;
    const SteadyPoint until = term_ && !due_.empty() ? std::min(tick, due_.begin()->first) : tick;
    schedule_changed_.wait_until(mutex_, until);
  }
  mutex_.unlock();
}

// --- What a look at a server changes ---

void Engine::probe(const InstanceKey& key, SteadyPoint due) {
  const TimePoint begun = clock_.now();
  if (steady_clock::now() - due > kLate) {
    const MutexLock lock(mutex_);
    ++figures_.late_probes;
  }
  Observation seen = servers_.probe(key, steady_clock::now() + settings()->probe_limit);
  if (doors_.complete && seen.found()) doors_.complete(seen);
  take(key, seen, begun);
  // It may have been forgotten meanwhile, have another name, or be no replica after all.
  let_go_unless_watched(key);
}

void Engine::let_go_unless_watched(const InstanceKey& key) {
  mutex_.lock();
  const bool watched = schedules_.contains(key);
  mutex_.unlock();
  if (!watched && doors_.let_go) doors_.let_go(key);
}

void Engine::take(const InstanceKey& key, const Observation& seen, TimePoint begun) {
  const TimePoint ended = clock_.now();
  Observation kept = seen;
  bool quarantined = false;
  {
    const MutexLock lock(mutex_);
    ++figures_.probes;
    if (!seen.found()) ++figures_.failed_probes;
    const auto found = schedules_.find(key);
    if (found == schedules_.end()) return;                 // forgotten meanwhile
    if (found->second.learnt_at >= found->second.begun) {  // it may be as it was before
      found->second.running = found->second.again = false;
      return plan(key, found->second, steady_clock::now());
    }
    if (const auto source = found->second.candidate_of) {
      // A peer that reads the binary log, and its port was guessed.
      const Instance* named = picture_.find(*source);
      const Replication& link = seen.instance.replication;
      const bool follows = seen.found() && (link.source == *source ||
                                            (named != nullptr && !named->server.uuid.empty() &&
                                             link.source_uuid == named->server.uuid));
      if (!follows) {
        schedules_.erase(found);
        rejected_[key] = steady_clock::now() + kRejected;
        return;
      }
      found->second.candidate_of.reset();
    }
    Schedule schedule = found->second;
    schedules_.erase(found);
    schedule.running = false;
    schedule.failures = seen.found() ? 0 : schedule.failures + 1;
    schedule.was_silent = false;
    schedule.seen_at = steady_clock::now();
    if (seen.found()) schedule.took = schedule.seen_at - schedule.begun;
    const milliseconds pause = is_news(seen) ? kGather : kGatherCalm;
    for (const std::string& cluster : picture_.take(seen, begun, ended))
      analyse_within(cluster, pause);
    const InstanceKey now = seen.found() ? seen.instance.key : key;
    const bool again = std::exchange(schedule.again, false);
    const auto [place, fresh] = schedules_.try_emplace(now, schedule);
    if (!fresh) return;  // it is known by its own name already
    plan(now, place->second,
         again ? schedule.seen_at : schedule.seen_at + interval_of(now, schedule));
    place->second.hurried = again;
    // Its source may have had no replica until now.
    const Instance* known = picture_.find(now);
    const auto source =
        known == nullptr ? schedules_.end() : schedules_.find(known->replication.source);
    if (source != schedules_.end() && !source->second.running) {
      const SteadyPoint wanted =
          source->second.seen_at + interval_of(source->first, source->second);
      if (wanted < source->second.due) plan(source->first, source->second, wanted);
    }
    if (seen.found()) {
      kept.instance = *picture_.find(now);
      quarantined = picture_.is_quarantined(now);
      meet(kept);
    }
    if (!term_) return;
    // Under the lock: what is being forgotten must not come back.
    if (doors_.record) doors_.record(kept);
  }
  if (quarantined && doors_.look_after) {
    recoveries_.submit([this, instance = kept.instance] { doors_.look_after(instance); });
  }
}

/// Whoever the server names is watched, too.
void Engine::meet(const Observation& seen) {
  const Instance& instance = seen.instance;
  const InstanceKey& source = instance.replication.source;
  if (!settings_->ignore_sources.matches(source.hostname, source.port)) meet_one(source, {});
  for (const InstanceKey& member : instance.group.others)
    meet_one(member, {});
  meet_one(instance.group.primary, {});
  for (const InstanceKey& replica : instance.replicas) {
    if (!settings_->ignore_replicas.matches(replica.hostname, replica.port)) meet_one(replica, {});
  }
  for (const InstanceKey& guess : seen.replica_candidates) {
    if (!settings_->ignore_replicas.matches(guess.hostname, guess.port))
      meet_one(guess, instance.key);
  }
}

void Engine::meet_one(const InstanceKey& key, const std::optional<InstanceKey>& candidate_of) {
  if (!is_valid(key) || is_detached(key) || schedules_.contains(key)) return;
  if (settings_->ignore_hosts.matches(key.hostname, key.port)) return;
  const SteadyPoint now = steady_clock::now();
  if (const auto forgotten = forgotten_.find(key); forgotten != forgotten_.end()) {
    if (forgotten->second > now) return;
    forgotten_.erase(forgotten);
  }
  if (const auto rejected = rejected_.find(key); rejected != rejected_.end()) {
    if (candidate_of && rejected->second > now) return;
    rejected_.erase(rejected);
  }
  Schedule& schedule = schedules_[key];
  schedule.candidate_of = candidate_of;
  plan(key, schedule, now);
}

void Engine::on_break(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  ++figures_.broken_links;
  hurry_at_once(key);
  for (const InstanceKey& replica : picture_.replicas_of(key))
    hurry_at_once(replica);
  schedule_changed_.notify_all();
}

// --- What is wrong, and what is done about it ---

/// Whether what was seen may change a verdict at once: all but a server that is well, as it was
/// before, in a cluster about which there is nothing to say.
bool Engine::is_news(const Observation& seen) const {
  const Instance* before = seen.found() ? picture_.find(seen.instance.key) : nullptr;
  if (before == nullptr || seen.outcome != ProbeOutcome::Clean) return true;
  if (!before->freshness.is_last_check_valid) return true;
  const auto verdict = verdicts_.find(before->cluster_name);
  if (verdict == verdicts_.end() || !verdict->second.analyses.empty()) return true;
  const Replication& then = before->replication;
  const Replication& now = seen.instance.replication;
  return then.source != now.source || then.io_state != now.io_state ||
         then.sql_state != now.sql_state ||
         before->server.read_only != seen.instance.server.read_only;
}

void Engine::analyse_within(const std::string& cluster, milliseconds pause) {
  const SteadyPoint due = steady_clock::now() + pause;
  const auto [place, fresh] = dirty_.try_emplace(cluster, due);
  if (!fresh && place->second <= due) return;
  place->second = due;
  clusters_changed_.notify_all();
}

void Engine::run_analysis() {
  mutex_.lock();
  while (!stopping_) {
    if (dirty_.empty()) {
      clusters_changed_.wait(mutex_);
      continue;
    }
    // What was read at the same time belongs together.
    const auto next =
        std::min_element(dirty_.begin(), dirty_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const SteadyPoint now = steady_clock::now();
    const SteadyPoint due = next->second;  // the wait looks at it without the lock
    if (due > now) {
      clusters_changed_.wait_until(mutex_, due);
      continue;
    }
    std::set<std::string> clusters;
    std::erase_if(dirty_, [&](const auto& each) {
      const bool is_due = each.second <= now;
      if (is_due) clusters.insert(each.first);
      return is_due;
    });
    mutex_.unlock();
    for (const std::string& cluster : clusters)
      judge(cluster);
    mutex_.lock();
  }
  mutex_.unlock();
}

void Engine::judge(const std::string& name) {
  Topology cluster;
  Circumstances circumstances;
  const TimePoint now = clock_.now();
  {
    const MutexLock lock(mutex_);
    cluster = picture_.cluster(name);
    circumstances = picture_.circumstances_of(cluster, circumstances_);
    for (const auto& [key, still] : stand_still_) {
      if (cluster.find(key) != nullptr) circumstances.stand_still[key] = still.by_clock(now);
    }
    if (const auto running = recovering_.find(name); running != recovering_.end()) {
      circumstances.recovering[name] = running->second;
    }
  }
  std::vector<Analysis> analyses =
      analyse(cluster, circumstances, settings()->rules, {.include_downtimed = true}, now);
  std::erase_if(analyses, [&](const Analysis& each) { return each.cluster.name != name; });
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    Verdict& verdict = verdicts_[name];
    std::map<std::pair<InstanceKey, AnalysisCode>, SteadyPoint> since;
    for (const Analysis& analysis : analyses) {
      const auto known = verdict.since.find({analysis.key, analysis.code});
      since[{analysis.key, analysis.code}] =
          known == verdict.since.end() ? steady_clock::now() : known->second;
    }
    for (const Instance& member : cluster.instances()) {
      if (!needs_coordinates_watched(member, circumstances)) {
        stand_still_.erase(member.key);
      } else if (BinlogRest& still = stand_still_[member.key];
                 still.at != member.server.binlog || still.since == SteadyPoint{}) {
        still = {member.server.binlog, steady_clock::now()};
      }
    }
    changed = since != verdict.since;
    verdict.since = std::move(since);
    std::erase_if(verdict.announced,
                  [&](const auto& each) { return !verdict.since.contains(each); });
    verdict.analyses = analyses;
    if (analyses.empty()) {
      for (const Instance& member : cluster.instances()) {
        if (const auto known = schedules_.find(member.key); known != schedules_.end()) {
          known->second.pause = milliseconds(0);
        }
      }
    }
    for (const Analysis& analysis : analyses) {
      sharpen(analysis);
      act_on(analysis, verdict, cluster);
    }
    if (verdict.since.empty()) verdicts_.erase(name);
  }
  if (changed && doors_.tell) doors_.tell(name, analyses);
}

/// Reads again what the verdict rests on, before anything is decided.
void Engine::sharpen(const Analysis& analysis) {
  switch (analysis.emergent) {
    case Emergent::None:
      return;
    case Emergent::ReadServer:
      return hurry(analysis.key);
    case Emergent::ReadSource:
      return hurry(analysis.source);
    case Emergent::ReadServerAndReplicas:
    case Emergent::RestartReceivers:
      hurry(analysis.key);
      for (const InstanceKey& replica : analysis.replicas)
        hurry(replica);
      return;
  }
}

bool Engine::was_read_since_leading(const Topology& cluster) const {
  return std::ranges::all_of(cluster.instances(), [this](const Instance& member) {
    const auto known = schedules_.find(member.key);
    return known == schedules_.end() || known->second.seen_at >= leading_since_;
  });
}

void Engine::act_on(const Analysis& analysis, Verdict& verdict, const Topology& cluster) {
  const std::pair key{analysis.key, analysis.code};
  const bool news = analysis.announced && !verdict.announced.contains(key);
  if (!analysis.actionable && !news) return;
  if (!term_ || draining_ || !was_read_since_leading(cluster)) return;
  if (doors_.may_act && !doors_.may_act()) return;
  const std::string& name = analysis.cluster.name;
  if (!analysis.actionable) {
    // Hooks that are told of it must not hold up a recovery.
    verdict.announced.insert(key);
    recoveries_.submit(
        [this, analysis, since = verdict.since.at(key)] { doors_.act(analysis, since); });
    return;
  }
  if (recovering_.contains(name)) return;
  if (const auto rest = rest_until_.find(name); rest != rest_until_.end()) {
    if (rest->second > steady_clock::now()) return;
    rest_until_.erase(rest);
  }
  verdict.announced.insert(key);
  recovering_[name] = fmt::format("{} of {} is being dealt with", to_string(analysis.code),
                                  to_string(analysis.key));
  std::set<InstanceKey> members;
  for (const Instance& member : cluster.instances())
    members.insert(member.key);
  recoveries_.submit([this, analysis, since = verdict.since.at(key), members = std::move(members)] {
    doors_.act(analysis, since);
    recovered(analysis.cluster.name, members);
  });
}

void Engine::recovered(const std::string& cluster, const std::set<InstanceKey>& members) {
  {
    const MutexLock lock(mutex_);
    recovering_.erase(cluster);
    rest_until_[cluster] = steady_clock::now() + kRest;
    for (const InstanceKey& member : members)
      hurry_at_once(member);
    schedule_changed_.notify_all();
  }
  recovery_ended_.notify_all();
}

// --- The doors ---

void Engine::reconfigure(EngineSettings settings) {
  const MutexLock lock(mutex_);
  settings_ = std::make_shared<const EngineSettings>(std::move(settings));
  picture_.set_rules({settings_->cluster_name_to_alias, {}, settings_->pseudo_gtid_injected});
}

void Engine::add_records(std::vector<Instance> records, bool replace) {
  const SteadyPoint now = steady_clock::now();
  for (Instance& record : records) {
    const InstanceKey key = record.key;
    if (!is_valid(key) || is_detached(key) ||
        settings_->ignore_hosts.matches(key.hostname, key.port)) {
      continue;
    }
    const auto [place, fresh] = schedules_.try_emplace(key);
    Schedule& schedule = place->second;
    forgotten_.erase(key);
    if (fresh || (replace && schedule.seen_at < leading_since_)) {
      schedule.failures = 0;
      schedule.was_silent = was_silent(record.freshness);
      picture_.forget(key);
    }
    picture_.add(std::move(record));
    schedule.candidate_of.reset();
    if (fresh) plan(key, schedule, now);
  }
}

void Engine::add(std::vector<Instance> records) {
  const MutexLock lock(mutex_);
  add_records(std::move(records), false);
}

void Engine::catch_up(std::vector<Instance> records) {
  const MutexLock lock(mutex_);
  watch_leadership();
  add_records(std::move(records), true);
}

void Engine::forget(const std::set<InstanceKey>& keys) {
  mutex_.lock();
  const SteadyPoint now = steady_clock::now();
  std::erase_if(forgotten_, [now](const auto& each) { return each.second <= now; });
  for (const InstanceKey& key : keys) {
    forgotten_[key] = now + 3 * settings_->poll;
    if (const Instance* known = picture_.find(key)) analyse_within(known->cluster_name, kGather);
    picture_.forget(key);
    stand_still_.erase(key);
    if (const auto found = schedules_.find(key); found != schedules_.end()) {
      due_.erase({found->second.due, key});
      schedules_.erase(found);
    }
  }
  mutex_.unlock();
  for (const InstanceKey& key : keys)
    let_go_unless_watched(key);
}

void Engine::set_marks(Marks marks, Circumstances circumstances) {
  const MutexLock lock(mutex_);
  picture_.set_marks(std::move(marks));
  circumstances_ = std::move(circumstances);
}

bool Engine::drain(SteadyPoint deadline) {
  mutex_.lock();
  draining_ = true;
  while (!recovering_.empty() && steady_clock::now() < deadline)
    recovery_ended_.wait_until(mutex_, deadline);
  const bool drained = recovering_.empty();
  mutex_.unlock();
  return drained;
}

void Engine::find_oldest_look() {
  oldest_look_ = steady_clock::now();
  for (const auto& [key, schedule] : schedules_) {
    if (schedule.failures == 0 && schedule.seen_at != SteadyPoint{}) {
      oldest_look_ = std::min(oldest_look_, schedule.seen_at);
    }
  }
}

}  // namespace orch
