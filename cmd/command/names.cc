#include "cmd/command/names.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/resolver.h"
#include "core/probe/prober.h"
#include "storage/hostname_store.h"

namespace orch::cmd {

namespace {

std::uint16_t default_port(const Services& services) {
  return static_cast<std::uint16_t>(services.config().connection.default_instance_port);
}

/// The one name of a host: as the backend remembers it, else by HostnameResolveMethod, unless a
/// server is known by that key. A failing look-up keeps the name as typed: it may be a part of one.
Result<std::string> resolved(const Services& services, const InstanceKey& key) {
  const std::string& hostname = key.hostname;
  ORCH_ASSIGN(ResolveSettings settings, resolve_settings(services.config().discovery));
  if (settings.method == ResolveMethod::None || is_detached(key)) return hostname;
  auto names = services.store<storage::HostnameStore>();
  ORCH_ASSIGN(std::optional<std::string> remembered, names.find_resolved(hostname));
  if (remembered) return *std::move(remembered);
  // A part of an address would be taken for a whole one by the system: 127 for 0.0.0.127.
  if (hostname.find_first_not_of("0123456789.") == std::string::npos) return hostname;
  ORCH_ASSIGN(const std::optional<Instance> known, services.instances().find(key));
  if (known) return hostname;
  const SteadyPoint deadline =
      std::chrono::steady_clock::now() + services.config().backend.mysql_connect_timeout_seconds;
  Result<std::string> name = Resolver(std::move(settings)).resolve(hostname, deadline);
  if (!name) log::info("{}", name.error().message);
  if (!name || *name == hostname) return hostname;
  ORCH_TRY(names.save_resolved({{{hostname, *name}}}));
  return name;
}

/// What was typed, completed fuzzily. A pattern that no single known instance fits stays one.
/// Nothing when the text names no server.
Result<std::optional<InstanceKey>> completed_key(const Services& services,
                                                 const std::string& text) {
  std::optional<InstanceKey> key = parse_key(services, text);
  if (!key) key = parse_instance_pattern(trim(text), default_port(services));
  if (key) {
    ORCH_ASSIGN(key, services.instances().find_fuzzy(*key));
  }
  return key;
}

Failure ambiguous(const std::string& alias, const std::vector<std::string>& clusters) {
  return fail(ErrorKind::InvalidInput,
              fmt::format("{} is the alias of several clusters: {}; give a cluster's name",
                          printable(alias), join(clusters, ", ")));
}

/// What was typed that may name a cluster.
std::vector<std::string> cluster_hints(const Args& args) {
  std::vector<std::string> hints;
  if (!args.alias.empty()) hints.push_back(args.alias);
  if (!args.legacy && !args.instance.empty()) hints.push_back(args.instance);
  return hints;
}

Failure not_found(const InstanceKey& key) {
  return fail(ErrorKind::NotFound, fmt::format("Instance not found: {}", to_string(key)));
}

}  // namespace

std::optional<InstanceKey> known_as_printed(const Services& services, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || text.find(':') == colon) return std::nullopt;
  const auto key = parse_instance_key(
      fmt::format("[{}]{}", text.substr(0, colon), text.substr(colon)), default_port(services));
  if (!key) return std::nullopt;
  const auto found = services.instances().find(*key);
  if (!found) log::error("{}", found.error().message);
  return found && *found ? key : std::nullopt;
}

std::optional<InstanceKey> parse_key(const Services& services, const std::string& text) {
  if (auto known = known_as_printed(services, std::string(trim(text)))) return known;
  std::optional<InstanceKey> key = parse_instance_key(trim(text), default_port(services));
  if (!key) return key;
  auto name = resolved(services, *key);
  if (name) {
    key->hostname = *std::move(name);
  } else {
    log::error("{}", name.error().message);
  }
  return key;
}

InstanceKey this_instance(const Services& services, const Args& args) {
  return {args.host.empty() ? services.self().hostname : args.host, default_port(services)};
}

Result<InstanceKey> instance_argument(const Services& services, const Args& args) {
  ORCH_ASSIGN(std::optional<InstanceKey> key, completed_key(services, args.instance));
  if (key && is_pattern(*key)) return not_found(*key);
  if (key) return *std::move(key);
  if (args.legacy && trim(args.instance).empty()) return this_instance(services, args);
  // Whoever wrote a name meant that server: no other one may take its place.
  return fail(ErrorKind::InvalidInput, args.instance.empty()
                                           ? "name an instance: HOST[:PORT]"
                                           : fmt::format("'{}' names no instance: give HOST[:PORT]",
                                                         printable(args.instance)));
}

Result<Instance> find_known(const Services& services, const InstanceKey& key) {
  ORCH_ASSIGN(std::optional<Instance> found, services.instances().find(key));
  if (found) return *std::move(found);
  return not_found(key);
}

Result<Instance> known_instance(const Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  return find_known(services, key);
}

Result<InstanceKey> destination_argument(const Services& services, const Args& args) {
  ORCH_ASSIGN(std::optional<InstanceKey> key, completed_key(services, args.destination));
  if (key && is_pattern(*key)) return not_found(*key);
  if (key) return *std::move(key);
  return fail(ErrorKind::InvalidInput,
              fmt::format("Cannot deduce destination: {}", printable(args.destination)));
}

Result<Instance> known_destination(const Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, destination_argument(services, args));
  return find_known(services, key);
}

Result<std::string> cluster_argument(const Services& services, const Args& args) {
  const storage::ClusterStore clusters = services.clusters();
  const storage::InstanceStore instances = services.instances();
  for (const std::string& hint : cluster_hints(args)) {
    ORCH_ASSIGN(const std::vector<std::string> names, clusters.find_names(hint));
    if (names.size() > 1 && !args.legacy) return ambiguous(hint, names);
    if (!names.empty()) return names.front();
  }
  ORCH_ASSIGN(const std::optional<InstanceKey> key, completed_key(services, args.instance));
  if (key) {
    ORCH_ASSIGN(const std::optional<Instance> found, instances.find(*key));
    if (found && !found->cluster_name.empty()) return found->cluster_name;
  }
  if (args.legacy) {
    ORCH_ASSIGN(const std::optional<Instance> here, instances.find(this_instance(services, args)));
    if (here && !here->cluster_name.empty()) return here->cluster_name;
    // Not to the log, which is a service's own where that does the work.
    services.progress().note(fmt::format("Unable to determine cluster name. clusterHint={}",
                                         args.alias.empty() ? args.instance : args.alias));
    return std::string();
  }
  const std::string& hint = args.alias.empty() ? args.instance : args.alias;
  if (hint.empty()) {
    // With a single cluster there is nothing to choose.
    ORCH_ASSIGN(const std::vector<std::string> names, clusters.list_names());
    if (names.size() == 1) return names.front();
    return fail(ErrorKind::InvalidInput,
                names.empty() ? "no cluster is known yet: start with 'orch discover HOST[:PORT]'"
                              : "name a cluster: its name, its alias, or one of its instances "
                                "('orch clusters' lists them)");
  }
  return fail(ErrorKind::NotFound,
              fmt::format("no cluster or instance is known as '{}' ('orch clusters' lists the "
                          "clusters, 'orch discover HOST[:PORT]' finds new ones)",
                          printable(hint)));
}

Result<std::string> cluster_to_change(const Services& services, const Args& args) {
  const storage::ClusterStore clusters = services.clusters();
  for (const std::string& hint : cluster_hints(args)) {
    ORCH_ASSIGN(const std::vector<std::string> names, clusters.find_names(hint));
    if (names.empty()) continue;
    if (names.front() == hint) break;  // a cluster's own name
    ORCH_ASSIGN(const std::vector<std::string> rivals, clusters.find_rivals(hint));
    if (rivals.size() > 1) return ambiguous(hint, rivals);
    if (names.size() > 1) return ambiguous(hint, names);
    break;
  }
  return cluster_argument(services, args);
}

Result<> check_name(std::string_view what, std::string_view name) {
  constexpr std::ptrdiff_t kRoom = 128;
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("{} has a tab, a line feed or another control character: {}", what,
                            quoted_excerpt(name)));
  }
  const auto characters = std::count_if(name.begin(), name.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
  if (characters <= kRoom) return {};
  return fail(ErrorKind::InvalidInput,
              fmt::format("{} has {} characters, and {} at most can be kept: {}", what, characters,
                          kRoom, quoted_excerpt(name)));
}

std::string owner_argument(const Args& args) {
  if (!args.owner.empty()) return args.owner;
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(geteuid());
}

Result<std::chrono::seconds> duration_argument(const Args& args) {
  constexpr std::chrono::seconds kUnlessGiven = std::chrono::minutes(10);
  if (args.duration.empty()) return kUnlessGiven;
  ORCH_ASSIGN(const std::chrono::seconds given, parse_simple_time(args.duration));
  return given.count() == 0 ? kUnlessGiven : given;
}

}  // namespace orch::cmd
