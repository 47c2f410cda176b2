#include "core/plan/candidate.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/base/text.h"
#include "core/model/replication_rules.h"
#include "core/plan/filters.h"
#include "core/plan/foreign.h"
#include "core/plan/measure.h"
#include "core/plan/preference.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/step.h"

namespace orch {

namespace {

int format_weight(std::string_view format) {
  if (equals_ignoring_case(format, "ROW")) return 2;
  if (equals_ignoring_case(format, "MIXED")) return 1;
  return 0;
}

/// What most of the replicas run; ties go to the lower version and the smaller format.
struct Dominant {
  std::string version{};
  int format{0};
};

Dominant dominant_of(const std::vector<const Instance*>& instances) {
  std::map<std::pair<int, int>, std::size_t> versions;
  std::map<int, std::size_t> formats;
  for (const Instance* instance : instances) {
    if (instance->server.binlog_server) continue;
    const ServerVersion version = parse_server_version(instance->server.version);
    ++versions[{version.major, version.minor}];
    ++formats[format_weight(instance->server.binlog_format)];
  }
  const auto by_count = [](const auto& a, const auto& b) {
    return a.second < b.second;
  };
  Dominant dominant;
  const auto version = std::max_element(versions.begin(), versions.end(), by_count);
  if (version != versions.end()) {
    dominant.version =
        std::to_string(version->first.first) + '.' + std::to_string(version->first.second);
  }
  const auto format = std::max_element(formats.begin(), formats.end(), by_count);
  if (format != formats.end()) dominant.format = format->first;
  return dominant;
}

/// One that reads the failed server's log from binlog servers alone: its replicas go on below
/// these, and need not find in its own log what it has applied.
bool need_not_log(const Topology& topology, const Instance& instance, const Instance* failed) {
  return failed != nullptr && only_binlog_servers(topology, failed->key) &&
         reads_log_of(topology, instance, failed->key);
}

/// What speaks against promoting it, whatever the others have; "" = nothing.
std::string objection_to(const Instance& instance, const Instance* failed, const Policy& policy,
                         const Topology& topology) {
  if (!answers(instance)) return silence_of(instance);
  if (instance.server.binlog_server) return "is a binlog server";
  if (is_group_secondary(instance)) return "is a secondary member of a replication group";
  if (instance.replication.channels > 1) {
    return "replicates from " + std::to_string(instance.replication.channels) + " sources";
  }
  if (instance.server.offline) return "is in offline_mode: it turns clients away";
  if (instance.server.transactions_read_only) {
    return "has transaction_read_only on: no client could write there";
  }
  if (!instance.server.log_bin) return "has no binary log";
  if (!instance.server.log_replica_updates && !need_not_log(topology, instance, failed)) {
    return "does not log replica updates";
  }
  if (instance.promotion_rule == PromotionRule::MustNot) return "promotion rule must_not";
  if (is_banned(instance, policy)) return "matches PromotionIgnoreHostnameFilters";
  if (failed != nullptr) {
    if (std::string text = site_objection(*failed, instance, policy); !text.empty()) return text;
  }
  const auto lag = instance.replication.lag;
  if (policy.fail_master_promotion_on_lag.count() > 0 && lag &&
      *lag >= policy.fail_master_promotion_on_lag) {
    return "lags " + std::to_string(lag->count()) + "s";
  }
  return "";
}

/// What ranks a server. Compared member by member, larger is better; the key decides the rest.
struct Rank {
  bool by_gtid{false};
  /// 0: filters, it may lack rows of what it received. 1: those who follow it would. 2: neither.
  int wholeness{2};
  bool comparable{true};  ///< by the measure of the others, see measure.h
  bool continues{false};  ///< binlog servers can go on below it, and fill it up before
  std::uint64_t received{0};
  bool is_top{false};  ///< follows nobody: its promotion was begun already
  std::uint64_t executed{0};
  BinlogCoordinates read{};
  BinlogCoordinates exec{};
  std::vector<int> qualities{};
};

/// Whether what the other has may have come to it by way of this replica.
bool is_fed_by(const Topology& topology, const Instance& instance, const InstanceKey& other) {
  // Co-masters are below each other.
  return is_replica(instance) && topology.is_below(other, instance.key) &&
         !topology.is_below(instance.key, other);
}

/// What others hold, and not by way of a replica that is asked about.
Position united_with_others(const Topology& topology, const Instance& instance) {
  const bool feeds = !topology.replicas_of(instance.key).empty();
  Position all;
  for (const Instance& other : topology.instances()) {
    if (other.key == instance.key) continue;
    if (feeds && is_fed_by(topology, instance, other.key)) continue;
    const Position held = received_position(other);
    if (held.index() != received_position(instance).index()) continue;
    all = is_known(all) ? united(all, held) : held;
  }
  return all;
}

/// What the server wrote itself and nobody holds but those below it.
Position errant_position(const Topology& topology, const Instance& instance) {
  const Position held = received_position(instance);
  const Position others = united_with_others(topology, instance);
  if (const auto* set = std::get_if<GtidSet>(&held)) {
    GtidSet own = *set;
    own.retain_uuid(instance.server.uuid);
    if (const auto* theirs = std::get_if<GtidSet>(&others)) own = own.minus(*theirs);
    return own;
  }
  const auto* pos = std::get_if<MariaDbGtidPos>(&held);
  const auto* theirs = std::get_if<MariaDbGtidPos>(&others);
  if (pos == nullptr) return {};
  std::string errant;
  for (const MariaDbGtid& gtid : pos->ends()) {
    if (gtid.server != instance.server.id) continue;
    if (theirs != nullptr && theirs->contains(gtid)) continue;
    errant += (errant.empty() ? "" : ",") + to_string(gtid);
  }
  return MariaDbGtidPos::parse(errant).value_or({});
}

bool is_empty(const Position& position) {
  return to_string(position).empty();
}

/// How far the position is without what the server alone has: comparable between replicas.
std::uint64_t weight_of(const Position& position, const Position& errant, const Position& others) {
  if (const auto* set = std::get_if<GtidSet>(&position)) {
    return set->minus(std::get<GtidSet>(errant)).count();
  }
  const auto* pos = std::get_if<MariaDbGtidPos>(&position);
  const auto* own = std::get_if<MariaDbGtidPos>(&errant);
  const auto* theirs = std::get_if<MariaDbGtidPos>(&others);
  if (pos == nullptr) return 0;
  const auto of_writer = [](const MariaDbGtidPos* in, const MariaDbGtid& gtid) {
    if (in == nullptr) return std::uint64_t{0};
    for (const MariaDbGtid& end : in->ends()) {
      if (end.domain == gtid.domain && end.server == gtid.server) return end.sequence;
    }
    return std::uint64_t{0};
  };
  std::map<std::uint32_t, std::uint64_t> last;
  for (const MariaDbGtid& gtid : pos->ends()) {
    const bool is_errant = of_writer(own, gtid) > 0;
    const std::uint64_t sequence =
        is_errant ? std::min(gtid.sequence, of_writer(theirs, gtid)) : gtid.sequence;
    last[gtid.domain] = std::max(last[gtid.domain], sequence);
  }
  std::uint64_t total = 0;
  for (const auto& [domain, sequence] : last)
    total += sequence;
  return total;
}

/// A replica with auto position receives from nobody whose gtid_mode is another than ON.
bool feeds_auto_position(const Instance& instance) {
  const std::string& mode = instance.gtid.mode;
  return !instance.gtid.uses_oracle || mode.empty() || equals_ignoring_case(mode, "ON");
}

Rank rank_of(const Topology& topology, const Instance& instance, const Instance* failed,
             const InstanceKey& failed_key) {
  Rank rank;
  const Position received = usable_position(instance);
  const Position executed = executed_position(instance);
  if (!binlog_filter_text(instance).empty()) rank.wholeness = 1;
  if (!left_out(topology, failed_key, instance).empty()) rank.wholeness = 0;
  const Instance* leading = leading_binlog_server(topology, failed_key);
  rank.continues = leading != nullptr && only_binlog_servers(topology, failed_key) &&
                   reads_log_of(topology, instance, failed_key) &&
                   objection_to_continuing(instance, *leading).empty();
  const bool in_own_log = failed != nullptr && failed->measure == Measure::OwnLog;
  const auto* read = std::get_if<BinlogCoordinates>(&received);
  rank.by_gtid = is_known(received) && read == nullptr && !(in_own_log && is_replica(instance));
  bool has_errant = false;
  if (rank.by_gtid) {
    const Position errant = errant_position(topology, instance);
    const Position others = united_with_others(topology, instance);
    has_errant = !is_empty(errant) || !unknown_writes(topology, instance).empty();
    rank.received = weight_of(received, errant, others);
    rank.executed = weight_of(executed, errant, others);
  } else {
    const bool has_place = read != nullptr && reads_log_of(topology, instance, failed_key);
    rank.comparable = !is_replica(instance) || has_place;
    if (has_place) rank.read = *read;
    if (has_place) rank.exec = instance.replication.exec;
  }
  const ServerVersion version = parse_server_version(instance.server.version);
  const bool at_site =
      failed == nullptr ||
      (instance.location.data_center == failed->location.data_center &&
       instance.location.physical_environment == failed->location.physical_environment);
  const int nearness = !is_replica(instance) ? 2 : instance.replication.source == failed_key;
  rank.is_top = !is_replica(instance);
  rank.qualities = {instance.replication.sql_delay.count() == 0 ? 1 : 0,
                    nearness,
                    feeds_auto_position(instance) ? 1 : 0,
                    -static_cast<int>(instance.promotion_rule),
                    instance.server.log_replica_updates ? 1 : 0,
                    -version.major,
                    -version.minor,
                    -format_weight(instance.server.binlog_format),
                    at_site ? 1 : 0,
                    has_errant || !instance.gtid.errant.empty() ? 0 : 1};
  return rank;
}

/// Whether a is better; neither way when only the key can tell.
bool is_better(const Rank& a, const Rank& b) {
  if (a.by_gtid != b.by_gtid) return a.by_gtid;
  if (a.wholeness != b.wholeness) return a.wholeness > b.wholeness;
  if (a.comparable != b.comparable) return a.comparable;
  if (a.continues != b.continues) return a.continues;
  if (a.received != b.received) return a.received > b.received;
  if (a.is_top != b.is_top) return a.is_top;
  if (a.executed != b.executed) return a.executed > b.executed;
  if (const auto order = compare(a.read, b.read); order != 0) return order > 0;
  if (const auto order = compare(a.exec, b.exec); order != 0) return order > 0;
  return a.qualities > b.qualities;
}

std::string compared_with_winner(const Instance& instance, const Rank& rank, const Instance& winner,
                                 const Rank& best, const InstanceKey& failed) {
  static constexpr const char* kQualities[] = {"is delayed",
                                               "does not replicate from the failed server itself",
                                               "has a gtid_mode with which nobody can follow",
                                               "has a lesser promotion rule",
                                               "does not log replica updates",
                                               "has a higher version",
                                               "has a higher version",
                                               "has a larger binlog format",
                                               "is at another site than the failed server",
                                               "has errant transactions"};
  if (rank.comparable != best.comparable) {
    const bool direct = instance.replication.source == failed;
    return "reads the log of " + to_string(instance.replication.source) +
           (direct ? " at " + to_string(instance.replication.read) +
                         ", which is no known place in it as it is now"
                   : ": how far it is in that of the failed server is not known");
  }
  if (rank.continues != best.continues) return "binlog servers cannot go on in its log";
  if (rank.received != best.received || compare(rank.read, best.read) != 0) {
    const Difference rest = missing(received_position(instance), received_position(winner));
    return "behind by " + to_string(rest);
  }
  if (rank.is_top != best.is_top) return "the other's promotion was begun already";
  if (rank.executed != best.executed || compare(rank.exec, best.exec) != 0) {
    return "has received as much, and executed less";
  }
  for (std::size_t i = 0; i < rank.qualities.size() && i < best.qualities.size(); ++i) {
    if (rank.qualities[i] != best.qualities[i]) return kQualities[i];
  }
  return "as good, and later by name";
}

/// Those to look at: see choose_candidate.
std::vector<const Instance*> contenders(const Topology& topology, const InstanceKey& failed,
                                        const Policy& policy) {
  std::vector<const Instance*> found = topology.replicas_of(failed);
  const Instance* failed_instance = topology.find(failed);
  const std::size_t direct = found.size();
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Below a binlog server, however many there are on the way, all is as below the failed one; and
    // below one that is gone, too, somebody may live.
    const bool goes_on = i < direct || found[i]->server.binlog_server || !answers(*found[i]);
    if (!goes_on) continue;
    if (objection_to(*found[i], failed_instance, policy, topology).empty()) continue;
    for (const Instance* below : topology.replicas_of(found[i]->key)) {
      const bool is_new = std::find(found.begin(), found.end(), below) == found.end();
      if (below->key != failed && is_new) found.push_back(below);
    }
  }
  for (const Instance* root : topology.roots()) {
    const bool cut_off =
        is_detached_source(*root) && reattached(root->replication.source) == failed;
    if (root->key != failed && (!is_replica(*root) || cut_off)) found.push_back(root);
  }
  std::sort(found.begin(), found.end(),
            [](const Instance* a, const Instance* b) { return a->key < b->key; });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string root_objection(const Instance& instance, const InstanceKey& failed) {
  if (instance.replication.source == failed || !is_replica(instance)) return "";
  if (is_detached_source(instance)) {
    return "is detached from " + to_string(reattached(instance.replication.source));
  }
  return "";
}

}  // namespace

bool is_banned(const Instance& instance, const Policy& policy) {
  return instance.promotion_rule == PromotionRule::MustNot ||
         (policy.ignored_for_promotion && policy.ignored_for_promotion(instance));
}

std::string site_objection(const Instance& failed, const Instance& instance, const Policy& policy) {
  if (policy.prevent_cross_data_center_master_failover &&
      instance.location.data_center != failed.location.data_center) {
    return "PreventCrossDataCenterMasterFailover: will not promote server in " +
           instance.location.data_center + " when failed server in " + failed.location.data_center;
  }
  if (policy.prevent_cross_region_master_failover &&
      instance.location.region != failed.location.region) {
    return "PreventCrossRegionMasterFailover: will not promote server in " +
           instance.location.region + " when failed server in " + failed.location.region;
  }
  return "";
}

std::string errant_transactions(const Topology& topology, const Instance& instance) {
  return to_string(errant_position(topology, instance));
}

std::string unknown_writes(const Topology& topology, const Instance& instance) {
  if (!is_mariadb(instance)) return "";
  const auto ends_of = [](const Instance& server) {
    const auto state = MariaDbGtidPos::parse(server.gtid.mariadb_binlog_state);
    return state ? state->ends() : std::vector<MariaDbGtid>();
  };
  std::vector<MariaDbGtid> own = ends_of(instance);
  std::erase_if(own, [&](const MariaDbGtid& gtid) { return gtid.server != instance.server.id; });
  bool told = false;
  for (const Instance& other : topology.instances()) {
    if (own.empty()) return "";
    if (other.key == instance.key || is_fed_by(topology, instance, other.key)) continue;
    for (const MariaDbGtid& known : ends_of(other)) {
      told = true;
      std::erase_if(own, [&](const MariaDbGtid& gtid) {
        return gtid.domain == known.domain && gtid.server == known.server &&
               gtid.sequence <= known.sequence;
      });
    }
  }
  std::string text;
  for (const MariaDbGtid& gtid : own)
    text += (text.empty() ? "" : ", ") + to_string(gtid);
  return told ? text : "";
}

namespace {

struct Contender {
  const Instance* instance{nullptr};
  Rank rank{};
  std::string objection{};
};

std::string judge(const Instance& instance, const Instance* failed, const InstanceKey& failed_key,
                  const Policy& policy, const Dominant& dominant, const Topology& topology) {
  std::string text = objection_to(instance, failed, policy, topology);
  if (text.empty()) text = root_objection(instance, failed_key);
  if (text.empty() && policy.fail_master_promotion_if_sql_thread_not_up_to_date &&
      !has_applied_all(instance)) {
    text = "has not applied all that it has received";
  }
  if (text.empty() && is_smaller_major_version(dominant.version, instance.server.version)) {
    text = "version " + instance.server.version + " is above that of most replicas (" +
           dominant.version + ")";
  }
  if (text.empty() && format_weight(instance.server.binlog_format) > dominant.format) {
    text = "binlog format " + instance.server.binlog_format + " is above that of most replicas";
  }
  return text;
}

Choice to_choice(const Topology& topology, const InstanceKey& failed,
                 const std::vector<Contender>& order) {
  Choice choice;
  for (const Contender& one : order) {
    Verdict verdict{one.instance->key, one.objection.empty(), one.objection};
    std::string filters = filter_text(topology, failed, *one.instance);
    if (filters.empty()) filters = binlog_filter_text(*one.instance);
    if (verdict.fit && !choice.winner) {
      choice.winner = verdict.key;
      verdict.because = "has received the most" + (filters.empty() ? "" : "; " + filters);
    } else if (verdict.fit && one.rank.wholeness != order.front().rank.wholeness) {
      verdict.because = filters;
    } else if (verdict.fit) {
      verdict.because = compared_with_winner(*one.instance, one.rank, *order.front().instance,
                                             order.front().rank, failed);
    }
    choice.ranked.push_back(std::move(verdict));
  }
  return choice;
}

/// Puts the preferred one in the place of the one that has received the most.
void prefer(const Preference& preference, Choice& choice) {
  if (preference.instance == nullptr) return;
  const InstanceKey& key = preference.instance->key;
  Verdict& most = choice.ranked.front();
  most.because += "; passed over for " + to_string(key) + ": " + preference.because;
  const auto chosen = std::find_if(choice.ranked.begin(), choice.ranked.end(),
                                   [&](const Verdict& verdict) { return verdict.key == key; });
  chosen->because = preference.because + "; it fetches first what it lacks";
  choice.winner = key;
  std::rotate(choice.ranked.begin(), chosen, chosen + 1);
}

}  // namespace

Choice choose_candidate(const Topology& as_probed, const InstanceKey& failed, const Policy& policy,
                        const std::vector<Verdict>& ruled_out) {
  const Topology topology = measured_alike(as_probed, failed);
  const Instance* failed_instance = topology.find(failed);
  const std::vector<const Instance*> all = contenders(topology, failed, policy);
  std::vector<const Instance*> answering;
  std::copy_if(all.begin(), all.end(), std::back_inserter(answering),
               [](const Instance* instance) { return answers(*instance); });
  const Dominant dominant = dominant_of(answering);
  std::vector<Contender> order;
  for (const Instance* instance : all) {
    Contender one{instance, rank_of(topology, *instance, failed_instance, failed),
                  judge(*instance, failed_instance, failed, policy, dominant, topology)};
    for (const Verdict& verdict : ruled_out) {
      if (verdict.key == instance->key && one.objection.empty()) one.objection = verdict.because;
    }
    order.push_back(std::move(one));
  }
  std::stable_sort(order.begin(), order.end(), [](const Contender& a, const Contender& b) {
    if (a.objection.empty() != b.objection.empty()) return a.objection.empty();
    return is_better(a.rank, b.rank);
  });
  Choice choice = to_choice(topology, failed, order);
  std::vector<const Instance*> fit;
  for (const Contender& one : order) {
    const bool as_whole = one.rank.wholeness >= order.front().rank.wholeness;
    const bool as_open =
        feeds_auto_position(*one.instance) || !feeds_auto_position(*order.front().instance);
    if (one.objection.empty() && as_whole && as_open && one.rank.comparable)
      fit.push_back(one.instance);
  }
  prefer(preference(fit, failed_instance, policy), choice);
  return choice;
}

Verdict judge_designated(const Topology& topology, const InstanceKey& failed,
                         const InstanceKey& designated, const Policy& policy) {
  const Instance* instance = topology.find(designated);
  if (instance == nullptr) return {designated, false, "is not known"};
  const bool belongs = topology.is_below(designated, failed) || !is_replica(*instance);
  if (!belongs || designated == failed) {
    return {designated, false, "is not a replica of " + to_string(failed)};
  }
  const std::string text = objection_to(*instance, topology.find(failed), policy, topology);
  return {designated, text.empty(), text.empty() ? "named by the operator" : text};
}

bool has_place_in_relay_logs(const Instance& instance) {
  const Replication& replication = instance.replication;
  // What was thrown away is not to be read any more either.
  const bool keeps_some =
      !replication.relay.empty() && is_before(replication.exec, replication.read);
  if (!is_mariadb(instance) || !keeps_some || replication.channels > 1) return false;
  if (!uses_gtid(instance) && !holds_gtids_in_relay_log(instance)) {
    return !instance.gtid.mariadb_slave_pos.empty();
  }
  Instance alone = instance;
  alone.measure = Measure::AsItFollows;
  const Position held = received_position(alone);
  const auto* gtids = std::get_if<MariaDbGtidPos>(&held);
  if (gtids == nullptr) return false;
  const std::vector<MariaDbGtid> ends = gtids->ends();
  return std::all_of(ends.begin(), ends.end(),
                     [&](const MariaDbGtid& gtid) { return gtid.domain == ends.front().domain; });
}

bool can_undelay(const Instance& instance) {
  const Replication& replication = instance.replication;
  // Started with GTID when neither thread runs, it would throw away what it holds.
  const bool needs_it =
      instance.gtid.uses_mariadb
          ? replication.sql_delay.count() > 0 || replication_threads_stopped(instance)
          : replication.sql_delay.count() > 0 && !holds_gtids_in_relay_log(instance);
  const bool may_change = replication.io_state == ThreadState::Stopped &&
                          (runs(replication.sql_state) || replication.last_sql_error.empty());
  return needs_it && may_change && has_place_in_relay_logs(instance) &&
         bound_to_gtid(instance).empty();
}

Position usable_position(const Instance& instance) {
  const bool would_discard = is_mariadb(instance) && uses_gtid(instance) && is_replica(instance) &&
                             replication_threads_stopped(instance) && !can_undelay(instance);
  return would_discard ? executed_position(instance) : received_position(instance);
}

}  // namespace orch
