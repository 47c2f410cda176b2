#include "cmd/cli/runner.h"

#include <utility>

#include <fmt/format.h>

#include "cmd/cli/group_nodes.h"
#include "cmd/cli/output.h"
#include "cmd/command/names.h"

namespace orch::cmd {

namespace {

bool needs_leader(const Command& command) {
  return command.access == Access::Write && command.needs == Needs::Servers;
}

class ServiceOrHere final : public Runner {
 public:
  ServiceOrHere(const Command& command, const RunOptions& options, ServiceAccess access,
                Progress& progress)
      : command_(command), options_(options), access_(std::move(access)), progress_(progress) {}

  /// The service that somebody named.
  Result<> find_named() {
    if (command_.here) {
      return fail(
          ErrorKind::InvalidInput,
          fmt::format("{} works on the backend itself: no service can do it", command_.name));
    }
    ORCH_ASSIGN(const auto addresses, addresses_of(access_.urls, access_));
    ORCH_ASSIGN(service_, RemoteService::choose(access_, addresses, needs_leader(command_), false));
    return {};
  }

  /// A service that says in the backend where it is, else one of the group's, else this process.
  Result<> find_on_backend(const Config& config) {
    // What a group has decided since is not on the backend of a node whose service is down.
    of_group_ = config.raft.raft_enabled && !options_.ignore_raft && !access_.direct &&
                !command_.here && command_.needs != Needs::Nothing;
    auto opened = Process::open(command_, config, options_, progress_);
    const auto without = [&](const Error& why) -> Result<> {
      if (of_group_) return find_in_group(config, why);
      return fail(why);
    };
    if (!opened) return without(opened.error());
    process_ = *std::move(opened);
    if (!access_.direct && !command_.here) {
      const auto nodes = process_->serving();
      if (!nodes) return without(nodes.error());
      if (!nodes->empty()) {
        auto found = choose_node(*nodes);
        if (found) {
          service_ = *std::move(found);
          return {};
        }
        if (of_group_) return find_in_group(config, found.error());
        go_on_here(found.error());
      }
    }
    if (of_group_) return find_in_group(config, {ErrorKind::Unreachable, "none runs"});
    return get_ready();
  }

  Result<Reply> run(const Args& args) override {
    if (!service_) return command_.run(process_->services(), args);
    CommandRequest request{.command = std::string(command_.name),
                           .args = args,
                           .user = owner_argument({}),
                           .colour = options_.colour};
    request.args.host = this_host();
    RemoteService::Asked asked = service_->run(request, progress_);
    if (asked.begun || asked.reply || process_ == nullptr) return std::move(asked.reply);
    const Error& why = asked.reply.error();
    // A node that knows no leader knows nothing that holds (HA-23).
    if (of_group_) return fail(why);
    // Whoever may use the backend may do this without the service, too.
    go_on_here(why);
    service_.reset();
    ORCH_TRY(get_ready());
    return command_.run(process_->services(), args);
  }

 private:
  /// Any node of the raft group: one that does not lead passes on what it is asked.
  Result<> find_in_group(const Config& config, const Error& own_service) {
    std::vector<std::string> known;
    if (process_) known = process_->group_urls();
    const auto addresses = group_addresses(config, known, access_);
    auto found = RemoteService::choose(access_, addresses, false, true);
    if (!found) return fail(none_found(addresses.empty() ? "" : found.error().message));
    service_ = *std::move(found);
    if (command_.of_node) {
      progress_.say(fmt::format("orch: the service of this node does not answer ({}); asking {}",
                                own_service.message, service_->place()));
    }
    return {};
  }

  [[nodiscard]] Error none_found(std::string_view tried) const {
    return {
        ErrorKind::Refused,
        fmt::format(
            "Orchestrator configured to run raft (\"RaftEnabled\": true). All access must go "
            "through the web API of the active raft node. None was found{}{}: start orch serve, "
            "or name nodes with --api or ORCHESTRATOR_API{}. {} may override this with "
            "--ignore-raft-setup",
            tried.empty() ? "" : ", ", tried,
            command_.access == Access::Read ? "; --direct shows what this node knew last" : "",
            options_.legacy ? "You" : "'orch -c'")};
  }

  /// What a raft group decides goes through its leader: here it would stand on this node alone.
  Result<> get_ready() {
    const bool shared = process_->config().raft.raft_enabled && !options_.ignore_raft;
    if (shared && command_.access == Access::Write && command_.needs != Needs::Nothing &&
        !command_.here) {
      return fail(none_found(""));
    }
    return process_->get_ready();
  }

  Result<RemoteService> choose_node(const std::vector<storage::Node>& nodes) const {
    std::vector<HttpAddress> addresses;
    for (const storage::Node& node : nodes) {
      ORCH_ASSIGN(std::vector<HttpAddress> one, addresses_of({node.url}, access_));
      HttpAddress& address = one.front();
      const bool own = node.identity.hostname == this_host();
      if (!address.socket.empty() && !own) continue;
      if (own && address.host == this_host()) address.connect_to = "localhost";
      addresses.push_back(std::move(address));
    }
    if (addresses.empty()) {
      return fail(ErrorKind::Unreachable, "the services listen on sockets of other hosts");
    }
    return RemoteService::choose(access_, addresses, needs_leader(command_), true);
  }

  void go_on_here(const Error& why) {
    progress_.say(
        fmt::format("orch: the service on this backend is not used ({}); working on the "
                    "backend directly",
                    why.message));
  }

  const Command& command_;
  const RunOptions options_;
  const ServiceAccess access_;
  Progress& progress_;
  bool of_group_{false};  ///< what it does is the raft group's to do
  std::unique_ptr<Process> process_;
  std::optional<RemoteService> service_;
};

}  // namespace

Result<std::unique_ptr<Runner>> Runner::open(const Command& command, Config config,
                                             const RunOptions& options, ServiceAccess access,
                                             Progress& progress) {
  const bool named = !access.urls.empty() && !access.direct && command.needs != Needs::Nothing;
  auto runner = std::make_unique<ServiceOrHere>(command, options, std::move(access), progress);
  ORCH_TRY(named ? runner->find_named() : runner->find_on_backend(config));
  return std::unique_ptr<Runner>(std::move(runner));
}

}  // namespace orch::cmd
