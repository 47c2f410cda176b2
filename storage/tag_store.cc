#include "storage/tag_store.h"

#include <algorithm>

#include "core/model/left_out.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindTag = R"(
    select tag_value from database_instance_tags
     where hostname = ? and port = ? and tag_name = ?)";
constexpr std::string_view kSqlListTag = R"(
    select tag_name, tag_value from database_instance_tags
     where hostname = ? and port = ?
     order by tag_name)";
constexpr std::string_view kSqlListAll = R"(
    select hostname, port, tag_name, tag_value from database_instance_tags
     order by hostname, port, tag_name)";
constexpr std::string_view kSqlListValues = R"(
    select hostname, port, tag_value from database_instance_tags where tag_name = ?)";
constexpr std::string_view kSqlListByName = R"(
    select hostname, port from database_instance_tags
     where tag_name = ?
     order by hostname, port)";
constexpr std::string_view kSqlListByValue = R"(
    select hostname, port from database_instance_tags
     where tag_name = ? and tag_value = ?
     order by hostname, port)";
constexpr std::string_view kSqlListOtherValue = R"(
    select hostname, port from database_instance_tags
     where tag_name = ? and tag_value <> ?
     order by hostname, port)";
constexpr std::string_view kSqlListWithoutName = R"(
    select distinct t.hostname, t.port from database_instance_tags t
     where not exists (select 1 from database_instance_tags n
                        where n.hostname = t.hostname and n.port = t.port and n.tag_name = ?)
     order by t.hostname, t.port)";
constexpr std::string_view kSqlForgetTag = R"(
    delete from database_instance_tags where hostname = ? and port = ? and tag_name = ?)";
constexpr std::string_view kSqlForgetValue = R"(
    delete from database_instance_tags
     where hostname = ? and port = ? and tag_name = ? and tag_value = ?)";
constexpr std::string_view kSqlForgetEverywhere =
    "delete from database_instance_tags where tag_name = ? and tag_value = ?";

Result<std::vector<InstanceKey>> list_one(Database& database, const TagExpression& expression) {
  std::vector<SqlValue> arguments{expression.tag.name};
  if (expression.has_value) arguments.emplace_back(expression.tag.value);
  const std::string_view without_value = expression.negated ? kSqlListWithoutName : kSqlListByName;
  const std::string_view with_value = expression.negated ? kSqlListOtherValue : kSqlListByValue;
  std::vector<InstanceKey> keys;
  ORCH_TRY(database.select(expression.has_value ? with_value : without_value,
                           std::span<const SqlValue>(arguments),
                           [&keys](const Row& row) { keys.push_back(read_key(row, 0)); }));
  return keys;
}

}  // namespace

Result<> TagStore::save(const InstanceKey& key, const Tag& tag) {
  return save_rows(database_, "database_instance_tags", {"hostname", "port", "tag_name"},
                   {"hostname", "port", "tag_name", "tag_value", "last_updated"},
                   {{key.hostname, port_of(key), tag.name, tag.value, format_time(clock_.now())}});
}

Result<std::optional<Tag>> TagStore::find(const InstanceKey& key, const std::string& name) const {
  ORCH_ASSIGN(const std::optional<std::string> value,
              select_text(database_, kSqlFindTag, {key.hostname, port_of(key), name}));
  if (!value) return std::optional<Tag>{};
  return std::optional<Tag>(Tag{name, *value});
}

Result<std::vector<Tag>> TagStore::list(const InstanceKey& key) const {
  std::vector<Tag> tags;
  ORCH_TRY(database_.select(kSqlListTag, {key.hostname, port_of(key)}, [&tags](const Row& row) {
    tags.push_back({row.text(0), row.text(1)});
  }));
  return tags;
}

Result<std::map<InstanceKey, std::vector<Tag>>> TagStore::list_all() const {
  std::map<InstanceKey, std::vector<Tag>> tags;
  ORCH_TRY(database_.select(kSqlListAll, {}, [&tags](const Row& row) {
    tags[read_key(row, 0)].push_back({row.text(2), row.text(3)});
  }));
  return tags;
}

Result<std::vector<InstanceKey>> TagStore::list_tagged(
    std::span<const TagExpression> expressions) const {
  std::vector<InstanceKey> common;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    ORCH_ASSIGN(std::vector<InstanceKey> keys, list_one(database_, expressions[i]));
    std::sort(keys.begin(), keys.end());
    if (i > 0) {
      std::vector<InstanceKey> both;
      std::set_intersection(common.begin(), common.end(), keys.begin(), keys.end(),
                            std::back_inserter(both));
      keys = std::move(both);
    }
    common = std::move(keys);
  }
  return common;
}

Result<bool> TagStore::forget(const InstanceKey& key, const TagExpression& expression) {
  std::vector<SqlValue> arguments{key.hostname, port_of(key), expression.tag.name};
  if (expression.has_value) arguments.emplace_back(expression.tag.value);
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(expression.has_value ? kSqlForgetValue : kSqlForgetTag,
                                std::span<const SqlValue>(arguments)));
  return rows > 0;
}

Result<std::vector<std::pair<InstanceKey, Tag>>> TagStore::mark_incomplete(
    const Topology& cluster) {
  std::vector<std::pair<InstanceKey, Tag>> marked;
  for (const Instance& instance : cluster.instances()) {
    Tag tag{std::string(kIncompleteTag), incomplete_by(cluster, instance)};
    if (tag.value == instance.incomplete) continue;
    ORCH_TRY(save(instance.key, tag));
    marked.emplace_back(instance.key, std::move(tag));
  }
  return marked;
}

Result<std::map<InstanceKey, std::string>> TagStore::list_incomplete() const {
  std::map<InstanceKey, std::string> tags;
  ORCH_TRY(database_.select(kSqlListValues, {std::string(kIncompleteTag)}, [&tags](const Row& row) {
    tags[read_key(row, 0)] = told_incomplete(row.text(2));
  }));
  return tags;
}

Result<std::vector<InstanceKey>> TagStore::forget_everywhere(const Tag& tag) {
  std::vector<InstanceKey> keys;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(keys, list_one(database_, {.tag = tag, .has_value = true}));
    ORCH_TRY(database_.execute(kSqlForgetEverywhere, {tag.name, tag.value}));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return keys;
}

}  // namespace orch::storage
