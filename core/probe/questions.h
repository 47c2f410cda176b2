#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/result.h"
#include "core/model/server_version.h"
#include "core/mysql/sql_session.h"
#include "core/probe/probe_rules.h"

namespace orch {

/// What a probe asks, in the order of asking: what must be answered, what should be, what may be
/// refused, and last what the user made up.
enum class Ask {
  Variables,
  LongVariables,
  ReplicaStatus,
  BinlogStatus,
  Status,
  GroupMembers,
  Heartbeats,
  PurgedGtids,
  TemporaryTables,
  RegisteredReplicas,
  DumpThreads,
  ReplicationUser,
  NdbNodes,
  Lag,
  DataCenter,
  Region,
  PhysicalEnvironment,
  InstanceAlias,
  SemiSyncEnforced,
  PseudoGtid,
  PromotionRule,
  ClusterAlias,
  ClusterDomain,
};

[[nodiscard]] constexpr bool is_users_own(Ask ask) {
  return ask >= Ask::Lag;
}

/// What is known of a server for as long as one session lasts.
struct Capabilities {
  Flavor flavor{Flavor::Unknown};
  ServerVersion version{};
  bool ndb{false};
  std::optional<SteadyPoint> learnt{};   ///< when the variables were listed
  std::vector<std::string> variables{};  ///< which of those wanted exist
  std::string version_text{};
  bool semi_sync_on{true};  ///< either side; its counters say nothing while both are off
  bool in_group{false};
  bool galera{true};                     ///< a node of a Galera cluster; likewise
  std::optional<SteadyPoint> started{};  ///< the server's start, from its uptime
  std::string purged_gtids{};   ///< asked when the variables are listed: a purge holds it up
  bool connections_due{true};   ///< whether to count them: that costs the server more than the rest
  std::int64_t connections{0};  ///< Threads_connected, as last counted
  std::optional<SteadyPoint> connections_counted{};
  /// "" for any other server; nothing before it was asked.
  std::optional<std::string> max_scale_version{};
  bool dump_threads_fallback{false};
  std::map<Ask, Refusal> refused{};  ///< not asked again in this session
  std::set<Ask> put_last{};          ///< the user's own that were refused the last time
};

struct Question {
  Ask ask{};
  std::string sql{};
  bool alone{false};  ///< not one statement but several, that would shift the answers of others
};

/// What to ask such a server now. `learn`: list the variables instead of selecting those known.
std::vector<Question> questions_for(const Capabilities& known, const ProbeRules& rules, bool learn);

struct Answer {
  std::string sql{};
  ResultSet set{};
  std::optional<Refusal> refused{};
};

struct Questioning {
  std::map<Ask, Answer> answers{};
  /// One of the user's own that was waited for until the deadline: the session is lost.
  std::optional<Ask> unanswered{};
  int round_trips{0};
};

/// Asks in as few packets as can be: as an error ends a packet, those behind it are asked again.
/// One of the user's own with a syntax error is asked once more, alone. An error means that the
/// session is lost; what was answered until then is kept. A query of the user's own that is not
/// answered in time is none: it and those behind it are left out.
Result<> ask_all(SqlSession& session, const std::vector<Question>& questions, SteadyPoint deadline,
                 Questioning& into);

}  // namespace orch
