#include "cmd/command/raft.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "ha/raft/raft_coordination.h"
#include "ha/raft/recover.h"
#include "ha/raft/shared_database.h"
#include "ha/raft/state.h"

namespace orch::cmd {

namespace {

using ha::raft::Group;
using ha::raft::Peer;
using ha::raft::Status;

/// For a node that needs nobody else for it.
constexpr std::chrono::seconds kNumberWithin{10};

Result<Group*> group_of(const Services& services) {
  if (services.group() != nullptr) return services.group();
  return fail(ErrorKind::NotFound,
              "this is not a node of a raft group: ask a service that runs with RaftEnabled "
              "(--api URL)");
}

/// What the nodes answer, this one included, in the order of `status.peers`. One that is held up is
/// not waited for.
std::vector<Result<std::string>> ask_nodes(const Group& group, const Status& status,
                                           std::string_view question) {
  std::vector<Result<std::string>> answers(
      status.peers.size(), fail(ErrorKind::Unreachable, "this node is held up, and asks nobody"));
  if (status.held_up) return answers;
  parallel_for(answers.size(), answers.size(), [&](std::size_t i) {
    answers[i] = group.ask(status.peers[i].address, std::string(question));
  });
  return answers;
}

bool in_quorum(const Status& status) {
  return status.state == "Leader" || status.state == "Follower";
}

std::string_view health_of(const Result<std::string>& answer) {
  if (!answer) return "no answer";
  return *answer == kWell ? "well" : "unwell";
}

Result<Reply> run_status(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  const Status status = group->status();
  Reply reply;
  const std::vector<Result<std::string>> answers = ask_nodes(*group, status, kIsWell);
  Json nodes = Json::array();
  reply.table.heading = {"node", "role", "votes", "health"};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Peer& peer = status.peers[i];
    const std::string role = peer.address == status.leader ? "leader" : "follower";
    const std::string health(status.held_up ? "not known" : health_of(answers[i]));
    reply.lines.push_back(peer.address);
    reply.table.rows.push_back({peer.address, role, peer.votes ? "yes" : "no", health});
    nodes.push_back(
        {{"Address", peer.address}, {"Role", role}, {"Votes", peer.votes}, {"Health", health}});
  }
  reply.notes.push_back(fmt::format("{} is {} in term {}; {} entries agreed on, {} carried out",
                                    status.self, status.state, status.term, status.committed,
                                    status.applied));
  if (!status.trouble.empty()) reply.notes.push_back(status.trouble);
  if (status.leader.empty()) {
    reply.failed = true;
    reply.notes.emplace_back("no node is known to lead");
  } else if (group->known_url(status.leader).empty()) {
    reply.notes.push_back(
        fmt::format("where {} answers requests is not known here", status.leader));
  }
  Json json = raft_status_json(services, *group);
  json["Group"] = status.group;
  json["Term"] = status.term;
  json["Committed"] = status.committed;
  json["Applied"] = status.applied;
  json["Nodes"] = std::move(nodes);
  reply.json = dump(json);
  return reply;
}

Result<Reply> done(const Result<>& outcome, const std::string& text) {
  if (!outcome) return fail(outcome.error());
  Reply reply;
  reply.lines.push_back(text);
  return reply;
}

Result<Reply> run_add(Services& services, const Args& args) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  const std::string address = full_address(services.config().raft, args.hostname);
  return done(group->add(address), address);
}

Result<Reply> run_remove(Services& services, const Args& args) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  const std::string address = full_address(services.config().raft, args.hostname);
  return done(group->remove(address), address);
}

Result<Reply> run_yield(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  return done(group->hand_over(""), "another node leads");
}

Result<Reply> run_elect(Services& services, const Args& args) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  return done(yield_to_hint(*group, args.hostname), args.hostname);
}

Result<Reply> run_snapshot(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(Group* const group, group_of(services));
  return done(group->take_snapshot(), "snapshot created");
}

std::string price_of_recovery(const std::string& self, const ha::raft::Remains& remains) {
  return fmt::format(
      "{} has the log of its group up to entry {}, which is of term {}. {} of its {} nodes that "
      "vote ({}) {} there.\n"
      "With --accept-loss it begins a group of its own with all that it has, and without them:\n"
      "* What the others agreed on and this node has not heard of is lost: downtimes, tags, "
      "acknowledgements, steps of recoveries. Of several nodes that are left, this is for the one "
      "with the highest term, and among equals with the highest entry.\n"
      "* The others must not come back with what they have now: they would be a second group that "
      "acts on the same servers. Empty their RaftDataDir; then they are taken in when they "
      "start.\n"
      "* What is not to come back at all belongs out of RaftNodes, on all nodes, first.\n",
      self, remains.last, remains.term, remains.answering, remains.voters.size(),
      join(remains.voters, ", "), remains.answering == 1 ? "is" : "are");
}

/// On the node itself, whose service must not run.
Result<Reply> run_begin_anew(Services& services, const Args& args) {
  const RaftSettings& raft = services.config().raft;
  if (!raft.raft_enabled) {
    return fail(ErrorKind::InvalidInput,
                "the configuration is not that of a raft node: RaftEnabled");
  }
  const ha::raft::Settings settings = raft_settings(raft);
  ORCH_TRY(ha::raft::check_settings(settings));
  ha::raft::State state(services.database(), services.clock());
  ORCH_ASSIGN(const ha::raft::Remains remains, ha::raft::look_at_remains(settings, state));
  Reply reply;
  reply.json = dump({{"RaftAdvertise", settings.advertise},
                     {"LastEntry", remains.last},
                     {"LastTerm", remains.term},
                     {"Voters", remains.voters},
                     {"VotersThere", remains.answering},
                     {"Done", args.accept_loss}});
  if (!args.accept_loss) {
    reply.text = price_of_recovery(settings.advertise, remains);
    reply.notes.emplace_back("nothing is changed without --accept-loss");
    reply.refused = ErrorKind::Refused;
    return reply;
  }
  ORCH_TRY(ha::raft::begin_anew(settings, state, [&](Group& group) {
    ha::raft::SharedDatabase shared(services.database(), group, kNumberWithin);
    return ha::raft::renumber_group(shared);
  }));
  reply.lines.push_back(
      fmt::format("{} is the only node of a new group: start its service", settings.advertise));
  return reply;
}

}  // namespace

bool is_sound(const Status& status) {
  return in_quorum(status) && status.trouble.empty();
}

Json raft_status_json(const Services& services, const Group& group) {
  const Status status = group.status();
  Json peers = Json::array();
  for (const Peer& peer : status.peers)
    peers.push_back(peer.address);
  return {{"RaftBind", full_address(services.config().raft, services.config().raft.raft_bind)},
          {"RaftAdvertise", status.self},
          {"State", status.state},
          {"Healthy", is_sound(status)},
          {"IsPartOfQuorum", in_quorum(status) && !status.leader.empty()},
          {"Leader", status.leader},
          {"LeaderURI", group.known_url(status.leader)},
          {"Peers", peers},
          {"Trouble", status.trouble}};
}

std::vector<std::string> healthy_members(const Group& group) {
  std::vector<std::string> healthy;
  const Status status = group.status();
  const std::vector<Result<std::string>> answers = ask_nodes(group, status, kIsWell);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (status.peers[i].votes && answers[i] && *answers[i] == kWell)
      healthy.push_back(status.peers[i].address);
  }
  return healthy;
}

std::string full_address(const RaftSettings& settings, const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const bool bare_v6 = address.find(':') != colon && !address.starts_with('[');
  const bool has_port = colon != std::string::npos && !bare_v6 && !address.ends_with(']');
  if (has_port || settings.default_raft_port == 0) return address;
  return bare_v6 ? fmt::format("[{}]:{}", address, settings.default_raft_port)
                 : fmt::format("{}:{}", address, settings.default_raft_port);
}

ha::raft::Settings raft_settings(const RaftSettings& from) {
  ha::raft::Settings settings;
  settings.bind = full_address(from, from.raft_bind);
  settings.advertise = full_address(from, from.raft_advertise);
  for (const std::string& node : from.raft_nodes)
    settings.peers.push_back(full_address(from, node));
  settings.data_dir = from.raft_data_dir;
  settings.election_timeout = from.raft_election_timeout_milliseconds;
  settings.heartbeat = from.raft_heartbeat_milliseconds;
  settings.security.secret = from.raft_secret;
  settings.security.certificate = from.raft_ssl_cert_file;
  settings.security.key = from.raft_ssl_private_key_file;
  settings.security.authority = from.raft_ssl_ca_file;
  return settings;
}

Result<> yield_to(Group& group, const std::string& address) {
  const Status status = group.status();
  for (const Peer& peer : status.peers) {
    if (peer.address != address && !peer.address.starts_with(address + ":")) continue;
    if (peer.address == status.leader) return {};
    return group.hand_over(peer.address);
  }
  return fail(ErrorKind::NotFound,
              fmt::format("no node of the group has the address {}", printable(address)));
}

Result<> yield_to_hint(Group& group, const std::string& hint) {
  const Status status = group.status();
  if (status.leader.find(hint) != std::string::npos) return {};
  const auto fits = std::ranges::find_if(status.peers, [&hint](const Peer& peer) {
    return peer.votes && peer.address.find(hint) != std::string::npos;
  });
  if (fits != status.peers.end()) return group.hand_over(fits->address);
  const std::vector<Result<std::string>> hosts = ask_nodes(group, status, kHostName);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!status.peers[i].votes || !hosts[i] || hosts[i]->find(hint) == std::string::npos) continue;
    const std::string& address = status.peers[i].address;
    return address == status.leader ? Result<>() : group.hand_over(address);
  }
  return fail(ErrorKind::NotFound,
              fmt::format("no node's address or host name contains '{}'", printable(hint)));
}

std::vector<Command> raft_commands() {
  const auto verb = [](std::string_view name, std::string_view help,
                       Result<Reply> (*run)(Services&, const Args&)) {
    return Command{.name = name,
                   .section = "Raft",
                   .help = help,
                   .access = Access::Write,
                   .offer = Offer::Verb,
                   .run = run};
  };
  const auto on_node = [&verb](std::string_view name, std::string_view help,
                               Result<Reply> (*run)(Services&, const Args&)) {
    Command command = verb(name, help, run);
    command.example = "db-orch2:10008";
    command.words = {Word::Hostname};
    command.required = 1;
    return command;
  };
  Command status = verb("raft status", "List the nodes of the raft group", run_status);
  status.access = Access::Read;
  status.of_node = true;
  Command recover = verb("raft recover",
                         "Go on with this node alone when most nodes are lost for good, while its "
                         "service is stopped",
                         run_begin_anew);
  recover.example = "--accept-loss";
  recover.options = Option::AcceptLoss;
  recover.here = true;
  return {status,
          recover,
          on_node("raft add", "Take a node into the raft group", run_add),
          on_node("raft remove", "Take a node out of the raft group", run_remove),
          verb("raft yield", "Have another node lead", run_yield),
          on_node("raft elect", "Have the node lead whose address contains a text", run_elect),
          verb("raft snapshot", "Write a snapshot on the leader, and cut its log", run_snapshot)};
}

}  // namespace orch::cmd
