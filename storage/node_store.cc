#include "storage/node_store.h"

#include <sys/random.h>

#include <array>

#include <fmt/format.h>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::chrono::seconds kAvailable{2};
constexpr std::chrono::seconds kGone{5};

constexpr std::string_view kSqlRefresh = R"(
    update node_health
       set last_seen_active = ?, extra_info = ?, command = ?, app_version = ?, db_backend = ?,
           incrementing_indicator = incrementing_indicator + 1
     where hostname = ? and token = ?)";
constexpr std::string_view kSqlListActive = R"(
    select hostname, token, extra_info, command, app_version, last_seen_active,
           first_seen_active, db_backend
      from node_health
     order by hostname, token)";
constexpr std::string_view kSqlExpireNode = "delete from node_health where last_seen_active < ?";

}  // namespace

Result<std::string> make_token() {
  std::array<unsigned char, 32> bytes{};
  const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
  if (got != static_cast<ssize_t>(bytes.size())) {
    return fail(ErrorKind::Broken, "the system has no random bytes to give");
  }
  std::string token;
  for (const unsigned char byte : bytes)
    token += fmt::format("{:02x}", byte);
  return token;
}

Result<> NodeStore::save(const Node& node) {
  const std::string now = format_time(clock_.now());
  const NodeIdentity& self = node.identity;
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(const std::int64_t refreshed,
                database_.execute(kSqlRefresh, {now, node.mode, node.command, node.app_version,
                                                database_.name(), self.hostname, self.token}));
    if (refreshed > 0) return {};
    const Dialect& dialect = database_.dialect();
    ORCH_TRY(database_.execute(
        dialect.insert_if_absent("node_health",
                                 {"hostname", "token", "first_seen_active", "last_seen_active",
                                  "extra_info", "command", "app_version", "db_backend"}),
        {self.hostname, self.token, now, now, node.mode, node.command, node.app_version,
         database_.name()}));
    ORCH_TRY(database_.execute(
        dialect.insert_if_absent("node_health_history", {"hostname", "token", "first_seen_active",
                                                         "extra_info", "command", "app_version"}),
        {self.hostname, self.token, now, node.mode, node.command, node.app_version}));
    return {};
  });
}

Result<std::vector<Node>> NodeStore::list_active() const {
  const TimePoint oldest = std::chrono::floor<std::chrono::seconds>(clock_.now()) - kAvailable;
  std::vector<Node> nodes;
  ORCH_TRY(database_.select(kSqlListActive, {}, [&](const Row& row) {
    const std::optional<TimePoint> seen = row.time(5);
    if (!seen || *seen < oldest) return;
    nodes.push_back({.identity = {row.text(0), row.text(1)},
                     .mode = row.text(2),
                     .command = row.text(3),
                     .app_version = row.text(4),
                     .first_seen = row.text(6),
                     .last_seen = row.text(5),
                     .backend = row.text(7)});
  }));
  return nodes;
}

Result<std::int64_t> NodeStore::expire() {
  return database_.execute(kSqlExpireNode, {format_time(clock_.now() - kGone)});
}

}  // namespace orch::storage
