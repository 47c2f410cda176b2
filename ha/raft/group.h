#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/ports/ha.h"

namespace orch::ha::raft {

/// Place of an entry in the log that all nodes of a group share; the first is 1.
using Index = std::uint64_t;

/// What the nodes of a group agree on. All of it is called by one thread, the engine's, but where
/// it says otherwise.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  /// Before anything else: the log is the one in `directory`, and there is no doubt about it.
  virtual Result<> attach(const std::string& /*directory*/) { return {}; }
  /// Carries out a command, the same way on every node; entries come in order, and after a restart
  /// some come again: one at or below the index that was applied last changes nothing. A command
  /// that cannot be understood is answered, and changes nothing, on every node alike. Returns the
  /// answer for whoever proposed it; an error only when this node's database is broken, which
  /// nothing but the end of the process makes good.
  virtual Result<std::string> apply(Index index, std::string_view command) = 0;
  /// What apply() waits for, if it does; for other threads.
  [[nodiscard]] virtual std::string waits_for() const { return ""; }
  /// Whoever waits in apply() is to end with an error, now and from now on; for other threads.
  virtual void wait_no_more() {}
  /// All of the state as it is after the entry applied last. A thread of its own calls this: the
  /// engine's waits until `pinned` is called, and what it applies from then on does not show.
  virtual Result<std::string> snapshot(const std::function<void()>& pinned) = 0;
  /// Replaces all of the state, in one transaction. Refuses a damaged snapshot.
  virtual Result<> restore(std::string_view snapshot) = 0;
  /// The index of the entry applied last; 0 when there was none.
  [[nodiscard]] virtual Result<Index> applied() const = 0;
  /// The number of the group, which its leader gave it; "" when none has yet.
  [[nodiscard]] virtual Result<std::string> group_number() const { return std::string(); }
  /// Forgets all of the state: this node has no log, and gets one that begins at index 1.
  virtual Result<> reset() = 0;
};

struct Peer {
  std::string address{};  ///< host:port, as RaftNodes and RaftAdvertise have it
  bool votes{true};
};

struct Status {
  std::string state{};   ///< "Leader", "Follower", "Candidate", "Shutdown"
  std::string self{};    ///< RaftAdvertise
  std::string leader{};  ///< address; empty when none is known
  Term term{};
  Index committed{};
  Index applied{};
  std::string group{};  ///< its number; "" while it has none
  bool held_up{false};  ///< by its backend or its disk: it hears nobody, and asks nobody
  std::vector<Peer> peers{};
  std::string
      trouble{};  ///< why this node neither leads nor stands for it; empty: nothing is wrong
};

/// Several nodes that agree, by raft, on one order of commands and on one leader. Thread-safe.
/// Errors: Unreachable when no majority answers within the limit; a command whose outcome is not
/// known may have been carried out.
class Group : public Leadership {
 public:
  [[nodiscard]] bool is_elected() const override { return true; }

  /// Returns the state machine's answer once a majority has the command and this node applied it.
  /// Refused, with nothing done, on a node that does not lead.
  virtual Result<std::string> propose(std::string command, std::chrono::milliseconds limit) = 0;
  /// Asks a majority whether this node still leads; the term in which it does.
  virtual Result<Term> prove(std::chrono::milliseconds limit) = 0;

  [[nodiscard]] virtual Status status() const = 0;
  /// Hands leadership to `address`, or to any other when it is empty, and waits until that node
  /// leads and all that answer know it. Errors: Unreachable, with what is not so yet.
  virtual Result<> hand_over(const std::string& address) = 0;
  /// Does not become leader during `span`; hands leadership over when this node has it.
  virtual Result<> yield(std::chrono::milliseconds span) = 0;
  virtual Result<> add(const std::string& address) = 0;
  virtual Result<> remove(const std::string& address) = 0;
  /// Puts a question to another node, for Settings::answer there, and waits a second at most.
  /// Errors: Unreachable, Refused.
  [[nodiscard]] virtual Result<std::string> ask(const std::string& address,
                                                const std::string& question) const = 0;
  /// Reads the files of certificates again; connections that stand go on. Errors: InvalidInput,
  /// and those from before stay.
  virtual Result<> renew_certificates() = 0;
  /// Takes a snapshot now, and cuts the log.
  virtual Result<> take_snapshot() = 0;

  /// Where nodes answer, by their addresses, for whoever must not wait for the backend.
  void remember_urls(std::map<std::string, std::string> urls) {
    const MutexLock lock(urls_mutex_);
    urls_ = std::move(urls);
  }
  /// As it was last remembered; "" when that node never said so or none was.
  [[nodiscard]] std::string known_url(const std::string& address) const {
    const MutexLock lock(urls_mutex_);
    const auto known = urls_.find(address);
    return known == urls_.end() ? std::string() : known->second;
  }

 private:
  mutable Mutex urls_mutex_;
  std::map<std::string, std::string> urls_ ORCH_GUARDED_BY(urls_mutex_);
};

}  // namespace orch::ha::raft
