#include "core/probe/neighbours.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/text.h"

namespace orch {
namespace {

/// More guesses than that are not worth their probes.
constexpr std::size_t kMostGuesses = 64;

std::uint16_t port_of(std::optional<std::int64_t> number) {
  return static_cast<std::uint16_t>(number && *number > 0 && *number < 65536 ? *number : 0);
}

/// The host of "10.0.0.1:54321", "2001:db8::7:54321", "[2001:db8::7]:54321", "localhost".
std::string_view peer_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    return end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
  }
  const std::string_view host = text.substr(0, text.rfind(':'));
  // Servers always print the client's port; should it be missing, half an address is left.
  const bool half_address = host.find(':') != std::string_view::npos && !is_ip_address(host);
  return half_address ? text : host;
}

std::set<std::string> hosts_of(const std::vector<ReportedReplica>& replicas) {
  std::set<std::string> hosts;
  for (const ReportedReplica& replica : replicas) {
    hosts.insert(replica.key.hostname);
  }
  return hosts;
}

}  // namespace

std::vector<ReportedReplica> read_registered_replicas(const ResultSet& set) {
  std::vector<ReportedReplica> replicas;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const Row row(set, i);
    ReportedReplica replica{{row.text("host"), port_of(row.number("port"))}, row.text("user")};
    if (replica.key.hostname.empty() && replica.key.port == 0) continue;
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

std::vector<ReportedReplica> read_dump_threads(const ResultSet& set) {
  std::vector<ReportedReplica> replicas;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const Row row(set, i);
    const std::string text = row.text("host");
    const std::string_view host = peer_host(text);
    if (!host.empty()) replicas.push_back({{std::string(host), 0}, row.text("user")});
  }
  return replicas;
}

std::vector<ReportedReplica> read_ndb_nodes(const ResultSet& set, std::uint16_t port) {
  std::vector<ReportedReplica> nodes;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const std::string uri = Row(set, i).text("service_uri");
    const auto scheme = uri.find("://");
    const std::string_view rest =
        std::string_view(uri).substr(scheme == std::string::npos ? 0 : scheme + 3);
    const auto host = peer_host(rest.substr(0, rest.find('/')));
    if (!host.empty()) nodes.push_back({{std::string(host), port}, {}});
  }
  return nodes;
}

FoundReplicas combine_replicas(const std::vector<ReportedReplica>& registered,
                               const std::vector<ReportedReplica>& threads,
                               const InstanceKey& own_key) {
  FoundReplicas found;
  std::set<std::uint16_t> ports;
  for (const ReportedReplica& replica : registered) {
    if (replica.key.hostname.empty()) {
      ports.insert(replica.key.port);
    } else if (replica.key.port != 0) {
      found.certain.push_back(replica);
    }
  }
  if (threads.size() <= found.certain.size()) return found;

  const std::set<std::string> known = hosts_of(found.certain);
  std::vector<ReportedReplica> peers;
  for (const ReportedReplica& thread : threads) {
    const bool seen = std::ranges::any_of(peers, [&](const ReportedReplica& peer) {
      return peer.key.hostname == thread.key.hostname;
    });
    if (!seen && (!known.contains(thread.key.hostname) || !ports.empty())) peers.push_back(thread);
  }
  if (ports.empty() || ports.size() * peers.size() > kMostGuesses) ports = {own_key.port};
  for (const ReportedReplica& peer : peers) {
    for (const std::uint16_t port : ports) {
      const InstanceKey key{peer.key.hostname, port};
      const bool certain = std::ranges::any_of(
          found.certain, [&](const ReportedReplica& replica) { return replica.key == key; });
      if (key != own_key && !certain) found.candidates.push_back({key, peer.user});
    }
  }
  return found;
}

void read_group(const ResultSet& set, const std::string& group_name, bool single_primary,
                Instance& instance) {
  if (instance.server.uuid.empty()) return;
  GroupMembership group{.name = group_name, .single_primary = single_primary};
  bool is_member = false;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const Row row(set, i);
    const InstanceKey key{row.text("member_host"), port_of(row.number("member_port"))};
    const std::string role = to_upper(row.text("member_role"));
    const bool is_self = equals_ignoring_case(row.text("member_id"), instance.server.uuid);
    if (role == "PRIMARY") group.primary = is_self ? instance.key : key;
    if (is_self) {
      is_member = true;
      group.role = role;
      group.state = to_upper(row.text("member_state"));
    } else {
      group.others.push_back(key);
    }
  }
  const bool for_itself = group.others.empty() || instance.replication.configured;
  if (!is_member || (!single_primary && for_itself)) return;
  if (!single_primary) group.primary = instance.key;
  instance.group = std::move(group);
}

}  // namespace orch
