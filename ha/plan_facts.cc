#include "ha/plan_facts.h"

#include "ha/json_fields.h"
#include "storage/statements.h"

namespace orch::ha {

namespace {

constexpr std::string_view kGtid = "gtid ";
constexpr std::string_view kMariaDb = "mariadb ";
constexpr std::string_view kBinlog = "binlog ";

}  // namespace

std::string position_text(const Position& position) {
  std::string text;
  if (std::holds_alternative<GtidSet>(position)) text = kGtid;
  if (std::holds_alternative<MariaDbGtidPos>(position)) text = kMariaDb;
  if (std::holds_alternative<BinlogCoordinates>(position)) text = kBinlog;
  return text.empty() ? text : text + to_string(position);
}

Position parse_position(std::string_view text) {
  if (text.starts_with(kGtid)) {
    if (auto set = GtidSet::parse(text.substr(kGtid.size()))) return *std::move(set);
  } else if (text.starts_with(kMariaDb)) {
    if (auto pos = MariaDbGtidPos::parse(text.substr(kMariaDb.size()))) return *std::move(pos);
  } else if (text.starts_with(kBinlog)) {
    if (auto coordinates = parse_binlog_coordinates(text.substr(kBinlog.size()))) {
      return *std::move(coordinates);
    }
  }
  return {};
}

void write_facts(const PlanFacts& facts, storage::RecoveryRun& run) {
  run.winner = facts.winner.value_or(InstanceKey{});
  run.promotion_coordinates = facts.at_promotion ? to_string(*facts.at_promotion) : "";
  run.promotion_position =
      facts.position_at_promotion ? position_text(*facts.position_at_promotion) : "";
  run.lost_transactions = facts.lost_transactions.value_or("");
  Json rest = Json::object();
  if (facts.giving_up) {
    rest["GivingUp"] = {{"Kind", static_cast<int>(facts.giving_up->kind)},
                        {"Message", facts.giving_up->message}};
  }
  if (facts.orphans) rest["Orphans"] = storage::join_keys(*facts.orphans);
  if (facts.detached) {
    rest["Detached"] = Json::array();
    for (const LostReplica& lost : *facts.detached) {
      rest["Detached"].push_back(
          {{"Server", storage::join_keys({lost.key})}, {"Because", lost.because}});
    }
  }
  if (facts.place_at_promotion) rest["Place"] = to_string(*facts.place_at_promotion);
  for (const Undelayed& one : facts.undelayed) {
    rest["Undelayed"].push_back({{"Server", storage::join_keys({one.server})},
                                 {"Delay", one.delay.count()},
                                 {"CurrentPos", one.mariadb_current},
                                 {"Exec", one.exec.empty() ? "" : to_string(one.exec)},
                                 {"SlavePos", one.slave_pos}});
  }
  for (const auto& [server, before] : facts.fetching)
    rest["Fetching"].push_back(storage::join_keys({server, before}));
  if (!facts.semi_sync_sources.empty()) {
    rest["SemiSyncSources"] = storage::join_keys(facts.semi_sync_sources);
  }
  if (facts.continuation) {
    rest["Continuation"] = {{"Server", storage::join_keys({facts.continuation->server})},
                            {"At", to_string(facts.continuation->at)}};
  }
  run.facts = dump(rest);
}

PlanFacts read_facts(const storage::RecoveryRun& run) {
  PlanFacts facts;
  if (!run.winner.hostname.empty()) facts.winner = run.winner;
  facts.at_promotion = parse_binlog_coordinates(run.promotion_coordinates);
  Position position = parse_position(run.promotion_position);
  if (is_known(position)) facts.position_at_promotion = std::move(position);
  if (!run.lost_transactions.empty()) facts.lost_transactions = run.lost_transactions;
  const Json rest = Json::parse(run.facts, nullptr, false);
  if (member(rest, "Orphans") != nullptr) {
    facts.orphans = storage::split_keys(text_member(rest, "Orphans"));
  }
  if (const Json* detached = member(rest, "Detached")) {
    facts.detached.emplace();
    for (const Json& lost : *detached) {
      for (InstanceKey& key : storage::split_keys(text_member(lost, "Server")))
        facts.detached->push_back({std::move(key), text_member(lost, "Because")});
    }
  }
  facts.place_at_promotion = parse_binlog_coordinates(text_member(rest, "Place"));
  if (const Json* continuation = member(rest, "Continuation")) {
    const auto servers = storage::split_keys(text_member(*continuation, "Server"));
    const auto at = parse_binlog_coordinates(text_member(*continuation, "At"));
    if (servers.size() == 1 && at) facts.continuation = Continuation{servers.front(), *at};
  }
  facts.semi_sync_sources = storage::split_keys(text_member(rest, "SemiSyncSources"));
  if (const Json* fetching = member(rest, "Fetching")) {
    for (const Json& one : *fetching) {
      const auto pair = storage::split_keys(one.is_string() ? one.get<std::string>() : "");
      if (pair.size() == 2) facts.fetching.emplace(pair.front(), pair.back());
    }
  }
  if (const Json* undelayed = member(rest, "Undelayed")) {
    for (const Json& one : *undelayed) {
      for (InstanceKey& key : storage::split_keys(text_member(one, "Server"))) {
        facts.undelayed.push_back(
            {std::move(key), std::chrono::seconds(number_member(one, "Delay")),
             flag_member(one, "CurrentPos"),
             parse_binlog_coordinates(text_member(one, "Exec")).value_or(BinlogCoordinates{}),
             text_member(one, "SlavePos")});
      }
    }
  }
  const Json* giving_up = member(rest, "GivingUp");
  if (giving_up == nullptr) return facts;
  const std::int64_t kind = number_member(*giving_up, "Kind");
  const bool known = kind >= 0 && kind <= static_cast<std::int64_t>(ErrorKind::Broken);
  facts.giving_up = Error{known ? static_cast<ErrorKind>(kind) : ErrorKind::Broken,
                          text_member(*giving_up, "Message")};
  return facts;
}

}  // namespace orch::ha
