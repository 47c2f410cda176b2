#include "storage/hostname_store.h"

#include "core/model/instance_key.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindResolved =
    "select resolved_hostname from hostname_resolve where hostname = ?";
constexpr std::string_view kSqlListResolved =
    "select hostname, resolved_hostname from hostname_resolve order by hostname";
constexpr std::string_view kSqlForgetResolved = "delete from hostname_resolve";
constexpr std::string_view kSqlExpireResolved =
    "delete from hostname_resolve where resolved_timestamp < ?";
constexpr std::string_view kSqlListLoops = R"(
    select a.hostname
      from hostname_resolve a
      join hostname_resolve b on b.hostname = a.resolved_hostname
                             and b.resolved_hostname = a.hostname
     where a.hostname <> b.hostname and a.resolved_timestamp < b.resolved_timestamp)";
constexpr std::string_view kSqlForgetOneResolved =
    "delete from hostname_resolve where hostname = ?";
constexpr std::string_view kSqlFindUnresolved =
    "select unresolved_hostname from hostname_unresolve"
    " where hostname = ? and last_registered >= ?";
constexpr std::string_view kSqlListUnresolved =
    "select hostname, unresolved_hostname from hostname_unresolve order by hostname";
constexpr std::string_view kSqlForgetUnresolved =
    "delete from hostname_unresolve where hostname = ?";
constexpr std::string_view kSqlExpireUnresolved =
    "delete from hostname_unresolve where last_registered < ?";

constexpr std::string_view kSqlFindAddresses =
    "select hostname, ipv4, ipv6 from hostname_ips where hostname = ?";

Result<std::vector<ResolvedName>> list_names(Database& database, std::string_view sql) {
  std::vector<ResolvedName> names;
  ORCH_TRY(database.select(sql, {}, [&names](const Row& row) {
    names.push_back({row.text(0), row.text(1)});
  }));
  return names;
}

}  // namespace

HostAddresses addresses_of(const std::string& hostname, const std::vector<std::string>& addresses) {
  HostAddresses host{.hostname = hostname};
  for (const std::string& address : addresses)
    (is_ipv4(address) ? host.ipv4 : host.ipv6) = address;
  return host;
}

Result<std::optional<std::string>> HostnameStore::find_resolved(const std::string& hostname) const {
  return select_text(database_, kSqlFindResolved, {hostname});
}

Result<std::vector<ResolvedName>> HostnameStore::list_resolved() const {
  return list_names(database_, kSqlListResolved);
}

Result<> HostnameStore::save_resolved(std::span<const ResolvedName> names) {
  const std::string now = format_time(clock_.now());
  std::vector<std::vector<SqlValue>> rows;
  std::vector<std::vector<SqlValue>> history;
  for (const ResolvedName& name : names) {
    rows.push_back({name.hostname, name.resolved, now});
    if (name.hostname != name.resolved) history.push_back({name.resolved, name.hostname, now});
  }
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(save_rows(database_, "hostname_resolve", {"hostname"},
                       {"hostname", "resolved_hostname", "resolved_timestamp"}, rows));
    return save_rows(database_, "hostname_resolve_history", {"resolved_hostname"},
                     {"resolved_hostname", "hostname", "resolved_timestamp"}, history);
  });
}

Result<std::int64_t> HostnameStore::forget_resolved() {
  return database_.execute(kSqlForgetResolved);
}

Result<std::int64_t> HostnameStore::expire_resolved(std::chrono::minutes age) {
  std::int64_t gone = 0;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(gone, database_.execute(kSqlExpireResolved, {format_time(clock_.now() - age)}));
    std::vector<std::string> older;
    ORCH_TRY(database_.select(kSqlListLoops, {},
                              [&older](const Row& row) { older.push_back(row.text(0)); }));
    for (const std::string& hostname : older) {
      ORCH_TRY(database_.execute(kSqlForgetOneResolved, {hostname}));
    }
    gone += static_cast<std::int64_t>(older.size());
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return gone;
}

Result<std::optional<std::string>> HostnameStore::find_unresolved(const std::string& hostname,
                                                                  std::chrono::minutes age) const {
  return select_text(database_, kSqlFindUnresolved, {hostname, format_time(clock_.now() - age)});
}

Result<std::vector<ResolvedName>> HostnameStore::list_unresolved() const {
  return list_names(database_, kSqlListUnresolved);
}

Result<> HostnameStore::save_unresolved(const std::string& hostname,
                                        const std::string& virtual_name) {
  if (virtual_name.empty()) return forget_unresolved(hostname);
  const std::string now = format_time(clock_.now());
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(save_rows(database_, "hostname_unresolve", {"hostname"},
                       {"hostname", "unresolved_hostname", "last_registered"},
                       {{hostname, virtual_name, now}}));
    return save_rows(database_, "hostname_unresolve_history", {"unresolved_hostname"},
                     {"unresolved_hostname", "hostname", "last_registered"},
                     {{virtual_name, hostname, now}});
  });
}

Result<> HostnameStore::forget_unresolved(const std::string& hostname) {
  ORCH_TRY(database_.execute(kSqlForgetUnresolved, {hostname}));
  return {};
}

Result<std::int64_t> HostnameStore::expire_unresolved(std::chrono::minutes age) {
  return database_.execute(kSqlExpireUnresolved, {format_time(clock_.now() - age)});
}

Result<std::optional<HostAddresses>> HostnameStore::find_addresses(
    const std::string& hostname) const {
  std::optional<HostAddresses> found;
  ORCH_TRY(database_.select(kSqlFindAddresses, {hostname}, [&found](const Row& row) {
    found = {row.text(0), row.text(1), row.text(2)};
  }));
  return found;
}

Result<> HostnameStore::save_addresses(std::span<const HostAddresses> hosts) {
  const std::string now = format_time(clock_.now());
  std::vector<std::vector<SqlValue>> rows;
  for (const HostAddresses& host : hosts)
    rows.push_back({host.hostname, host.ipv4, host.ipv6, now});
  return database_.transaction([&] {
    return save_rows(database_, "hostname_ips", {"hostname"},
                     {"hostname", "ipv4", "ipv6", "last_updated"}, rows);
  });
}

}  // namespace orch::storage
