#include "storage/lease_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::int64_t kForeignLease = 5000;  // orchestrator's, in milliseconds
/// What the clocks of the servers behind one address differ by at most.
constexpr std::chrono::milliseconds kClockSkew{60'000};

// Everything that is written was read before, or is a literal: safe where statements are replicated
// (HA-5). A row that somebody else changed meanwhile is not found.
constexpr std::string_view kSqlRenew = R"(
    update orch_lease
       set renewed_ms = ?, duration_ms = ?
     where anchor = 1 and epoch = ? and hostname = ? and token = ?)";
constexpr std::string_view kSqlTake = R"(
    update orch_lease
       set epoch = ?, hostname = ?, token = ?, since_ms = ?, renewed_ms = ?, duration_ms = ?
     where anchor = 1 and epoch = ? and token = ? and renewed_ms = ?)";
constexpr std::string_view kSqlVacate =
    "update orch_lease set hostname = '', token = '' where anchor = 1";
constexpr std::string_view kSqlVacateShown =
    "update active_node set hostname = '', token = '' where anchor = 1 and token = ?";
constexpr std::string_view kSqlReleaseLease =
    "update orch_lease set renewed_ms = 0 where anchor = 1 and hostname = ? and token = ?";
constexpr std::string_view kSqlFindForeign =
    "select hostname, token, last_seen_active from active_node where anchor = 1";

std::string_view now_ms(const Dialect& dialect) {
  return dialect.kind() == Dialect::Kind::Sqlite
             ? "cast((julianday('now') - 2440587.5) * 86400000 as integer)"
             : "cast(unix_timestamp(now(3)) * 1000 as signed)";
}

TimePoint time_of(std::int64_t ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

}  // namespace

struct LeaseStore::Row {
  std::int64_t epoch{0};
  NodeIdentity node{};
  std::int64_t since_ms{0};
  std::int64_t renewed_ms{0};
  std::int64_t duration_ms{0};
  std::int64_t now_ms{0};
};

Result<LeaseStore::Row> LeaseStore::read() const {
  std::optional<Row> row;
  const std::string sql = fmt::format(
      "select epoch, hostname, token, since_ms, renewed_ms, duration_ms, {} from orch_lease"
      " where anchor = 1",
      now_ms(database_.dialect()));
  ORCH_TRY(database_.select(sql, {}, [&](const storage::Row& read) {
    row = Row{.epoch = read.integer(0),
              .node = {read.text(1), read.text(2)},
              .since_ms = read.integer(3),
              .renewed_ms = read.integer(4),
              .duration_ms = read.integer(5),
              .now_ms = read.integer(6)};
  }));
  if (row) return *row;
  ORCH_TRY(database_.execute(
      database_.dialect().insert_if_absent("orch_lease", {"anchor", "epoch", "hostname", "token",
                                                          "since_ms", "renewed_ms", "duration_ms"}),
      {std::int64_t{1}, std::int64_t{0}, "", "", std::int64_t{0}, std::int64_t{0},
       std::int64_t{0}}));
  Row empty;
  ORCH_TRY(database_.select(fmt::format("select {}", now_ms(database_.dialect())), {},
                            [&](const storage::Row& read) { empty.now_ms = read.integer(0); }));
  return empty;
}

/// What orchestrator and people look at.
Result<> LeaseStore::show(const NodeIdentity& self, std::int64_t since_ms, std::int64_t at_ms) {
  return save_rows(database_, "active_node", {"anchor"},
                   {"anchor", "hostname", "token", "first_seen_active", "last_seen_active"},
                   {{std::int64_t{1}, self.hostname, self.token, format_time(time_of(since_ms)),
                     format_time(time_of(at_ms))}});
}

Result<std::optional<Term>> LeaseStore::take(const Row& row, const Asking& asking) {
  const auto epoch =
      static_cast<std::int64_t>(std::max(static_cast<Term>(row.epoch), asking.highest)) + 1;
  const NodeIdentity& self = asking.self;
  ORCH_ASSIGN(const std::int64_t taken,
              database_.execute(kSqlTake, {epoch, self.hostname, self.token, row.now_ms, row.now_ms,
                                           std::int64_t{asking.duration.count()}, row.epoch,
                                           row.node.token, row.renewed_ms}));
  if (taken == 0) return std::optional<Term>();
  ORCH_TRY(show(self, row.now_ms, row.now_ms));
  return std::optional<Term>(static_cast<Term>(epoch));
}

Result<bool> LeaseStore::is_orchestrators(const Row& row, const NodeIdentity& self) const {
  bool foreign = false;
  ORCH_TRY(database_.select(kSqlFindForeign, {}, [&](const storage::Row& active) {
    const std::string token = active.text(1);
    const std::optional<TimePoint> seen = active.time(2);
    foreign = !token.empty() && token != row.node.token && token != self.token && seen &&
              time_of(row.now_ms) - *seen < std::chrono::milliseconds(kForeignLease);
  }));
  return foreign;
}

Result<bool> LeaseStore::is_free(const Row& row, const Asking& asking) const {
  using std::chrono::milliseconds;
  const LeaseMark mark{static_cast<Term>(row.epoch), row.node.token, row.renewed_ms};
  const Stood stood = asking.stood_still(mark);  // also where it does not matter yet
  if (row.renewed_ms > 0) {
    // Whichever is longer: the holder counts by its own setting.
    const milliseconds patience = std::max(asking.duration, milliseconds(row.duration_ms));
    const milliseconds age{row.now_ms - row.renewed_ms};
    const bool ended = age >= (asking.one_server ? patience : patience + kClockSkew);
    const bool moves = stood.for_how_long < patience;
    if (moves && (stood.was_renewed || !ended)) return false;
    if (!ended && asking.one_server) return false;
  }
  ORCH_ASSIGN(const bool foreign, is_orchestrators(row, asking.self));
  return !foreign;
}

Result<std::optional<Term>> LeaseStore::claim(const Asking& asking) {
  const NodeIdentity& self = asking.self;
  std::optional<Term> term;
  const auto work = [&]() -> Result<> {
    term.reset();
    ORCH_ASSIGN(const Row row, read());
    const bool named = row.node.hostname == self.hostname && row.node.token == self.token &&
                       row.renewed_ms > 0 && static_cast<Term>(row.epoch) >= asking.highest;
    if (named && (asking.believes || asking.one_server)) {
      ORCH_ASSIGN(const std::int64_t renewed,
                  database_.execute(kSqlRenew, {row.now_ms, std::int64_t{asking.duration.count()},
                                                row.epoch, self.hostname, self.token}));
      if (renewed > 0) {
        term = static_cast<Term>(row.epoch);
        return show(self, row.since_ms, row.now_ms);
      }
      return {};
    }
    ORCH_ASSIGN(const bool is_free_now, is_free(row, asking));
    if (!is_free_now) return {};
    ORCH_ASSIGN(term, take(row, asking));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return term;
}

Result<LeaseStore::Taken> LeaseStore::grab(const Asking& asking) {
  std::optional<Term> term;
  std::chrono::milliseconds others{0};
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(const Row row, read());
    const bool held = row.renewed_ms > 0 && row.node.token != asking.self.token;
    if (held) {
      const std::chrono::milliseconds age{std::max<std::int64_t>(row.now_ms - row.renewed_ms, 0)};
      others = std::chrono::milliseconds(row.duration_ms);
      if (asking.one_server || age > others + kClockSkew) {
        others = std::max(others - age, std::chrono::milliseconds(0));
      }
    }
    ORCH_ASSIGN(term, take(row, asking));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  if (term) return Taken{*term, others};
  return fail(ErrorKind::Conflict, "another node has just taken the lease: try again");
}

Result<> LeaseStore::release(const NodeIdentity& self) {
  ORCH_TRY(database_.execute(kSqlReleaseLease, {self.hostname, self.token}));
  return {};
}

Result<> LeaseStore::forget() {
  ORCH_TRY(database_.execute("delete from orch_lease"));
  return {};
}

Result<> LeaseStore::vacate() {
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(const Row row, read());
    ORCH_TRY(database_.execute(kSqlVacate));
    ORCH_TRY(database_.execute(kSqlVacateShown, {row.node.token}));
    return {};
  });
}

Result<std::optional<LeaseHolder>> LeaseStore::find() const {
  ORCH_ASSIGN(const Row row, read());
  if (row.epoch == 0) return std::optional<LeaseHolder>();
  return std::optional<LeaseHolder>(LeaseHolder{.node = row.node,
                                                .epoch = static_cast<Term>(row.epoch),
                                                .since = time_of(row.since_ms),
                                                .renewed = time_of(row.renewed_ms)});
}

}  // namespace orch::storage
