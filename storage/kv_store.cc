#include "storage/kv_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindKv = "select store_value from kv_store where store_key = ?";
constexpr std::string_view kSqlSaveKv =
    "replace into kv_store (store_key, store_value, last_updated) values (?, ?, ?)";

}  // namespace

Result<std::optional<std::string>> KvStore::find(const std::string& key) const {
  return select_text(database_, kSqlFindKv, {key});
}

Result<> KvStore::save(const std::string& key, const std::string& value) {
  ORCH_TRY(database_.execute(kSqlSaveKv, {key, value, format_time(clock_.now())}));
  return {};
}

}  // namespace orch::storage
