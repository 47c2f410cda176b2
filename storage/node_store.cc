#include "storage/node_store.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::chrono::seconds kAvailable{2};
constexpr std::chrono::seconds kGone{5};
constexpr std::chrono::seconds kMaybeServing{10};

constexpr std::string_view kSqlRefresh = R"(
    update node_health
       set last_seen_active = ?, extra_info = ?, command = ?, app_version = ?, db_backend = ?,
           incrementing_indicator = incrementing_indicator + 1
     where hostname = ? and token = ?)";
constexpr std::string_view kSqlListNodes = R"(
    select node_health.hostname, node_health.token, extra_info, command, app_version,
           last_seen_active, first_seen_active, db_backend, url
      from node_health
      left join orch_node_address on orch_node_address.hostname = node_health.hostname
                                 and orch_node_address.token = node_health.token
     order by node_health.hostname, node_health.token)";
constexpr std::string_view kSqlExpireNode = "delete from node_health where last_seen_active < ?";
constexpr std::string_view kSqlDropAddress =
    "delete from orch_node_address where hostname = ? and token = ?";
constexpr std::string_view kSqlExpireAddress = R"(
    delete from orch_node_address
     where not exists (select 1 from node_health
                        where node_health.hostname = orch_node_address.hostname
                          and node_health.token = orch_node_address.token))";

/// Those seen within `patience`, by host name.
Result<std::vector<Node>> nodes_seen(Database& database, const Clock& clock,
                                     std::chrono::seconds patience) {
  const TimePoint oldest = std::chrono::floor<std::chrono::seconds>(clock.now()) - patience;
  std::vector<Node> nodes;
  ORCH_TRY(database.select(kSqlListNodes, {}, [&](const Row& row) {
    const std::optional<TimePoint> seen = row.time(5);
    if (!seen || *seen < oldest) return;
    nodes.push_back({.identity = {row.text(0), row.text(1)},
                     .mode = row.text(2),
                     .command = row.text(3),
                     .app_version = row.text(4),
                     .first_seen = row.text(6),
                     .last_seen = row.text(5),
                     .backend = row.text(7),
                     .url = row.text(8)});
  }));
  return nodes;
}

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
    const Dialect& dialect = database_.dialect();
    if (!node.url.empty()) {
      ORCH_TRY(database_.execute(
          dialect.insert_if_absent("orch_node_address", {"hostname", "token", "url"}),
          {self.hostname, self.token, node.url}));
    }
    if (refreshed > 0) return {};
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
  return nodes_seen(database_, clock_, kAvailable);
}

Result<std::vector<Node>> NodeStore::list_serving() const {
  ORCH_ASSIGN(std::vector<Node> nodes, nodes_seen(database_, clock_, kMaybeServing));
  std::erase_if(nodes, [](const Node& node) { return node.url.empty(); });
  std::ranges::stable_sort(nodes, std::ranges::greater(), &Node::last_seen);
  return nodes;
}

Result<> NodeStore::drop_address(const NodeIdentity& self) {
  ORCH_TRY(database_.execute(kSqlDropAddress, {self.hostname, self.token}));
  return {};
}

Result<std::int64_t> NodeStore::expire() {
  ORCH_ASSIGN(const std::int64_t gone,
              database_.execute(kSqlExpireNode, {format_time(clock_.now() - kGone)}));
  ORCH_TRY(database_.execute(kSqlExpireAddress, {}));
  return gone;
}

}  // namespace orch::storage
