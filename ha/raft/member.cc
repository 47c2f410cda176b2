#include "ha/raft/member.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "ha/raft/endpoint.h"

namespace orch::ha::raft {

namespace {

Member& member_of(void* owner) {
  return *static_cast<Member*>(owner);
}

}  // namespace

Transport::Settings transport_settings(const Settings& settings) {
  const Channel::Limits limits{
      std::max(settings.election_timeout, std::chrono::milliseconds(500)),
      std::max(2 * settings.election_timeout, std::chrono::milliseconds(1000))};
  return {settings.bind, settings.advertise, settings.security, limits};
}

Member::Member(Loop& loop, const Settings& settings, StateMachine& machine, Joining joining)
    : loop_(loop), settings_(settings), machine_(machine), joining_(std::move(joining)) {
  const MutexLock lock(mutex_);
  status_.self = settings.advertise;
  status_.state = "Follower";
}

Member::~Member() {
  if (engine_ != nullptr) ::orch_raft_free(engine_);
}

OrchRaftHooks Member::hooks() {
  OrchRaftHooks hooks{};
  hooks.owner = this;
  hooks.apply = [](void* owner, std::uint64_t index, const char* bytes, std::size_t size) {
    member_of(owner).on_apply(index, {bytes, size});
  };
  hooks.snapshot = [](void* owner) {
    return member_of(owner).on_snapshot();
  };
  hooks.snapshot_done = [](void* owner) {
    member_of(owner).on_snapshot_done();
  };
  hooks.restore = [](void* owner, const char* bytes, std::size_t size) {
    return member_of(owner).on_restore({bytes, size});
  };
  hooks.connect = [](void* owner, void* request, std::uint64_t id, const char* name) {
    member_of(owner).transport_->connect(id, name, [request](uv_stream_t* stream, bool canceled) {
      ::orch_raft_connected(request, stream, canceled ? 1 : 0);
    });
  };
  hooks.close_links = [](void* owner) {
    Member& member = member_of(owner);
    member.transport_->close([&member] { ::orch_raft_links_closed(member.engine_); });
  };
  hooks.done = [](void* owner, std::uint64_t ticket, int status) {
    Member& member = member_of(owner);
    const auto call = member.calls_.find(ticket);
    if (call == member.calls_.end()) return;
    const Done done = std::move(call->second);
    member.calls_.erase(call);
    done(status);
  };
  hooks.closed = [](void* owner) {
    member_of(owner).finish();
  };
  return hooks;
}

Result<> Member::open() {
  ORCH_ASSIGN(proposer_, fresh_id());
  ORCH_ASSIGN(data_, DataDir::open(settings_.data_dir));
  ORCH_ASSIGN(
      transport_,
      Transport::open(loop_.get(), transport_settings(settings_),
                      {[this](std::uint64_t id, const std::string& name, uv_stream_t* stream) {
                         ::orch_raft_accepted(engine_, id, name.c_str(), stream);
                       },
                       [this](std::string_view question, const Transport::Asker& asker) {
                         return on_question(question, asker);
                       },
                       [this](const std::string& address) { notice_wanted(address); },
                       [this](const std::string& address, const std::string& number) {
                         notice_another_group(address, number);
                       },
                       [this] { return known_addresses(); },
                       [this] {
                         return hears_of_no_leader();
                       }}));
  if (!settings_.security.any() && settings_.peers.size() > 1) {
    log::warning(
        "raft: the nodes speak in the clear, and anybody who reaches {} can speak along; a secret "
        "or "
        "certificates would prevent that",
        settings_.bind);
  }
  ::uv_prepare_init(loop_.get(), &observer_);
  ::uv_timer_init(loop_.get(), &ticker_);
  observer_.data = ticker_.data = this;
  handles_open_ = true;
  ::uv_prepare_start(&observer_, [](uv_prepare_t* prepare) { member_of(prepare->data).observe(); });
  const auto each = static_cast<std::uint64_t>(settings_.heartbeat.count());
  ::uv_timer_start(
      &ticker_, [](uv_timer_t* timer) { member_of(timer->data).tick(); }, each, each);
  disk_fine_at_ = std::chrono::steady_clock::now();

  if (data_->is_half_recovered() && !settings_.recovers) {
    return fail(ErrorKind::Broken,
                fmt::format("raft data directory {}: 'orch raft recover' was cut off here, and is "
                            "to be run again",
                            settings_.data_dir));
  }
  if (data_->is_pristine()) return begin_pristine();
  ORCH_TRY(data_->check_whole());
  ORCH_ASSIGN(const auto joined, data_->joined_as());
  return open_engine(joined.value_or(first_id_of(settings_.advertise)), {});
}

Result<> Member::open_engine(std::uint64_t id, const std::vector<std::string>& founders) {
  id_ = id;
  unsigned seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = static_cast<unsigned>(id);
  const std::string name = name_of_life(settings_.advertise, id);
  OrchRaftSettings settings{};
  settings.directory = data_->log().c_str();
  settings.id = id;
  settings.address = name.c_str();
  settings.election_timeout = static_cast<unsigned>(settings_.election_timeout.count());
  settings.heartbeat = static_cast<unsigned>(settings_.heartbeat.count());
  settings.snapshot_threshold = settings_.snapshot_after;
  settings.snapshot_trailing = settings_.keep_entries;
  settings.seed = seed;
  const OrchRaftHooks called = hooks();
  const bool is_new = data_->is_pristine();
  std::array<char, 512> problem{};
  engine_ = ::orch_raft_open(loop_.get(), &settings, &called, problem.data(), problem.size());
  const auto broken = [&](const std::string& why) {
    return fail(ErrorKind::Broken,
                fmt::format("raft data directory {}: {}", settings_.data_dir, why));
  };
  if (engine_ == nullptr) return broken(problem.data());
  if (is_new) ORCH_TRY(machine_.reset());
  ORCH_TRY(machine_.attach(settings_.data_dir));
  if (!founders.empty()) {
    std::vector<OrchRaftServer> servers;
    for (const std::string& founder : founders) {
      servers.push_back({first_id_of(founder), founder.c_str(), ORCH_RAFT_VOTER});
    }
    if (::orch_raft_bootstrap(engine_, servers.data(), static_cast<unsigned>(servers.size())) !=
        0) {
      return broken(::orch_raft_error(engine_));
    }
  }
  transport_->identify(id);
  if (const int status = ::orch_raft_start(engine_); status != 0) {
    const std::string detail = ::orch_raft_error(engine_);
    if (!broken_.empty()) return broken(broken_);
    return broken(detail.empty() ? ::orch_raft_explain(status) : detail);
  }
  ORCH_TRY(compare_with_state());
  learn_group();
  phase_ = Phase::Running;
  publish(::orch_raft_view(engine_));
  return {};
}

/// The engine cuts off without a word what it cannot read at the end of a log, also what the node
/// had acknowledged. Whoever leads has what was agreed on, and fills it in.
Result<> Member::compare_with_state() {
  ORCH_ASSIGN(const Index applied, machine_.applied());
  const Index last = ::orch_raft_view(engine_).last;
  if (applied <= last) return {};
  const std::string lost = fmt::format("it carried out entry {}, and has {}", applied, last);
  if (is_only_voter()) {
    return fail(ErrorKind::Broken,
                fmt::format("raft data directory {}: this node has lost the end of its log: {} "
                            "(with an empty one it begins as a new one)",
                            settings_.data_dir, lost));
  }
  lose_end(applied, lost);
  return {};
}

void Member::close() {
  if (phase_ == Phase::Closing) return;
  phase_ = Phase::Closing;
  led_term_ = 0;
  if (engine_ != nullptr) {
    ::orch_raft_close(engine_);
  } else if (transport_) {
    transport_->close([this] { finish(); });
  } else {
    finish();
  }
}

void Member::finish() {
  if (std::exchange(handles_open_, false)) {
    ::uv_close(reinterpret_cast<uv_handle_t*>(&observer_), nullptr);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&ticker_), nullptr);
  }
  const auto ended = fail(ErrorKind::Unreachable, "this node ends");
  for (const auto& [number, answer] : std::exchange(proposals_, {}))
    answer->give(ended);
  for (auto* waiters : {&snapshot_askers_, &snapshot_waiters_}) {
    for (const auto& waiter : std::exchange(*waiters, {}))
      waiter->give(ended);
  }
  loop_.stop_posting();
  const MutexLock lock(mutex_);
  status_.state = "Shutdown";
  status_.leader.clear();
}

// What the engine calls

void Member::on_apply(Index index, std::string_view bytes) {
  // It comes again when the process has been started anew.
  if (!broken_.empty()) return;
  const auto proposal = unpack_proposal(bytes);
  if (!proposal) {
    log::error("raft: entry {} of the log is no command; all nodes skip it", index);
    return;
  }
  auto result = machine_.apply(index, proposal->command);
  if (!result) return break_down(std::move(result).error().message);
  if (group_.empty()) learn_group();
  if (proposal->proposer != proposer_) return;
  const auto waiting = proposals_.find(proposal->number);
  if (waiting != proposals_.end()) waiting->second->give(std::move(result));
}

int Member::on_restore(std::string_view bytes) {
  const auto restored = [&]() -> Result<> {
    ORCH_ASSIGN(const std::string_view state, unpack_snapshot(bytes));
    return machine_.restore(state);
  }();
  if (restored) learn_group();
  if (restored) return 0;
  break_down(restored.error().message);
  return 1;
}

void Member::break_down(const std::string& why) {
  if (!broken_.empty()) return;
  broken_ = why;
  led_term_ = 0;
  log::error("raft: this node cannot go on: {}", why);
  {
    const MutexLock lock(mutex_);
    status_.trouble = why;
  }
  if (settings_.broken) settings_.broken(why);
}

}  // namespace orch::ha::raft
