#include "core/mysql/server_logs.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/text.h"
#include "core/mysql/change_statements.h"
#include "core/mysql/statements.h"

namespace orch {

namespace {

/// Relay logs are removed once they are applied; more than that many are not looked for.
constexpr std::size_t kMostRelayLogs = 100;
constexpr std::int64_t kLargestPage = 100'000;

Failure senseless(const std::string& what) {
  return fail(ErrorKind::Broken, "the server's answer makes no sense: " + what);
}

class ServerLogs final : public EventLogs {
 public:
  ServerLogs(std::unique_ptr<SqlSession> session, const Instance& instance, BinlogType type,
             std::int64_t page_size, SteadyPoint deadline)
      : session_(std::move(session)),
        type_(type),
        page_size_(std::clamp<std::int64_t>(page_size, 1, kLargestPage)),
        deadline_(deadline) {
    const std::string& channel = instance.replication.channel;
    if (type == BinlogType::Binary || channel.empty()) return;
    (is_mariadb(instance) ? connection_ : channel_) =
        (is_mariadb(instance) ? " " : " FOR CHANNEL ") + sql_quoted(channel);
  }

  [[nodiscard]] const BinlogCoordinates& end() const override { return end_; }
  [[nodiscard]] const std::vector<std::string>& files() const override { return files_; }

  Result<std::vector<BinlogEvent>> page(const std::string& file, const ReadSoFar& after) override {
    const bool by_count = type_ == BinlogType::Relay && (after.events > 0 || after.next_pos == 0);
    for (std::int64_t size = page_size_;; size *= 4) {
      const std::string limit =
          by_count
              ? " LIMIT " + std::to_string(after.events) + ", " + std::to_string(size) + channel_
              : " FROM " + std::to_string(std::max<std::int64_t>(after.next_pos, 4)) + " LIMIT " +
                    std::to_string(size + 1) + channel_;
      ORCH_ASSIGN(const ResultSet answer, query(*session_, events_of(file) + limit, deadline_));
      const bool is_cut = answer.rows.size() >= static_cast<std::size_t>(size);
      ORCH_ASSIGN(std::vector<BinlogEvent> list, events(file, answer));
      if (type_ == BinlogType::Binary) {
        find_ends(list);
        if (list.size() > static_cast<std::size_t>(size)) list.pop_back();
      }
      unpack_payloads(list, is_cut);
      if (!list.empty() || !is_cut) return list;
      if (size > kLargestPage) {
        return fail(ErrorKind::Refused, "a compressed transaction in " + file + " at " +
                                            std::to_string(after.next_pos) +
                                            " holds too many events to be read");
      }
    }
  }

  Result<> find_binary_logs(const Instance& instance) {
    const ReadingStatements words =
        reading_statements(flavor(instance), parse_server_version(instance.server.version));
    ORCH_ASSIGN(const ResultSet status, query(*session_, words.binlog_status, deadline_));
    const BinlogCoordinates end = binlog_end(status);
    if (end.log_file.empty()) return fail(ErrorKind::NotFound, "it has no binary log");
    ORCH_TRY(set_end(end.log_file, end.log_pos));
    ORCH_ASSIGN(const ResultSet logs, query(*session_, "SHOW BINARY LOGS", deadline_));
    for (std::size_t i = 0; i < logs.rows.size(); ++i) {
      files_.push_back(Row(logs, i).text("Log_name"));
      if (files_.back() == end_.log_file) return {};
    }
    return senseless("its binary logs are without the current one, " +
                     quoted_excerpt(end_.log_file));
  }

  /// Their names are guessed, from the present one backwards: no statement lists them.
  Result<> find_relay_logs(const Instance& instance) {
    const BinlogCoordinates& relay = instance.replication.relay;
    ORCH_TRY(set_end(relay.log_file, relay.log_pos));
    files_.push_back(relay.log_file);
    const auto number = log_number(relay.log_file);
    const std::size_t dot = relay.log_file.rfind('.');
    const std::size_t width = number ? relay.log_file.size() - dot - 1 : 0;
    for (std::uint64_t back = 1; number && back < *number && back < kMostRelayLogs; ++back) {
      std::string digits = std::to_string(*number - back);
      if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
      const std::string older = relay.log_file.substr(0, dot + 1) + digits;
      const std::string statement = events_of(older) + " LIMIT 1" + channel_;
      ORCH_ASSIGN(const Answers answers, session_->query_many({&statement, 1}, deadline_));
      if (answers.refused) break;
      files_.insert(files_.begin(), older);
    }
    return {};
  }

 private:
  /// MariaDB 11.4 and later do not tell where the events of a transaction end: one ends where the
  /// next begins, for which one more than the page has been read.
  void find_ends(std::vector<BinlogEvent>& list) const {
    for (std::size_t i = 0; i < list.size(); ++i) {
      BinlogEvent& event = list[i];
      if (event.end_pos != 0) continue;
      if (i + 1 < list.size()) {
        event.end_pos = list[i + 1].place.log_pos;
      } else if (event.place.log_file == end_.log_file && event.place.log_pos < end_.log_pos) {
        event.end_pos = end_.log_pos;
      }
    }
  }

  Result<> set_end(std::string file, std::optional<std::int64_t> position) {
    if (file.empty()) return fail(ErrorKind::NotFound, "it has no such log");
    if (!position || *position < 0) return senseless("no position in " + quoted_excerpt(file));
    end_ = {std::move(file), *position, type_};
    return {};
  }

  [[nodiscard]] std::string events_of(const std::string& file) const {
    return (type_ == BinlogType::Binary ? "SHOW BINLOG" : "SHOW RELAYLOG") + connection_ +
           " EVENTS IN " + sql_quoted(file);
  }

  [[nodiscard]] Result<std::vector<BinlogEvent>> events(const std::string& file,
                                                        const ResultSet& answer) const {
    std::vector<BinlogEvent> list;
    list.reserve(answer.rows.size());
    for (std::size_t i = 0; i < answer.rows.size(); ++i) {
      const Row row(answer, i);
      const auto pos = row.number("Pos");
      const auto end = row.number("End_log_pos");
      const auto server = row.number("Server_id");
      const bool sane = pos && *pos >= 0 && end && *end >= 0 && server && *server >= 0 &&
                        *server <= 0xffffffffLL && row.has("Info") && row.has("Event_type");
      if (!sane) return senseless("an event of " + quoted_excerpt(file) + " without its place");
      list.push_back({{file, *pos, type_},
                      *end,
                      row.text("Event_type"),
                      static_cast<std::uint32_t>(*server),
                      row.text("Info")});
    }
    return list;
  }

  std::unique_ptr<SqlSession> session_;
  std::string connection_{};  ///< MariaDB's word for a link that has a name
  std::string channel_{};     ///< MySQL's
  BinlogType type_;
  std::int64_t page_size_;
  SteadyPoint deadline_;
  BinlogCoordinates end_{};
  std::vector<std::string> files_{};
};

}  // namespace

Result<std::unique_ptr<EventLogs>> open_server_logs(std::unique_ptr<SqlSession> session,
                                                    const Instance& as_probed, BinlogType type,
                                                    std::int64_t page_size, SteadyPoint deadline) {
  auto logs =
      std::make_unique<ServerLogs>(std::move(session), as_probed, type, page_size, deadline);
  ORCH_TRY(type == BinlogType::Binary ? logs->find_binary_logs(as_probed)
                                      : logs->find_relay_logs(as_probed));
  return std::unique_ptr<EventLogs>(std::move(logs));
}

}  // namespace orch
