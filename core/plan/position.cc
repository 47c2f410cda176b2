#include "core/plan/position.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/text.h"

namespace orch {

namespace {

Position parsed_set(const std::string& text) {
  auto set = GtidSet::parse(text);
  if (!set) return {};
  return *std::move(set);
}

Position parsed_pos(const std::string& text) {
  auto pos = MariaDbGtidPos::parse(text);
  if (!pos) return {};
  return *std::move(pos);
}

/// Whether its GTIDs say how far it is. Of MariaDB: when it replicates by them, still holds what it
/// received by them, or follows nobody.
bool is_told_by_gtid(const Instance& instance) {
  if (instance.measure != Measure::AsItFollows) return instance.measure == Measure::Gtid;
  if (!is_mariadb(instance)) {
    return instance.gtid.supports_oracle && (instance.gtid.uses_oracle || !is_replica(instance));
  }
  return instance.gtid.uses_mariadb || !is_replica(instance) || holds_gtids_in_relay_log(instance);
}

bool is_told_by_source_log(const Instance& instance) {
  return instance.measure == Measure::SourceLog ||
         (instance.measure == Measure::AsItFollows && is_replica(instance));
}

Position mariadb_executed(const Instance& instance) {
  const Gtid& gtid = instance.gtid;
  const bool never_read = gtid.mariadb_slave_pos.empty() && gtid.mariadb_binlog_state.empty();
  if (never_read && !gtid.uses_mariadb && !is_replica(instance)) return {};
  return executed_gtids(instance);
}

Difference mariadb_difference(const MariaDbGtidPos& held, const MariaDbGtidPos& wanted) {
  Difference difference;
  for (const MariaDbGtid& gtid : held.missing_from(wanted)) {
    if (!difference.text.empty()) difference.text += ',';
    difference.text += to_string(gtid);
  }
  if (difference.empty()) return difference;
  difference.count = held.count_missing_from(wanted);
  difference.at_most = true;
  return difference;
}

Difference coordinates_difference(const BinlogCoordinates& held, const BinlogCoordinates& wanted) {
  if (wanted.empty() || (!held.empty() && !is_before(held, wanted))) return {};
  Difference difference;
  difference.text =
      (held.empty() ? "" : "after " + to_string(held) + " ") + "up to " + to_string(wanted);
  return difference;
}

}  // namespace

Position executed_gtids(const Instance& instance) {
  const Gtid& gtid = instance.gtid;
  if (!is_mariadb(instance)) return parsed_set(gtid.executed);
  Position logged = parsed_pos(gtid.mariadb_binlog_state);
  if (auto* pos = std::get_if<MariaDbGtidPos>(&logged)) {
    *pos = std::move(*pos).owned_by(instance.server.id);
  }
  return united(parsed_pos(gtid.mariadb_slave_pos), logged);
}

Position gtids_of_all(const Instance& instance) {
  const Gtid& gtid = instance.gtid;
  const bool mariadb = is_mariadb(instance);
  const bool all = mariadb ? !gtid.mariadb_slave_pos.empty() || !gtid.mariadb_binlog_state.empty()
                           : equals_ignoring_case(gtid.mode, "ON");
  return all ? executed_gtids(instance) : Position();
}

bool holds_gtids_in_relay_log(const Instance& instance) {
  const Replication& replication = instance.replication;
  if (!is_mariadb(instance) || instance.gtid.uses_mariadb || !is_replica(instance)) return false;
  if (runs(replication.io_state) || replication.gtid_io_pos.empty()) return false;
  const Position received = parsed_pos(replication.gtid_io_pos);
  return is_known(received) && !contains(executed_gtids(instance), received);
}

Position executed_position(const Instance& instance) {
  if (is_told_by_gtid(instance)) {
    return is_mariadb(instance) ? mariadb_executed(instance) : executed_gtids(instance);
  }
  if (is_told_by_source_log(instance)) return instance.replication.exec;
  const BinlogCoordinates& own = instance.server.binlog;
  return instance.measure == Measure::OwnLog && !own.empty() ? Position(own) : Position();
}

Position received_position(const Instance& instance) {
  const Position executed = executed_position(instance);
  if (!is_replica(instance)) return executed;
  if (!is_told_by_gtid(instance)) {
    return is_told_by_source_log(instance) ? Position(instance.replication.read) : executed;
  }
  if (!is_mariadb(instance)) {
    return united(executed, parsed_set(instance.replication.retrieved_gtid_set));
  }
  // Gtid_IO_Pos keeps its value when CHANGE MASTER throws the relay logs away, and when it follows
  // by coordinates; the coordinates of what was read do not.
  if (instance.replication.read.empty()) return executed;
  return united(executed, parsed_pos(instance.replication.gtid_io_pos));
}

bool is_known(const Position& position) {
  return !std::holds_alternative<std::monostate>(position);
}

bool contains(const Position& position, const Position& other) {
  if (position.index() != other.index() || !is_known(position)) return false;
  return missing(position, other).empty();
}

Position united(const Position& a, const Position& b) {
  if (a.index() != b.index()) return {};
  if (const auto* set = std::get_if<GtidSet>(&a)) return set->united(std::get<GtidSet>(b));
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&a)) {
    return pos->united(std::get<MariaDbGtidPos>(b));
  }
  if (const auto* place = std::get_if<BinlogCoordinates>(&a)) {
    const auto& other = std::get<BinlogCoordinates>(b);
    return is_before(*place, other) ? other : *place;
  }
  return {};
}

std::string to_string(const Position& position) {
  if (const auto* set = std::get_if<GtidSet>(&position)) return set->to_string();
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&position)) return pos->to_string();
  if (const auto* place = std::get_if<BinlogCoordinates>(&position)) return to_string(*place);
  return "";
}

Difference missing(const Position& held, const Position& wanted) {
  if (held.index() != wanted.index()) return {to_string(wanted), std::nullopt, false};
  if (const auto* set = std::get_if<GtidSet>(&wanted)) {
    const GtidSet rest = set->minus(std::get<GtidSet>(held));
    if (rest.empty()) return {};
    return {rest.to_string(), rest.count(), false};
  }
  if (const auto* pos = std::get_if<MariaDbGtidPos>(&wanted)) {
    return mariadb_difference(std::get<MariaDbGtidPos>(held), *pos);
  }
  if (const auto* place = std::get_if<BinlogCoordinates>(&wanted)) {
    return coordinates_difference(std::get<BinlogCoordinates>(held), *place);
  }
  return {};
}

Difference own_missing(const Instance& replica, const Instance& source) {
  if (!replica.gtid.mariadb_current) return {};
  const auto asks_for = MariaDbGtidPos::parse(replica.gtid.mariadb_current_pos);
  const auto received = MariaDbGtidPos::parse(replica.gtid.mariadb_slave_pos);
  const auto logged = MariaDbGtidPos::parse(source.gtid.mariadb_binlog_state);
  const auto applied = MariaDbGtidPos::parse(source.gtid.mariadb_slave_pos);
  if (!asks_for || !received || !logged || !applied) return {};
  Difference own;
  for (const MariaDbGtid& gtid : asks_for->ends()) {
    if (gtid.server != replica.server.id) continue;
    const auto last = received->last(gtid.domain);
    if (last && last->sequence >= gtid.sequence) continue;
    // The source looks for that writer's in its log, or for the very same as the last it applied.
    // Of a domain that it knows nothing of, it hands out what it will get.
    const std::vector<MariaDbGtid> ends = logged->ends();
    const auto has = [&](const MariaDbGtid& end) {
      return end.domain == gtid.domain && end.server == gtid.server &&
             end.sequence >= gtid.sequence;
    };
    if (!logged->last(gtid.domain) || applied->last(gtid.domain) == gtid ||
        std::any_of(ends.begin(), ends.end(), has)) {
      continue;
    }
    own.text += (own.empty() ? "" : ",") + to_string(gtid);
  }
  return own;
}

std::string to_string(const Difference& difference) {
  if (difference.empty()) return "nothing";
  if (!difference.count) return "transactions " + difference.text;
  std::string text = difference.at_most ? "at most " : "";
  text += std::to_string(*difference.count);
  text += *difference.count == 1 ? " transaction (" : " transactions (";
  return text + (difference.at_most ? "up to " : "") + difference.text + ')';
}

}  // namespace orch
