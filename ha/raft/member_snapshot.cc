// How a member's state gets into a snapshot, by which the log is cut.

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "core/base/log.h"
#include "ha/raft/member.h"

namespace orch::ha::raft {

void Member::take_snapshot(const SharedAnswer<>& answer) {
  if (phase_ != Phase::Running) {
    return answer->give(fail(ErrorKind::Refused, "this node has no log yet"));
  }
  snapshot_waiters_.push_back(answer);
  // One that is taken already may lack what its asker has just seen happen.
  if (takes_snapshot_) return;
  snapshot_ticks_ = 0;
  ::orch_raft_snapshot_after(engine_, 1);
}

int Member::on_snapshot() {
  if (!broken_.empty() || phase_ == Phase::Closing) return 1;
  // With a large state it takes so long that the others would elect somebody else meanwhile.
  const auto pinned = std::make_shared<std::promise<void>>();
  unwritten_ = std::async(std::launch::async, [this, pinned]() -> Result<std::string> {
    bool is_pinned = false;
    const auto pin = [&] {
      if (!std::exchange(is_pinned, true)) pinned->set_value();
    };
    const Result<std::string> state = machine_.snapshot(pin);
    pin();
    if (!state) return fail(state.error());
    return pack_snapshot(*state);
  });
  pinned->get_future().wait();
  takes_snapshot_ = true;
  snapshot_askers_ = std::exchange(snapshot_waiters_, {});
  return 0;
}

void Member::hand_over_snapshot() {
  if (!unwritten_.valid() ||
      unwritten_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return;
  auto written = unwritten_.get();
  if (written) {
    snapshot_ = *std::move(written);
    return ::orch_raft_snapshot_written(engine_, snapshot_.data(), snapshot_.size());
  }
  log::error("raft: no snapshot: {}", written.error().message);
  for (const auto& asker : std::exchange(snapshot_askers_, {}))
    asker->give(fail(written.error()));
  ::orch_raft_snapshot_written(engine_, nullptr, 0);
}

void Member::on_snapshot_done() {
  takes_snapshot_ = false;
  snapshot_ticks_ = 0;
  std::exchange(snapshot_, {});
  ::orch_raft_snapshot_after(engine_, snapshot_waiters_.empty() ? settings_.snapshot_after : 1);
  if (phase_ == Phase::Closing) return;  // nothing says that it got to the disk
  for (const auto& asker : std::exchange(snapshot_askers_, {}))
    asker->give({});
}

}  // namespace orch::ha::raft
