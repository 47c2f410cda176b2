#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace orch {

/// What `orch doctor` asks a server beyond a probe. What the server did not tell is nothing or "".
struct Examination {
  std::optional<std::int64_t> sync_binlog{};
  std::optional<std::int64_t> flush_log_at_trx_commit{};  ///< innodb_flush_log_at_trx_commit
  std::optional<std::chrono::seconds> net_timeout{};  ///< slave_net_timeout, replica_net_timeout
  /// Why ReplicationCredentialsQuery tells no user there; nothing when it does, or is not set.
  std::optional<std::string> credentials_trouble{};
  std::optional<std::int64_t> max_connections{};
  std::optional<std::int64_t> connections{};  ///< Threads_connected
  std::optional<bool> gtid_strict{};          ///< MariaDB: gtid_strict_mode
  /// How far the server's clock is ahead of ours.
  std::optional<std::chrono::milliseconds> clock_ahead{};
  /// MariaDB: accounts besides ours and root's that write in spite of read_only; each as
  /// 'user'@'host'.
  std::vector<std::string> unbound_accounts{};
  /// MariaDB: events that do so by the clock, as who defined them may; for people.
  std::vector<std::string> unbound_events{};
  /// MariaDB: routines that do so when somebody calls them; for people, some of them.
  std::vector<std::string> unbound_routines{};
  /// "'app'@'%' and the event a.b of x@y may go on writing there: read_only does not bind them"; ""
  /// when nobody is known.
  [[nodiscard]] std::string unbound_text() const {
    std::string all;
    for (const auto* names : {&unbound_accounts, &unbound_events, &unbound_routines}) {
      for (const std::string& name : *names)
        all += (all.empty() ? "" : " and ") + name;
    }
    return all.empty() ? all : all + " may go on writing there: read_only does not bind them";
  }
  std::size_t prepared_transactions{0};  ///< XA; those that the account may see
  std::vector<std::string> grants{};     ///< of orch's own account, as SHOW GRANTS has them
};

}  // namespace orch
