#include "cmd/command/topology_text.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch::cmd {

namespace {

/// One drawn server: the tree part of its line and the server.
struct Drawn {
  std::string name{};
  const Instance* instance{nullptr};
};

std::string mark(const Instance& instance, TreeForm form) {
  if (is_group_secondary(instance)) return "‡ ";
  const bool good =
      form != TreeForm::NamesOnly && replica_running(instance) && is_valid_and_recent(instance);
  return good ? "+ " : "- ";
}

class ContractTree {
 public:
  ContractTree(const Topology& members, const TreeOptions& options)
      : members_(members), options_(options) {}

  std::vector<Drawn> draw() {
    const std::vector<const Instance*> roots = members_.roots();
    if (!roots.empty()) {
      add(*roots.back(), 0);  // of several the last one: the contract
      return std::move(drawn_);
    }
    for (const Instance& member : members_.instances()) {
      if (member.is_co_master) add(member, 1);
    }
    return std::move(drawn_);
  }

 private:
  void add(const Instance& instance, std::size_t depth) {
    if (!seen_.insert(instance.key).second) return;
    std::string name;
    if (depth > 0) name = std::string(2 * (depth - 1), ' ') + mark(instance, options_.form);
    name += to_string(instance.key);
    if (!instance.alias.empty()) name += fmt::format(" ({})", instance.alias);
    drawn_.push_back({std::move(name), &instance});
    for (const Instance* replica : members_.replicas_of(instance.key)) {
      if (depth > 0 && replica->is_co_master) continue;
      add(*replica, depth + 1);
    }
  }

  const Topology& members_;
  const TreeOptions& options_;
  std::vector<Drawn> drawn_;
  std::set<InstanceKey> seen_;
};

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

/// Columns separated by '|': widths in bytes, padding in characters; the second column to the
/// right.
std::vector<std::string> tabulate(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - characters(row[i]), ' ');
      if (i > 0) line += '|';
      line += i == 1 ? padding + row[i] : row[i] + padding;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::vector<std::string> contract_tree(const Topology& members, const TreeOptions& options) {
  const std::vector<Drawn> drawn = ContractTree(members, options).draw();
  std::vector<std::string> lines;
  if (options.form == TreeForm::Tabulated) {
    std::vector<std::vector<std::string>> rows;
    for (const Drawn& node : drawn) {
      std::vector<std::string> row =
          description_tokens(*node.instance, options.reasonable_maintenance_lag);
      row.insert(row.begin(), node.name);
      rows.push_back(std::move(row));
    }
    return tabulate(rows);
  }
  std::size_t column = 0;
  for (const Drawn& node : drawn)
    column = std::max(column, node.name.size() + 1);
  for (const Drawn& node : drawn) {
    std::string line = node.name;
    if (options.form != TreeForm::NamesOnly) {
      line.append(column - line.size(), ' ');
      line += bracket_description(*node.instance, options.reasonable_maintenance_lag);
    }
    if (options.form == TreeForm::Tags) {
      const auto tags = options.tags.find(node.instance->key);
      line += fmt::format(" [{}]", tags == options.tags.end() ? "" : join(tags->second, ","));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// --- For people ---

namespace {

constexpr std::string_view kRed = "\x1B[31m";
constexpr std::string_view kGreen = "\x1B[32m";
constexpr std::string_view kYellow = "\x1B[33m";
constexpr std::string_view kBold = "\x1B[1m";
constexpr std::string_view kPlain = "\x1B[0m";

std::string role(const Instance& instance, const Topology& members) {
  if (instance.server.binlog_server) return "binlog server";
  if (is_group_member(instance) && !instance.group.single_primary)
    return "one of several primaries";
  if (is_group_member(instance))
    return is_group_primary(instance) ? "group primary" : "group member";
  if (instance.is_co_master) return "co-primary";
  const bool has_replicas = !members.replicas_of(instance.key).empty();
  if (!is_replica(instance))
    return has_replicas || !instance.replicas.empty() ? "primary" : "alone";
  return has_replicas ? "intermediate" : "replica";
}

/// MariaDB writes GTIDs whether anybody goes by them or not: a primary goes by them with its
/// replicas.
std::string gtid_text(const Instance& instance, const Topology& members) {
  const std::vector<const Instance*> replicas = members.replicas_of(instance.key);
  const bool followed = is_mariadb(instance) && !is_replica(instance) &&
                        std::any_of(replicas.begin(), replicas.end(),
                                    [](const Instance* replica) { return uses_gtid(*replica); });
  if (uses_gtid(instance) || instance.gtid.supports_oracle || followed) {
    return instance.gtid.errant.empty() ? "GTID" : "GTID errant";
  }
  return instance.gtid.uses_pseudo ? "P-GTID" : "file:pos";
}

/// What is wrong, in words, worst first; "" when nothing is.
std::string trouble(const Instance& instance, std::chrono::seconds lag_limit) {
  std::vector<std::string> said;
  for (const std::string& problem : problems(instance, lag_limit)) {
    if (problem == "last_check_invalid") {
      said.emplace_back("unreachable");
    } else if (problem == "not_recently_checked") {
      said.push_back(
          fmt::format("last checked {}s ago", instance.freshness.since_last_check.count()));
    } else if (problem == "not_replicating") {
      const Replication& link = instance.replication;
      const std::string& why =
          !link.last_io_error.empty() ? link.last_io_error : link.last_sql_error;
      const std::string_view text = trim(std::string_view(why).substr(0, why.find('\n')));
      said.push_back(text.empty()
                         ? "not replicating"
                         : fmt::format("not replicating: {}", printable(text.substr(0, 120))));
    } else if (problem == "replication_lag") {
      said.emplace_back("lags");
    } else if (problem == "errant_gtid") {
      said.push_back(fmt::format("errant {}", printable(instance.gtid.errant.substr(0, 80))));
    } else {
      said.push_back(fmt::format("group state {}", instance.group.state));
    }
  }
  if (instance.downtime.active)
    said.push_back(fmt::format("downtimed: {}", printable(instance.downtime.reason)));
  if (is_detached_source(instance)) said.emplace_back("detached");
  if (const int sources = instance.replication.channels; sources > 1) {
    said.push_back(
        fmt::format("replicates from {} sources, and orch looks after this one only: it is never "
                    "moved or promoted",
                    sources));
  }
  const bool passive = is_replica(instance) && !instance.is_co_master;
  if (passive && !instance.server.read_only) said.emplace_back("a replica that takes writes");
  if (instance.replication.has_filters) said.emplace_back("filters what it replicates");
  const bool by_others = !instance.incomplete.empty() && !instance.replication.has_filters;
  if (by_others)
    said.push_back(fmt::format("may lack what {} left out", printable(instance.incomplete)));
  return join(said, "; ");
}

struct PeopleRow {
  std::string tree{};
  std::vector<std::string> cells{};
  std::string trouble{};
  std::string_view colour{};
};

class PeopleTree {
 public:
  PeopleTree(const Topology& members, const TreeOptions& options)
      : members_(members), options_(options) {}

  std::vector<PeopleRow> draw() {
    for (const Instance* root : members_.roots())
      add(*root, "", "");
    // What is left hangs in circles: each is opened at a co-primary or its smallest key.
    for (const Instance& member : members_.instances()) {
      if (member.is_co_master) add(member, "", "");
    }
    for (const Instance& member : members_.instances())
      add(member, "", "");
    return std::move(rows_);
  }

 private:
  void add(const Instance& instance, const std::string& branch, const std::string& below) {
    if (!seen_.insert(instance.key).second) return;
    PeopleRow row;
    row.tree = branch + to_string(instance.key);
    if (!instance.alias.empty()) row.tree += fmt::format(" ({})", printable(instance.alias));
    row.cells = {role(instance, members_),
                 instance.server.read_only ? "ro" : "rw",
                 lag_status(instance) == "null" ? "-" : lag_status(instance),
                 instance.server.version,
                 instance.server.log_bin ? instance.server.binlog_format : "no binlog",
                 gtid_text(instance, members_)};
    row.trouble = trouble(instance, options_.reasonable_lag);
    if (const auto tags = options_.tags.find(instance.key); tags != options_.tags.end()) {
      row.cells.push_back(fmt::format("[{}]", join(tags->second, ",")));
    }
    row.colour = !instance.freshness.is_last_check_valid ? kRed
                 : !row.trouble.empty()                  ? kYellow
                 : instance.server.read_only             ? std::string_view{}
                                                         : kGreen;
    rows_.push_back(std::move(row));
    std::vector<const Instance*> replicas = members_.replicas_of(instance.key);
    std::erase_if(replicas, [&](const Instance* replica) { return seen_.contains(replica->key); });
    for (const Instance* replica : replicas) {
      const bool last = replica == replicas.back();
      add(*replica, below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "));
    }
  }

  const Topology& members_;
  const TreeOptions& options_;
  std::vector<PeopleRow> rows_;
  std::set<InstanceKey> seen_;
};

}  // namespace

std::string people_tree(const std::string& cluster_name, const std::string& cluster_alias,
                        const Topology& members, const TreeOptions& options, bool colour) {
  const std::vector<PeopleRow> rows = PeopleTree(members, options).draw();
  std::vector<std::size_t> widths(8);
  std::size_t troubled = 0;
  for (const PeopleRow& row : rows) {
    widths[0] = std::max(widths[0], characters(row.tree));
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      widths[i + 1] = std::max(widths[i + 1], characters(row.cells[i]));
    }
    if (!row.trouble.empty()) ++troubled;
  }
  const auto paint = [&](std::string_view text, std::string_view code) {
    return colour && !code.empty() ? fmt::format("{}{}{}", code, text, kPlain) : std::string(text);
  };
  std::string title = cluster_alias.empty() || cluster_alias == cluster_name
                          ? cluster_name
                          : fmt::format("{} ({})", cluster_alias, cluster_name);
  std::string text = fmt::format(
      "{}  {} server{}, {}\n", paint(title, kBold), rows.size(), rows.size() == 1 ? "" : "s",
      troubled == 0 ? "no problem" : fmt::format("{} with problems", troubled));
  for (const PeopleRow& row : rows) {
    std::string line = row.tree + std::string(widths[0] - characters(row.tree), ' ');
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      line += "  " + row.cells[i] + std::string(widths[i + 1] - characters(row.cells[i]), ' ');
    }
    if (row.trouble.empty()) {
      line.erase(line.find_last_not_of(' ') + 1);
    } else {
      line += "  ! " + row.trouble;
    }
    text += paint(line, row.colour) + "\n";
  }
  return text;
}

}  // namespace orch::cmd
