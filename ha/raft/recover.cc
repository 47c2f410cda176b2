#include "ha/raft/recover.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/data_dir.h"
#include "ha/raft/endpoint.h"
#include "ha/raft/engine.h"
#include "ha/raft/frame.h"
#include "ha/raft/loop.h"
#include "ha/raft/member.h"
#include "ha/raft/node.h"
#include "ha/raft/transport.h"

namespace orch::ha::raft {

namespace {

using std::chrono::steady_clock;

/// For a node that needs nobody else to lead, and to write down all that it has.
constexpr std::chrono::seconds kLeadsWithin{60};

/// The engine on a log, without a network and without a state.
class IdleEngine {
 public:
  static Result<std::unique_ptr<IdleEngine>> open(const Settings& settings, const DataDir& data) {
    ORCH_ASSIGN(const auto joined, data.joined_as());
    std::unique_ptr<IdleEngine> made(new IdleEngine);
    made->id_ = joined.value_or(first_id_of(settings.advertise));
    const std::string name = name_of_life(settings.advertise, made->id_);
    OrchRaftSettings engine{};
    engine.directory = data.log().c_str();
    engine.id = made->id_;
    engine.address = name.c_str();
    engine.election_timeout = static_cast<unsigned>(settings.election_timeout.count());
    engine.heartbeat = static_cast<unsigned>(settings.heartbeat.count());
    engine.snapshot_threshold = settings.snapshot_after;
    engine.snapshot_trailing = settings.keep_entries;
    const OrchRaftHooks hooks = made->hooks();
    std::array<char, 512> problem{};
    made->engine_ =
        ::orch_raft_open(made->loop_.get(), &engine, &hooks, problem.data(), problem.size());
    if (made->engine_ == nullptr) return fail(ErrorKind::Broken, problem.data());
    return made;
  }
  ~IdleEngine() {
    if (engine_ == nullptr) return;
    ::orch_raft_close(engine_);
    loop_.run();
    ::orch_raft_free(engine_);
  }
  IdleEngine(const IdleEngine&) = delete;
  IdleEngine& operator=(const IdleEngine&) = delete;

  [[nodiscard]] std::uint64_t id() const { return id_; }
  Result<> load() { return outcome(::orch_raft_start(engine_)); }
  Result<> replace(const std::vector<Server>& servers) {
    std::vector<OrchRaftServer> all;
    for (const Server& server : servers)
      all.push_back({server.id, server.name.c_str(), server.role});
    return outcome(::orch_raft_recover(engine_, all.data(), static_cast<unsigned>(all.size())));
  }
  [[nodiscard]] OrchRaftView view() const { return ::orch_raft_view(engine_); }
  [[nodiscard]] std::vector<Server> servers() const {
    std::vector<Server> servers;
    for (unsigned i = 0; i < view().servers; ++i) {
      const OrchRaftServer server = ::orch_raft_server(engine_, i);
      servers.push_back({server.id, server.address, server.role});
    }
    return servers;
  }

 private:
  IdleEngine() = default;
  static IdleEngine& of(void* owner) { return *static_cast<IdleEngine*>(owner); }

  OrchRaftHooks hooks() {
    OrchRaftHooks hooks{};
    hooks.owner = this;
    hooks.apply = [](void*, std::uint64_t, const char*, std::size_t) {
    };
    hooks.snapshot = [](void*) {
      return 1;
    };
    hooks.snapshot_done = [](void*) {
    };
    hooks.restore = [](void* owner, const char* bytes, std::size_t size) {
      const auto state = unpack_snapshot({bytes, size});
      if (!state) of(owner).problem_ = state.error().message;
      return state ? 0 : 1;
    };
    hooks.connect = [](void* owner, void* request, std::uint64_t, const char*) {
      of(owner).connecting_.push_back(request);
    };
    hooks.close_links = [](void* owner) {
      of(owner).loop_.post([&idle = of(owner)] {
        for (void* const request : std::exchange(idle.connecting_, {}))
          ::orch_raft_connected(request, nullptr, 1);
        ::orch_raft_links_closed(idle.engine_);
      });
    };
    hooks.done = [](void*, std::uint64_t, int) {
    };
    hooks.closed = [](void* owner) {
      of(owner).loop_.stop_posting();
    };
    return hooks;
  }

  [[nodiscard]] Result<> outcome(int status) const {
    if (status == 0) return {};
    const std::string detail = ::orch_raft_error(engine_);
    return fail(ErrorKind::Broken, !problem_.empty() ? problem_
                                   : detail.empty()  ? ::orch_raft_explain(status)
                                                     : detail);
  }

  Loop loop_{};
  OrchRaft* engine_{nullptr};
  std::uint64_t id_{0};
  std::string problem_{};
  std::vector<void*> connecting_{};
};

/// What nodes say to a question that is put to all of them at once; who says nothing is left out.
Result<std::map<std::string, std::string>> ask_all(const Settings& settings,
                                                   const std::set<std::string>& addresses,
                                                   std::string_view question) {
  std::map<std::string, std::string> said;
  std::signal(SIGPIPE, SIG_IGN);  // a node that went away is an error
  Loop loop;
  Transport::Settings own = transport_settings(settings);
  own.bind.clear();
  ORCH_ASSIGN(const auto transport, Transport::open(loop.get(), std::move(own), {}));
  for (const std::string& address : addresses) {
    transport->ask(address, std::string(question), [&said, address](const auto& answer) {
      if (answer) said[address] = *answer;
    });
  }
  loop.stop_posting();
  loop.run();
  return said;
}

/// What is left, and who it says there was.
struct Found {
  Remains remains{};
  std::vector<Server> servers{};
  std::uint64_t id{};
};

Result<Found> read_log(const Settings& settings, const DataDir& data, const StateMachine& machine) {
  const auto read = [&]() -> Result<Found> {
    ORCH_ASSIGN(const auto engine, IdleEngine::open(settings, data));
    ORCH_TRY(engine->load());
    const OrchRaftView view = engine->view();
    return Found{.remains = {.last = view.last, .term = view.last_term},
                 .servers = engine->servers(),
                 .id = engine->id()};
  };
  if (data.is_pristine()) {
    return fail(ErrorKind::NotFound, fmt::format("raft data directory {}: there is no log, and so "
                                                 "nothing of a group",
                                                 settings.data_dir));
  }
  ORCH_TRY(data.check_whole());
  Result<Found> found = read();
  if (!found) {
    return fail(std::move(found).error().within("raft data directory " + settings.data_dir));
  }
  ORCH_ASSIGN(const Index applied, machine.applied());
  if (applied > found->remains.last) {
    return fail(ErrorKind::Broken,
                fmt::format("raft data directory {}: the backend has entry {} already, and the log "
                            "ends with {}: its end is lost",
                            settings.data_dir, applied, found->remains.last));
  }
  return found;
}

std::set<std::string> others_of(const Settings& settings, const std::vector<Server>& servers) {
  std::set<std::string> others(settings.peers.begin(), settings.peers.end());
  for (const Server& server : servers)
    others.emplace(address_in(server.name));
  others.erase(settings.advertise);
  return others;
}

/// Errors: Refused, when the group lives.
Result<Found> examine(const Settings& settings, const DataDir& data, const StateMachine& machine) {
  ORCH_ASSIGN(Found found, read_log(settings, data, machine));
  const std::set<std::string> others = others_of(settings, found.servers);
  ORCH_ASSIGN(const auto leaders, ask_all(settings, others, kLeaderKnown));
  for (const auto& [node, leader] : leaders) {
    if (leader.empty()) continue;
    return fail(ErrorKind::Refused,
                fmt::format("the group goes on: {} says that {} leads it. A node that is to be one "
                            "of it is started with an empty RaftDataDir",
                            node, printable(leader)));
  }
  ORCH_ASSIGN(const auto numbers, ask_all(settings, others, kIdentity));
  Remains& remains = found.remains;
  for (const Server& server : found.servers) {
    if (server.role != ORCH_RAFT_VOTER) continue;
    const std::string address(address_in(server.name));
    const auto number = numbers.find(address);
    const bool answers =
        number != numbers.end() && number->second == fmt::format("{:016x}", server.id);
    if (answers || server.id == found.id) ++remains.answering;
    remains.voters.push_back(address);
  }
  if (data.is_half_recovered()) return found;
  if (2 * remains.answering > remains.voters.size()) {
    return fail(ErrorKind::Refused,
                remains.voters.size() == 1
                    ? std::string("this node is the only one that votes: it needs no other, start "
                                  "its service")
                    : fmt::format("{} of the {} nodes that vote are there, with this one: that is "
                                  "a majority, start its service",
                                  remains.answering, remains.voters.size()));
  }
  return found;
}

/// Errors: Unreachable.
Result<> await_lead(const Node& node) {
  const SteadyPoint deadline = steady_clock::now() + kLeadsWithin;
  while (!node.leading()) {
    if (steady_clock::now() > deadline) {
      const std::string trouble = node.status().trouble;
      return fail(ErrorKind::Unreachable,
                  fmt::format("this node is alone in its group now, but it does not lead{}",
                              trouble.empty() ? "" : ": " + trouble));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

}  // namespace

Result<Remains> look_at_remains(const Settings& settings, const StateMachine& machine) {
  ORCH_ASSIGN(const auto data, DataDir::open(settings.data_dir));
  ORCH_ASSIGN(Found found, examine(settings, *data, machine));
  return std::move(found.remains);
}

Result<> begin_anew(Settings settings, StateMachine& machine,
                    const std::function<Result<>(Group&)>& lead) {
  {
    ORCH_ASSIGN(const auto data, DataDir::open(settings.data_dir));
    ORCH_ASSIGN(const Found found, examine(settings, *data, machine));
    ORCH_ASSIGN(const std::uint64_t id, fresh_id());
    std::vector<Server> servers{{id, name_of_life(settings.advertise, id), ORCH_RAFT_VOTER}};
    for (const std::string& other : others_of(settings, {})) {
      ORCH_ASSIGN(const std::uint64_t another, fresh_id());
      servers.push_back({another, name_of_life(other, another), ORCH_RAFT_SPARE});
    }
    ORCH_TRY(data->mark_half_recovered(true));
    ORCH_TRY(data->write_joined_as(id));
    ORCH_ASSIGN(const auto engine, IdleEngine::open(settings, *data));
    ORCH_TRY(engine->replace(servers));
  }
  settings.recovers = true;
  // Whoever joins gets all of it as a snapshot, and nothing of what the group was called before.
  settings.keep_entries = 1;
  {
    ORCH_ASSIGN(const auto node, Node::start(settings, machine));
    ORCH_TRY(await_lead(*node));
    ORCH_TRY(lead(*node));
    ORCH_TRY(node->take_snapshot());
  }
  ORCH_ASSIGN(const auto data, DataDir::open(settings.data_dir));
  return data->mark_half_recovered(false);
}

}  // namespace orch::ha::raft
