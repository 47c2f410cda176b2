#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "ha/raft/answer.h"
#include "ha/raft/group.h"
#include "ha/raft/settings.h"

namespace orch::ha::raft {

class Loop;
class Member;
struct Change;
struct Server;

/// A node of a raft group: a log on this machine's disk, a thread that runs the engine, and
/// connections to the other nodes.
class Node final : public Group {
 public:
  /// `machine` outlives the node, and is called by the node's thread alone. Errors: InvalidInput,
  /// Denied, Conflict when the port or the directory is somebody else's, Broken when the log or the
  /// state machine is.
  static Result<std::unique_ptr<Node>> start(Settings settings, StateMachine& machine);
  /// Hands leadership over first, if it can.
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] std::optional<Term> leading() const override;
  Result<std::string> propose(std::string command, std::chrono::milliseconds limit) override;
  Result<Term> prove(std::chrono::milliseconds limit) override;
  [[nodiscard]] Status status() const override;
  Result<> hand_over(const std::string& address) override;
  Result<> yield(std::chrono::milliseconds span) override;
  Result<> add(const std::string& address) override;
  Result<> remove(const std::string& address) override;
  [[nodiscard]] Result<std::string> ask(const std::string& address,
                                        const std::string& question) const override;
  Result<> renew_certificates() override;
  Result<> take_snapshot() override;

 private:
  struct Newcomer {
    std::string address{};
    std::uint64_t id{};
  };

  Node(Settings settings, StateMachine& machine);
  void run(const SharedAnswer<>& started);
  void admit_newcomers();
  void queue_newcomer(const std::string& address, std::uint64_t id);
  /// Has the engine's thread do it, and waits for what it says.
  template <typename T>
  Result<T> call(std::function<void(Member&, const SharedAnswer<T>&)> task,
                 SteadyPoint deadline) const;
  /// Waits until `leader` leads ("": whoever was elected in this node's place), and all nodes that
  /// answer know it.
  Result<> await_leader(const std::string& leader, SteadyPoint deadline);
  /// Which of the nodes that answer name another leader, or none.
  [[nodiscard]] std::vector<std::string> unaware_of(const std::string& leader,
                                                    SteadyPoint deadline) const;
  Result<> change(const Change& step, SteadyPoint deadline);
  /// Errors: Refused, when the node there holds the log of another group.
  Result<> check_group(const std::string& address, SteadyPoint deadline);
  Result<> admit(const std::string& address, std::uint64_t id, SteadyPoint deadline);
  Result<std::uint64_t> number_at(const std::string& address, SteadyPoint deadline);
  Result<> promote(std::uint64_t id, SteadyPoint deadline);
  /// Whether the node that waits under this number waits under another one now.
  [[nodiscard]] bool came_back_as_another(std::uint64_t id);
  /// A moment; false when this node ends.
  bool pause();
  [[nodiscard]] std::optional<Server> find(std::uint64_t id) const;

  Settings settings_;
  StateMachine& machine_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Member> member_;
  Mutex changing_;  ///< the group changes one step at a time

  Mutex mutex_;
  std::condition_variable_any woken_;
  std::deque<Newcomer> newcomers_ ORCH_GUARDED_BY(mutex_);
  bool ends_ ORCH_GUARDED_BY(mutex_){false};
  std::thread engine_;
  std::thread admission_;
};

}  // namespace orch::ha::raft
