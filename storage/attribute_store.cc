#include "storage/attribute_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindAttribute =
    "select attribute_value from host_attributes where hostname = ? and attribute_name = ?";
constexpr std::string_view kSqlSaveAttribute = R"(
    replace into host_attributes
            (hostname, attribute_name, attribute_value, submit_timestamp, expire_timestamp)
    values (?, ?, ?, ?, null))";

}  // namespace

Result<std::optional<std::string>> AttributeStore::find(std::string_view hostname,
                                                        std::string_view attribute) const {
  return select_text(database_, kSqlFindAttribute, {std::string(hostname), std::string(attribute)});
}

Result<> AttributeStore::save(std::string_view hostname, std::string_view attribute,
                              std::string_view value) {
  ORCH_TRY(database_.execute(kSqlSaveAttribute, {std::string(hostname), std::string(attribute),
                                                 std::string(value), format_time(clock_.now())}));
  return {};
}

}  // namespace orch::storage
