#include "storage/token_store.h"

#include "storage/node_store.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlExpireToken =
    "delete from access_token where generated_at < ? and is_reentrant = 0";

constexpr std::string_view kSqlTakeToken = R"(
    update access_token
       set is_acquired = 1, acquired_at = ?
     where public_token = ? and (is_reentrant = 1 or (is_acquired = 0 and generated_at >= ?)))";
constexpr std::string_view kSqlFindSecret =
    "select secret_token from access_token where public_token = ?";
constexpr std::string_view kSqlFindTaken = R"(
    select 1 from access_token
     where public_token = ? and secret_token = ? and is_acquired = 1
       and (is_reentrant = 1 or generated_at >= ?))";

}  // namespace

Result<std::optional<std::string>> TokenStore::acquire(const std::string& publicly,
                                                       std::chrono::seconds use_within) {
  std::optional<std::string> secret;
  ORCH_TRY(database_.transaction([&]() -> Result<> {
    const TimePoint now = clock_.now();
    ORCH_ASSIGN(const std::int64_t taken,
                database_.execute(kSqlTakeToken,
                                  {format_time(now), publicly, format_time(now - use_within)}));
    if (taken == 0) return {};
    return database_.select(kSqlFindSecret, {publicly},
                            [&secret](const Row& row) { secret = row.text(0); });
  }));
  return secret;
}

Result<bool> TokenStore::is_valid(const std::string& publicly, const std::string& secret,
                                  std::chrono::minutes valid_for) const {
  bool found = false;
  ORCH_TRY(database_.select(kSqlFindTaken,
                            {publicly, secret, format_time(clock_.now() - valid_for)},
                            [&found](const Row&) { found = true; }));
  return found;
}

Result<std::string> TokenStore::create(const std::string& owner) {
  ORCH_ASSIGN(std::string shown, make_token());
  ORCH_ASSIGN(const std::string secret, make_token());
  ORCH_TRY(add_row(database_, "access_token",
                   {"public_token", "secret_token", "generated_at", "generated_by"},
                   {shown, secret, format_time(clock_.now()), owner}));
  return shown;
}

Result<std::int64_t> TokenStore::expire(std::chrono::minutes age) {
  return database_.execute(kSqlExpireToken, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
