#include "core/probe/prober.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/mutex.h"
#include "core/mysql/connection.h"
#include "core/mysql/statements.h"
#include "core/mysql/tls_settings.h"
#include "core/probe/probe_rules.h"
#include "core/probe/reading.h"

namespace orch {
namespace {

using std::chrono::steady_clock;

/// Kept for the next time; more are only there when one server is probed by several at once.
constexpr std::size_t kMostKept = 2;
constexpr std::chrono::minutes kRefusalsHold{5};

}  // namespace

Result<ResolveSettings> resolve_settings(const DiscoverySettings& discovery) {
  ResolveSettings settings;
  settings.method =
      parse_resolve_method(discovery.hostname_resolve_method).value_or(ResolveMethod::Default);
  settings.expiry = discovery.expiry_hostname_resolves_minutes;
  if (const std::string& text = discovery.reject_hostname_resolve_pattern; !text.empty()) {
    auto pattern = Pattern::compile(text);
    if (!pattern) return fail(std::move(pattern).error().within("RejectHostnameResolvePattern"));
    settings.reject = *std::move(pattern);
  }
  return settings;
}

std::chrono::seconds tls_lifetime(const ProbeSettings& settings) {
  const std::uint64_t factor = settings.connection.tls_cache_ttl_factor;
  return settings.discovery.instance_poll_seconds *
         static_cast<std::int64_t>(std::min<std::uint64_t>(factor, 1'000'000));
}

bool is_worn(const Capabilities& known, SteadyPoint opened, std::chrono::seconds lifetime,
             SteadyPoint now) {
  const auto age = now - opened;
  return (lifetime.count() > 0 && age >= lifetime) ||
         (!known.refused.empty() && age >= kRefusalsHold);
}

struct Prober::State {
  struct Kept {
    Connection connection;
    Capabilities known{};
    SteadyPoint opened{steady_clock::now()};
  };
  /// What is remembered of one server between probes.
  struct Slot {
    std::vector<Kept> idle{};
    SteadyPoint tls_until{};  ///< until then it is known to want TLS
    /// Queries of the user's own that kept a probe waiting until its deadline.
    std::map<Ask, Refusal> unanswered{};
    SteadyPoint unanswered_until{};  ///< not asked until then
  };

  State(ProbeSettings from, ProbeRules compiled, ResolveSettings resolving)
      : settings(std::move(from)),
        rules(std::move(compiled)),
        resolver(std::move(resolving), settings.stored_name) {}

  std::optional<Kept> take(const InstanceKey& key);
  void give_back(const InstanceKey& key, Kept kept);
  Result<Kept> connect(const InstanceKey& key, SteadyPoint deadline, Observation& seen);
  Result<Kept> log_in(const InstanceKey& key, SteadyPoint deadline, Observation& seen);
  Observation read(Kept kept, const InstanceKey& key, SteadyPoint deadline);
  void forget(const InstanceKey& key);

  const ProbeSettings settings;
  const ProbeRules rules;
  Resolver resolver;
  Mutex mutex{};
  std::map<InstanceKey, Slot> slots ORCH_GUARDED_BY(mutex);
};

std::optional<Prober::State::Kept> Prober::State::take(const InstanceKey& key) {
  const MutexLock lock(mutex);
  const auto found = slots.find(key);
  if (found == slots.end() || found->second.idle.empty()) return std::nullopt;
  std::optional<Kept> kept(std::move(found->second.idle.back()));
  found->second.idle.pop_back();
  if (is_worn(kept->known, kept->opened, settings.mysql_connection_lifetime, steady_clock::now())) {
    return std::nullopt;
  }
  return kept;
}

void Prober::State::give_back(const InstanceKey& key, Kept kept) {
  if (!kept.connection.usable()) return;
  const MutexLock lock(mutex);
  Slot& slot = slots[key];
  if (slot.idle.size() < kMostKept) slot.idle.push_back(std::move(kept));
}

Result<Prober::State::Kept> Prober::State::connect(const InstanceKey& key, SteadyPoint deadline,
                                                   Observation& seen) {
  ORCH_ASSIGN(Kept fresh, log_in(key, deadline, seen));
  // Refused by what is no MySQL server: then its answers tell that.
  static_cast<void>(fresh.connection.query(std::string(kOwnSession), deadline));
  const MutexLock lock(mutex);
  const auto found = slots.find(key);
  if (found != slots.end() && found->second.unanswered_until > steady_clock::now()) {
    fresh.known.refused = found->second.unanswered;
  }
  return fresh;
}

Result<Prober::State::Kept> Prober::State::log_in(const InstanceKey& key, SteadyPoint deadline,
                                                  Observation& seen) {
  const ConnectionSettings& from = settings.connection;
  ConnectOptions options{.host = key.hostname,
                         .port = key.port,
                         .user = from.mysql_topology_user,
                         .password = from.mysql_topology_password,
                         .tls = tls_options(from),
                         .connect_timeout = settings.mysql_connect_timeout,
                         .max_packet = from.mysql_topology_max_allowed_packet};
  const bool mixed = options.tls.policy == TlsPolicy::Mixed;
  if (mixed) {
    const MutexLock lock(mutex);
    const auto found = slots.find(key);
    if (found != slots.end() && found->second.tls_until > steady_clock::now()) {
      options.tls.policy = TlsPolicy::Always;
    }
  }
  Result<Connection> connection = Connection::connect(options, deadline);
  if (!mixed) {
    if (!connection) return fail(std::move(connection).error());
    return Kept{*std::move(connection)};
  }
  // Only a success proves what the server wants (DISC-4).
  const bool wants_tls = connection && connection->uses_tls();
  {
    const MutexLock lock(mutex);
    slots[key].tls_until = wants_tls ? steady_clock::now() + tls_lifetime(settings) : SteadyPoint{};
  }
  if (!connection) return fail(std::move(connection).error());
  seen.tls_required = wants_tls;
  return Kept{*std::move(connection)};
}

Observation Prober::State::read(Kept kept, const InstanceKey& key, SteadyPoint deadline) {
  Observation seen = read_server(kept.connection, kept.known, key, rules, resolver, deadline);
  if (!kept.connection.usable()) {
    auto& refused = kept.known.refused;
    std::erase_if(refused, [](const auto& one) { return !is_users_own(one.first); });
    if (!refused.empty()) {
      const MutexLock lock(mutex);
      slots[key].unanswered = std::move(refused);
      slots[key].unanswered_until = steady_clock::now() + kRefusalsHold;
    }
  }
  give_back(key, std::move(kept));
  return seen;
}

struct Prober::Current {
  explicit Current(std::shared_ptr<State> first) : state(std::move(first)) {}

  Mutex mutex{};
  std::shared_ptr<State> state ORCH_GUARDED_BY(mutex);
};

Prober::Prober(std::shared_ptr<State> state)
    : current_(std::make_unique<Current>(std::move(state))) {}
Prober::Prober(Prober&& other) noexcept = default;
Prober& Prober::operator=(Prober&& other) noexcept = default;
Prober::~Prober() = default;

std::shared_ptr<Prober::State> Prober::state() const {
  const MutexLock lock(current_->mutex);
  return current_->state;
}

Result<std::shared_ptr<Prober::State>> Prober::make_state(ProbeSettings settings) {
  ORCH_ASSIGN(ProbeRules rules, ProbeRules::compile(settings.connection, settings.discovery,
                                                    settings.classification));
  rules.detect_pseudo_gtid_query = settings.detect_pseudo_gtid_query;
  ORCH_ASSIGN(ResolveSettings resolving, resolve_settings(settings.discovery));
  return std::make_shared<State>(std::move(settings), std::move(rules), std::move(resolving));
}

Result<Prober> Prober::create(ProbeSettings settings) {
  ORCH_ASSIGN(auto state, make_state(std::move(settings)));
  return Prober(std::move(state));
}

Result<> Prober::reconfigure(ProbeSettings settings) {
  ORCH_ASSIGN(auto fresh, make_state(std::move(settings)));
  const MutexLock lock(current_->mutex);
  current_->state.swap(fresh);
  return {};
}

std::chrono::milliseconds Prober::timeout() const {
  const std::shared_ptr<State> now = state();
  return now->settings.mysql_connect_timeout +
         now->settings.connection.mysql_discovery_read_timeout_seconds;
}

void Prober::forget(const InstanceKey& key) {
  state()->forget(key);
}

void Prober::State::forget(const InstanceKey& key) {
  Slot dropped;
  const MutexLock lock(mutex);
  const auto found = slots.find(key);
  if (found == slots.end()) return;
  dropped = std::move(found->second);
  slots.erase(found);
}

Observation Prober::probe(const InstanceKey& key, SteadyPoint deadline) {
  const SteadyPoint start = steady_clock::now();
  const std::shared_ptr<State> state = this->state();
  Observation seen;
  seen.asked = key;
  const auto finish = [&](Observation observation) {
    observation.tls_required = seen.tls_required;
    observation.instance.last_discovery_latency = steady_clock::now() - start;
    return observation;
  };
  if (!is_valid(key)) {
    seen.error = {ErrorKind::InvalidInput,
                  fmt::format("'{}' names no server that can be contacted", to_string(key))};
    return finish(std::move(seen));
  }
  if (std::optional<State::Kept> kept = state->take(key)) {
    const SteadyPoint answer_by =
        std::min(deadline, start + state->settings.connection.mysql_discovery_read_timeout_seconds);
    Observation again = state->read(*std::move(kept), key, answer_by);
    // The server may have closed what was kept; anything else is its answer, silence too.
    const bool stale = again.outcome == ProbeOutcome::Failed && again.error &&
                       again.error->kind == ErrorKind::Unreachable &&
                       steady_clock::now() < answer_by;
    if (!stale) return finish(std::move(again));
    state->forget(key);
  }
  Result<State::Kept> fresh = state->connect(key, deadline, seen);
  if (!fresh) {
    seen.error = std::move(fresh).error();
    return finish(std::move(seen));
  }
  return finish(state->read(*std::move(fresh), key, deadline));
}

}  // namespace orch
