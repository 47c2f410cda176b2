#pragma once

#include <chrono>
#include <memory>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/config.h"
#include "core/execute/live_servers.h"
#include "core/mysql/connection.h"
#include "core/ports/watched_session.h"
#include "core/probe/prober.h"
#include "storage/database.h"

namespace orch::cmd {

/// MySQL servers, with everything that talking to them needs. Database and clock outlive it.
class Fleet {
 public:
  /// Errors: those of the probe's settings.
  static Result<std::unique_ptr<Fleet>> open(const Config& config, storage::Database& database,
                                             const Clock& clock);
  [[nodiscard]] Servers& servers() { return servers_; }
  /// A session that is only kept to see it break. Errors: those of logging in.
  [[nodiscard]] Result<std::unique_ptr<WatchedSession>> watch(const InstanceKey& key,
                                                              std::chrono::milliseconds silence);
  /// Closes what is kept for the server.
  void forget(const InstanceKey& key) { prober_.forget(key); }
  /// From now on this configuration holds. Errors: as open(); then nothing has changed.
  Result<> reconfigure(const Config& config);

 private:
  Fleet(Prober prober, const Config& config, storage::Database& database, const Clock& clock);

  storage::Database& database_;
  const Clock& clock_;
  MySqlLibrary library_;
  Prober prober_;
  LiveServers servers_;
};

}  // namespace orch::cmd
