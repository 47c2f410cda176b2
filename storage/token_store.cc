#include "storage/token_store.h"

#include "storage/node_store.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlSaveToken = R"(
    insert into access_token (public_token, secret_token, generated_at, generated_by)
    values (?, ?, ?, ?))";
constexpr std::string_view kSqlExpireToken =
    "delete from access_token where generated_at < ? and is_reentrant = 0";

}  // namespace

Result<std::string> TokenStore::create(const std::string& owner) {
  ORCH_ASSIGN(std::string shown, make_token());
  ORCH_ASSIGN(const std::string secret, make_token());
  ORCH_TRY(database_.execute(kSqlSaveToken, {shown, secret, format_time(clock_.now()), owner}));
  return shown;
}

Result<std::int64_t> TokenStore::expire(std::chrono::minutes age) {
  return database_.execute(kSqlExpireToken, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
