#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/model/instance_key.h"
#include "core/model/observation.h"
#include "core/net/resolver.h"
#include "core/probe/questions.h"

namespace orch {

/// What the probe takes from the configuration.
struct ProbeSettings {
  ConnectionSettings connection{};
  DiscoverySettings discovery{};
  ClassificationSettings classification{};
  std::string detect_pseudo_gtid_query{};
  std::chrono::seconds mysql_connect_timeout{2};
  std::chrono::seconds mysql_connection_lifetime{0};  ///< 0: for as long as it works
  /// Names resolved before (table hostname_resolve); may be empty. Called from probing threads.
  std::function<std::optional<std::string>(const std::string& hostname)> stored_name{};
};

/// How host names are resolved. Errors: InvalidInput, for a pattern that does not compile.
Result<ResolveSettings> resolve_settings(const DiscoverySettings& discovery);

/// How long a server that wanted TLS is asked for it at once (mixed TLS).
std::chrono::seconds tls_lifetime(const ProbeSettings& settings);

/// Whether a kept session is to make room for a new one: its time is over, or it was refused
/// something some time ago. A privilege that was granted since may hold for new sessions alone.
bool is_worn(const Capabilities& known, SteadyPoint opened, std::chrono::seconds lifetime,
             SteadyPoint now);

/// Reads servers: one connection a server, kept for the next time, and in the steady state one
/// round trip. Thread-safe.
class Prober {
 public:
  /// Errors: InvalidInput, for a pattern of the settings that does not compile.
  static Result<Prober> create(ProbeSettings settings);
  Prober(Prober&& other) noexcept;
  Prober& operator=(Prober&& other) noexcept;
  ~Prober();

  /// Reads one server anew. Never outlives `deadline`.
  [[nodiscard]] Observation probe(const InstanceKey& key, SteadyPoint deadline);

  /// Connect timeout plus MySQLDiscoveryReadTimeoutSeconds: the bound on one whole probe.
  [[nodiscard]] std::chrono::milliseconds timeout() const;
  [[nodiscard]] SteadyPoint deadline() const {
    return std::chrono::steady_clock::now() + timeout();
  }

  /// Closes what is kept for the server.
  void forget(const InstanceKey& key);
  /// From now on it reads as a new one with these settings would; reads under way end as they
  /// began. Errors: as create(); then nothing has changed.
  Result<> reconfigure(ProbeSettings settings);

 private:
  struct State;
  struct Current;
  explicit Prober(std::shared_ptr<State> state);
  static Result<std::shared_ptr<State>> make_state(ProbeSettings settings);
  [[nodiscard]] std::shared_ptr<State> state() const;

  std::unique_ptr<Current> current_;
};

}  // namespace orch
