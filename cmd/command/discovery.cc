#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/engine.h"
#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/replies.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/probe/crawl.h"

namespace orch::cmd {

namespace {

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Reply crawl_reply(const CrawlResult& result) {
  Reply reply;
  Json found = Json::array();
  Json skipped = Json::array();
  Json unreachable = Json::array();
  Json incomplete = Json::array();
  std::vector<std::string> clusters;
  for (const Observation& seen : result.found) {
    reply.lines.push_back(to_string(seen.instance.key));
    found.push_back(to_json(seen.instance.key));
    clusters.push_back(seen.instance.cluster_name);
    for (const Error& error : seen.soft_errors) {
      reply.notes.push_back("partly read: " + error.message);
      incomplete.push_back({{"Key", to_json(seen.instance.key)}, {"Because", error.message}});
    }
  }
  for (const SkippedKey& key : result.skipped) {
    reply.text += fmt::format("  skipped {}: {}\n", to_string(key.key), key.because);
    skipped.push_back({{"Key", to_json(key.key)}, {"Because", key.because}});
  }
  for (const UnreachedKey& key : result.unreachable) {
    reply.notes.push_back("unreachable: " + key.error.message);
    unreachable.push_back({{"Key", to_json(key.key)}, {"Because", key.error.message}});
  }
  for (const std::string& warning : result.warnings)
    reply.notes.push_back("warning: " + warning);
  reply.failed = !reply.notes.empty();  // what was found is kept; a script learns that not all is
  std::sort(clusters.begin(), clusters.end());
  clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
  reply.text = fmt::format("{} found, {} skipped, {} unreachable\n{}",
                           counted(result.found.size(), "server"), result.skipped.size(),
                           result.unreachable.size(), reply.text);
  for (const std::string& cluster : clusters) {
    // A name that servers gave is not put into a command line for somebody's shell to read.
    const bool is_plain = std::all_of(cluster.begin(), cluster.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 ||
             std::string_view(".-_:").find(static_cast<char>(c)) != std::string_view::npos;
    });
    reply.text += "cluster " + as_line(cluster) +
                  (is_plain ? fmt::format(" ('orch topology {}' shows it)\n", cluster) : "\n");
  }
  reply.json = dump({{"Clusters", clusters},
                     {"Found", found},
                     {"Skipped", skipped},
                     {"Unreachable", unreachable},
                     {"PartlyRead", incomplete},
                     {"Warnings", result.warnings}});
  return reply;
}

/// What it says of the aliases that other clusters claim, too.
Result<std::vector<std::string>> rivals_of(const Services& services, const CrawlResult& result) {
  std::set<std::string> aliases;
  for (const Observation& seen : result.found)
    aliases.insert(seen.instance.suggested_cluster_alias);
  std::vector<std::string> lines;
  for (const std::string& alias : aliases) {
    if (alias.empty()) continue;
    ORCH_ASSIGN(const std::vector<std::string> rivals, services.clusters().find_rivals(alias));
    if (rivals.empty()) continue;
    lines.push_back(
        fmt::format("{} is the alias of several clusters: {}; the first keeps it, and "
                    "what changes something refuses it",
                    printable(alias), join(rivals, ", ")));
  }
  return lines;
}

/// Ours: everything that the server is connected to.
Result<Reply> discover_all(const Services& services, const InstanceKey& seed) {
  ORCH_ASSIGN(const CrawlResult result, crawl_and_record(services, {seed}));
  if (!result.found.empty()) {
    Reply reply = crawl_reply(result);
    ORCH_ASSIGN(const std::vector<std::string> rivals, rivals_of(services, result));
    for (const std::string& line : rivals)
      reply.text += line + "\n";
    return reply;
  }
  if (!result.unreachable.empty()) return fail(result.unreachable.front().error);
  if (result.skipped.empty()) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("'{}' names no server that can be contacted", to_string(seed)));
  }
  return fail(ErrorKind::Refused,
              fmt::format("{} is left alone: {}", to_string(seed), result.skipped.front().because));
}

Result<Reply> run_discover(Services& services, const Args& args) {
  std::optional<InstanceKey> key = parse_key(services, args.instance);
  // Wildcards may stand for a known instance; any other text is wrong.
  if (!key) {
    ORCH_ASSIGN(key, instance_argument(services, args));
  }
  const InstanceKey seed = *std::move(key);
  if (!args.legacy) return discover_all(services, seed);
  ORCH_ASSIGN(const Instance found, probe_and_record(services, seed));
  Reply reply = key_reply(found.key);
  ORCH_ASSIGN(const std::vector<Instance> known,
              services.instances().list({.cluster = found.cluster_name}));
  for (const Instance& other : known) {
    if (other.key == found.key) continue;
    for (const std::string& warning : twins({&found, &other}))
      reply.notes.push_back("warning: " + warning);
  }
  reply.failed = !reply.notes.empty();
  return reply;
}

}  // namespace

std::vector<Command> discovery_commands() {
  return {
      {.name = "discover",
       .section = "Instance management",
       .help = "Find servers: the whole topology around one of them ('-c discover': this one only)",
       .example = "db1.example:3306",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .needs = Needs::Servers,
       .run = run_discover},
  };
}

}  // namespace orch::cmd
