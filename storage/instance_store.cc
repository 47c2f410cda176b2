#include "storage/instance_store.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/model/left_out.h"
#include "storage/columns/instance_columns.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlJoined = R"(
    i.last_checked, i.last_attempted_check, i.last_check_partial_success, i.last_seen,
    c.last_suggested, c.promotion_rule, u.unresolved_hostname,
    d.downtime_active, d.begin_timestamp, d.end_timestamp, d.owner, d.reason, t.tag_value
      from database_instance i
      left join candidate_database_instance c on c.hostname = i.hostname and c.port = i.port
      left join hostname_unresolve u on u.hostname = i.hostname
      left join database_instance_downtime d on d.hostname = i.hostname and d.port = i.port
      left join database_instance_tags t on t.hostname = i.hostname and t.port = i.port
            and t.tag_name = 'orch-incomplete'
     where 1 = 1)";
// A co-master whose partner does not follow it any more lost its place to that; its own record says
// otherwise until it is read again, and a dead one is not.
constexpr std::string_view kSqlTop = R"(
    and (i.replication_depth = 0 or i.is_co_master = 1)
    and not (i.is_co_master = 1 and exists (
      select 1 from database_instance p
       where p.hostname = i.master_host and p.port = i.master_port
         and not (p.master_host = i.hostname and p.master_port = i.port))))";
constexpr std::string_view kSqlOldestSeen =
    "select min(last_seen) from database_instance where last_seen >= last_checked";
constexpr std::string_view kSqlListKeys =
    "select hostname, port from database_instance order by hostname, port";
constexpr std::string_view kSqlFindFuzzy =
    "select hostname from database_instance where port = ? and hostname like ? limit 2";
constexpr std::string_view kSqlFindPosition =
    "select slave_pos, binlog_state from orch_mariadb_position where hostname = ? and port = ?";
// Only servers with several have a row, which is out of date once they were seen again without it.
constexpr std::string_view kSqlListSources = R"(
    select s.hostname, s.port, s.sources
      from orch_sources s
      join database_instance i
        on i.hostname = s.hostname and i.port = s.port
     where i.last_seen is null or i.last_seen <= s.checked_at)";
constexpr std::string_view kSqlFindError =
    "select message from orch_instance_error where hostname = ? and port = ?";

std::string select_statement() {
  std::string sql = "select ";
  for (const InstanceColumn& column : instance_columns()) {
    sql.append("i.").append(column.name).append(", ");
  }
  return sql.append(kSqlJoined);
}

/// Takes the columns of a row one by one.
class RowReader {
 public:
  explicit RowReader(const Row& row) : row_(row) {}

  [[nodiscard]] const Row& row() const { return row_; }
  std::size_t take() { return next_++; }

 private:
  const Row& row_;
  std::size_t next_{0};
};

std::chrono::seconds age_of(TimePoint now, TimePoint then) {
  return std::max(std::chrono::seconds(0),
                  std::chrono::duration_cast<std::chrono::seconds>(now - then));
}

void read_freshness(Freshness& freshness, RowReader& reader, TimePoint now,
                    std::chrono::seconds poll) {
  const Row& row = reader.row();
  freshness.last_checked = row.time(reader.take());
  freshness.last_attempted_check = row.time(reader.take());
  freshness.last_check_partial_success = row.boolean(reader.take());
  freshness.last_seen = row.time(reader.take());
  freshness.is_last_check_valid =
      freshness.last_seen &&
      (!freshness.last_checked || *freshness.last_checked <= *freshness.last_seen);
  if (freshness.last_checked) freshness.since_last_check = age_of(now, *freshness.last_checked);
  if (freshness.last_seen) freshness.since_last_seen = age_of(now, *freshness.last_seen);
  freshness.is_up_to_date = freshness.since_last_check <= poll;
  freshness.is_recently_checked = freshness.since_last_check <= 5 * poll;
}

void read_candidate(Instance& instance, RowReader& reader) {
  const Row& row = reader.row();
  const bool suggested = !row.is_null(reader.take());
  const std::optional<PromotionRule> rule = parse_promotion_rule(row.view(reader.take()));
  instance.promotion_rule = rule.value_or(PromotionRule::Neutral);
  instance.is_candidate = suggested && (instance.promotion_rule == PromotionRule::Must ||
                                        instance.promotion_rule == PromotionRule::Prefer);
}

void read_downtime(Downtime& downtime, RowReader& reader, TimePoint now) {
  const Row& row = reader.row();
  const bool active = !row.is_null(reader.take());
  const std::size_t begin = reader.take();
  const std::size_t end = reader.take();
  downtime.begin = row.view(begin);
  downtime.end = row.view(end);
  downtime.owner = row.view(reader.take());
  downtime.reason = row.view(reader.take());
  const std::optional<TimePoint> begins = row.time(begin);
  const std::optional<TimePoint> ends = row.time(end);
  if (begins) downtime.elapsed = age_of(now, *begins);
  downtime.active = active && ends && *ends > now;
}

/// Into a new instance, in place: it is large.
void read_instance(Instance& instance, const Row& row, TimePoint now, std::chrono::seconds poll) {
  RowReader reader(row);
  for (const InstanceColumn& column : instance_columns()) {
    const std::size_t place = reader.take();
    if (column.read != nullptr) column.read(instance, row, place);
  }
  const InstanceKey& source = instance.replication.source;
  instance.replication.configured =
      !source.hostname.empty() && source.hostname != "_" && source.port != 0;
  read_freshness(instance.freshness, reader, now, poll);
  read_candidate(instance, reader);
  instance.unresolved_hostname = row.view(reader.take());
  read_downtime(instance.downtime, reader, now);
  if (const std::size_t tag = reader.take(); !row.is_null(tag))
    instance.incomplete = told_incomplete(row.text(tag));
}

/// Adds the search of the `search` command to a statement.
void add_search(const Dialect& dialect, const std::string& text, std::string& sql,
                std::vector<SqlValue>& arguments) {
  const std::string columns[] = {"i.hostname",
                                 "i.cluster_name",
                                 "i.version",
                                 "i.version_comment",
                                 "i.suggested_cluster_alias",
                                 dialect.concat({"i.hostname", "':'", "i.port"})};
  sql += " and (cast(i.server_id as char) = ? or cast(i.port as char) = ?";
  arguments.insert(arguments.end(), {text, text});
  for (const std::string& column : columns) {
    sql.append(" or instr(").append(column).append(", ?) > 0");
    arguments.emplace_back(text);
  }
  sql += ")";
}

std::string_view order_by(InstanceOrder order) {
  switch (order) {
    case InstanceOrder::Key:
      break;
    case InstanceOrder::Importance:
      return " order by i.replication_depth, i.num_slave_hosts desc, i.cluster_name, i.hostname, "
             "i.port";
    case InstanceOrder::Cluster:
      return " order by i.cluster_name, i.replication_depth, i.hostname, i.port";
  }
  return " order by i.hostname, i.port";
}

bool is_wanted(const Row& row, const std::optional<Pattern>& pattern) {
  return !pattern || pattern->matches(to_string(read_key(row, 0)));
}

}  // namespace

Result<std::optional<Instance>> InstanceStore::find(const InstanceKey& key) const {
  const TimePoint now = std::chrono::floor<std::chrono::seconds>(clock_.now());
  std::optional<Instance> found;
  ORCH_TRY(database_.select(
      select_statement() + " and i.hostname = ? and i.port = ?", {key.hostname, port_of(key)},
      [&](const Row& row) { read_instance(found.emplace(), row, now, settings_.poll); }));
  return found;
}

Result<std::vector<Instance>> InstanceStore::list(const InstanceFilter& filter,
                                                  InstanceOrder order) const {
  std::string sql = select_statement();
  std::vector<SqlValue> arguments;
  if (filter.cluster) {
    sql += " and i.cluster_name = ?";
    arguments.emplace_back(*filter.cluster);
  }
  if (filter.source) {
    sql += " and i.master_host = ? and i.master_port = ?";
    arguments.insert(arguments.end(), {filter.source->hostname, port_of(*filter.source)});
  }
  if (const std::string_view text = trim(filter.search); !text.empty()) {
    add_search(database_.dialect(), std::string(text), sql, arguments);
  }
  if (filter.downtimed) sql += " and d.downtime_active is not null";
  if (!filter.downtime_reason.empty()) {
    sql += " and d.reason = ?";
    arguments.emplace_back(filter.downtime_reason);
  }
  if (filter.top) sql += kSqlTop;
  if (filter.writable) sql += " and i.read_only = 0";
  sql += order_by(order);

  const TimePoint now = std::chrono::floor<std::chrono::seconds>(clock_.now());
  std::vector<Instance> instances;
  // Moving thousands of instances as the list grows would cost more than reading them.
  if (arguments.empty()) {
    ORCH_TRY(database_.select("select count(*) from database_instance", {}, [&](const Row& row) {
      instances.reserve(static_cast<std::size_t>(row.integer(0)));
    }));
  }
  ORCH_TRY(database_.select(sql, arguments, [&](const Row& row) {
    if (!is_wanted(row, filter.pattern)) return;
    read_instance(instances.emplace_back(), row, now, settings_.poll);
    // Times are compared as times: the store holds more than one text form.
    if (filter.downtimed && !instances.back().downtime.active) instances.pop_back();
  }));
  return instances;
}

Result<std::optional<TimePoint>> InstanceStore::oldest_seen() const {
  std::optional<TimePoint> oldest;
  ORCH_TRY(
      database_.select(kSqlOldestSeen, {}, [&oldest](const Row& row) { oldest = row.time(0); }));
  return oldest;
}

Result<std::vector<InstanceKey>> InstanceStore::list_keys() const {
  std::vector<InstanceKey> keys;
  ORCH_TRY(database_.select(kSqlListKeys, {},
                            [&keys](const Row& row) { keys.push_back(read_key(row, 0)); }));
  return keys;
}

Result<InstanceKey> InstanceStore::find_fuzzy(const InstanceKey& key) const {
  if (key.hostname.empty() || is_ipv4(key.hostname)) return key;
  std::vector<std::string> hostnames;
  ORCH_TRY(database_.select(kSqlFindFuzzy, {port_of(key), "%" + key.hostname + "%"},
                            [&](const Row& row) { hostnames.push_back(row.text(0)); }));
  if (hostnames.size() != 1) return key;
  return InstanceKey{hostnames[0], key.port};
}

Result<std::optional<Instance>> InstanceStore::find_cluster_master(
    const std::string& cluster) const {
  InstanceFilter filter;
  filter.cluster = cluster;
  filter.top = true;
  ORCH_ASSIGN(const std::vector<Instance> instances, list(filter, InstanceOrder::Cluster));
  const Instance* best = nullptr;
  for (const Instance& instance : instances) {
    const bool better = best == nullptr || (best->server.read_only && !instance.server.read_only);
    if (better) best = &instance;
  }
  if (best == nullptr) return std::optional<Instance>{};
  return std::optional<Instance>(*best);
}

Result<std::vector<Instance>> InstanceStore::list_cluster_masters() const {
  InstanceFilter filter;
  filter.top = true;
  filter.writable = true;
  ORCH_ASSIGN(std::vector<Instance> instances, list(filter, InstanceOrder::Cluster));
  const auto same_cluster = [](const Instance& a, const Instance& b) {
    return a.cluster_name == b.cluster_name;
  };
  instances.erase(std::unique(instances.begin(), instances.end(), same_cluster), instances.end());
  return instances;
}

Result<> InstanceStore::add_positions(std::span<Instance> instances) const {
  for (Instance& instance : instances) {
    if (!is_mariadb(instance)) continue;
    ORCH_TRY(database_.select(kSqlFindPosition, {instance.key.hostname, port_of(instance.key)},
                              [&](const Row& row) {
                                instance.gtid.mariadb_slave_pos = row.text(0);
                                instance.gtid.mariadb_binlog_state = row.text(1);
                              }));
  }
  return {};
}

Result<> InstanceStore::add_sources(std::span<Instance> instances) const {
  return database_.select(kSqlListSources, {}, [&](const Row& row) {
    const auto found = std::ranges::find(instances, read_key(row, 0), &Instance::key);
    if (found != instances.end()) found->replication.channels = static_cast<int>(row.integer(2));
  });
}

Result<std::optional<std::string>> InstanceStore::find_error(const InstanceKey& key) const {
  return select_text(database_, kSqlFindError, {key.hostname, port_of(key)});
}

}  // namespace orch::storage
