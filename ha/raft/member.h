#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "ha/raft/answer.h"
#include "ha/raft/data_dir.h"
#include "ha/raft/engine.h"
#include "ha/raft/frame.h"
#include "ha/raft/group.h"
#include "ha/raft/loop.h"
#include "ha/raft/settings.h"
#include "ha/raft/transport.h"

namespace orch::ha::raft {

/// A server of the group's configuration.
struct Server {
  std::uint64_t id{};
  std::string name{};  ///< as name_of_life() makes it
  OrchRaftRole role{ORCH_RAFT_SPARE};
};

/// One step by which the group's configuration changes.
struct Change {
  enum class Kind { Add, Assign, Remove } kind{Kind::Add};
  std::uint64_t id{};
  std::string name{};
  OrchRaftRole role{ORCH_RAFT_SPARE};
};

/// What a question to the program that uses a node, and not to the node, begins with.
inline constexpr std::string_view kProgram = "program ";

/// A question: who leads, as that node knows it, "" when it knows nobody. One that was elected
/// names itself as soon as it acts as leader.
inline constexpr std::string_view kLeaderKnown = "leader";

/// A question: whether that node could lead, or should not either.
inline constexpr std::string_view kCouldLead = "could it lead";
inline constexpr std::string_view kCannotLead = "no";

/// What a leader's question begins with: where the log of that node ends, which has acknowledged
/// all up to some entry.
inline constexpr std::string_view kLogEnd = "log ";

/// A question: the number of that node, as fresh_id() makes them, in hexadecimal; 0 while it has
/// none.
inline constexpr std::string_view kIdentity = "identity";

/// A question: the number of the group, "" while that node knows none.
inline constexpr std::string_view kGroupKnown = "group";
/// Whether what a node answers to it names another group than this one.
bool is_another_group(std::string_view own, std::string_view answer);

/// How a node speaks with the others.
Transport::Settings transport_settings(const Settings& settings);

/// One node of a group, as the loop's thread knows it. Everything but led_term(), status() and
/// servers() is called by that thread alone.
class Member {
 public:
  /// What a node asks to be taken in.
  using Joining = std::function<void(const std::string& address, std::uint64_t id)>;

  Member(Loop& loop, const Settings& settings, StateMachine& machine, Joining joining);
  ~Member();
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  /// Starts; what goes wrong later is in the status.
  Result<> open();
  /// Ends it all; the loop runs on until that is done.
  void close();

  void propose(std::string command, const SharedAnswer<std::string>& answer);
  void prove(const SharedAnswer<Term>& answer);
  void hand_over(const std::string& address, const SharedAnswer<>& answer);
  void yield(std::chrono::milliseconds span, const SharedAnswer<>& answer);
  void take_snapshot(const SharedAnswer<>& answer);

  void change(const Change& change, const SharedAnswer<>& answer);
  /// How many entries a server's log lacks.
  void lag(std::uint64_t id, const SharedAnswer<std::uint64_t>& answer);
  void ask(const std::string& address, const std::string& question,
           const SharedAnswer<std::string>& answer);
  void renew_certificates(const SharedAnswer<>& answer);

  [[nodiscard]] std::optional<Term> led_term() const;
  [[nodiscard]] Status status() const;
  [[nodiscard]] std::vector<Server> servers() const;

 private:
  using Done = std::function<void(int status)>;
  enum class Phase { Asking, Running, Closing };
  struct Peered {
    bool asked{false};
    std::optional<bool> has_data{};
    std::string problem{};  ///< why it could not be asked
  };

  OrchRaftHooks hooks();
  Result<> open_engine(std::uint64_t id, const std::vector<std::string>& founders);
  Result<> compare_with_state();
  Result<> begin_pristine();
  void finish();

  // Finding the group: member_joining.cc
  std::string on_question(std::string_view question, const Transport::Asker& asker);
  std::string on_join_request(std::string_view rest, const Transport::Asker& asker);
  void ask_back(const std::string& address, std::uint64_t id);
  void look_around();
  void decide();
  void begin_group();
  void become_newcomer();
  Result<> join_anew();
  void ask_to_join();
  void look_for_namesake();
  void notice_wanted(const std::string& address);
  [[nodiscard]] std::set<std::string> known_addresses() const;
  [[nodiscard]] bool hears_of_no_leader() const;
  [[nodiscard]] std::string leaderless_text() const;
  void ask_to_be_taken_in(const std::string& peer);
  void notice_another_group(const std::string& address, const std::string& number);
  void learn_group();
  void stay_outside(const std::string& leader, std::string_view answer);

  // Whether nodes have what they acknowledged: member_logs.cc
  void compare_logs(const OrchRaftView& view);
  void give_away_for_the_lacking(const OrchRaftView& view);
  std::string on_log_question(std::string_view rest);
  void lose_end(Index until, const std::string& how);

  // What goes on all the time
  void observe();
  void prove_lead(Term term);
  void notice_stall();
  void tick();
  void look_for_trouble(const OrchRaftView& view);
  void leave_leadership();
  void hand_over_to(std::uint64_t heir);
  void transfer_to(std::uint64_t heir);
  void publish(const OrchRaftView& view);
  void break_down(const std::string& why);
  [[nodiscard]] bool should_not_lead() const;

  // What the engine calls
  void on_apply(Index index, std::string_view bytes);
  int on_snapshot();
  void hand_over_snapshot();
  void on_snapshot_done();
  int on_restore(std::string_view bytes);

  /// Runs what returns a status, with a ticket whose end `done` hears of; a refusal, too.
  void submit(const std::function<int(std::uint64_t ticket)>& request, Done done);
  [[nodiscard]] Error explain(int status) const;
  [[nodiscard]] Failure not_leading() const;
  [[nodiscard]] std::vector<Server> read_servers() const;
  [[nodiscard]] std::string name_of(std::uint64_t id) const;
  [[nodiscard]] bool is_only_voter() const;

  Loop& loop_;
  const Settings& settings_;
  StateMachine& machine_;
  Joining joining_;
  std::unique_ptr<DataDir> data_{};
  std::unique_ptr<Transport> transport_{};
  OrchRaft* engine_{nullptr};
  uv_prepare_t observer_{};
  uv_timer_t ticker_{};
  bool handles_open_{false};

  Phase phase_{Phase::Asking};
  std::uint64_t id_{0};
  std::map<std::string, Peered> peered_{};  ///< while asking
  std::set<std::string> wanted_by_{};       ///< who takes this node for one of its group
  SteadyPoint listens_until_{};             ///< before it begins a group without others
  std::vector<std::string> waits_for_{};    ///< while asking, as it was told last
  SteadyPoint last_join_request_{};
  SteadyPoint leader_known_at_{};
  Index lost_until_{0};  ///< how far the log went before its end was lost; 0: it was not
  std::string group_{};  ///< its number; empty while it has none
  std::map<std::string, std::string> strangers_{};  ///< the groups of others, by address
  std::set<std::string> asked_back_{};  ///< the addresses whose node is asked for its number
  std::map<std::string, std::string> claimed_{};  ///< by address: why it is not taken in
  std::string outside_{};  ///< why this node is not in the group; empty: nothing says so

  std::uint64_t last_ticket_{0};
  std::map<std::uint64_t, Done> calls_{};
  std::uint64_t proposer_{0};
  std::uint64_t last_number_{0};
  std::map<std::uint64_t, SharedAnswer<std::string>> proposals_{};

  // Of the term in which this node leads
  Term seen_term_{0};
  bool seen_leading_{false};
  bool active_{false};  ///< all that was agreed on before is applied here
  bool proving_{false};
  bool stalled_{false};  ///< this thread stood still, and nothing has been proven since
  std::uint64_t proof_{0};
  SteadyPoint observed_at_{};
  bool handing_over_{false};
  SteadyPoint last_leave_{};
  std::map<std::uint64_t, int> lacking_{};  ///< who lacks entries, and how often that was seen
  SteadyPoint last_compared_{};
  SteadyPoint last_given_away_{};

  SteadyPoint yields_until_{};
  std::string trouble_{};
  SteadyPoint last_look_{};
  SteadyPoint disk_fine_at_{};
  std::string broken_{};
  bool takes_snapshot_{false};
  std::future<Result<std::string>> unwritten_{};    ///< a thread writes it out
  std::string snapshot_{};                          ///< while the engine puts it on the disk
  std::vector<SharedAnswer<>> snapshot_askers_{};   ///< of the one that is taken
  std::vector<SharedAnswer<>> snapshot_waiters_{};  ///< for the next one
  int snapshot_ticks_{0};                           ///< since one was asked for

  /// What other threads read without waiting.
  std::atomic<Term> led_term_{0};
  std::atomic<std::int64_t> led_until_{0};  ///< nanoseconds of the steady clock
  mutable Mutex mutex_;
  Status status_ ORCH_GUARDED_BY(mutex_);
  SteadyPoint published_at_ ORCH_GUARDED_BY(mutex_){};
  std::vector<Server> servers_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha::raft
