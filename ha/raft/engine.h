#pragma once

// What is used of libraft, for C++, which its header is not valid in. Everything here is called by
// the one thread that runs the loop, and calls back on it.

#include <stddef.h>  // NOLINT(modernize-deprecated-headers): read by C, too
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct uv_stream_s;
struct OrchRaft;

/// How the engine calls back. `owner` is handed on.
struct OrchRaftHooks {
  void* owner;
  /// The entry at `index` is agreed on.
  void (*apply)(void* owner, uint64_t index, const char* bytes, size_t size);
  /// All of the state is wanted as it is now, for orch_raft_snapshot_written() as soon as it is
  /// written out; nonzero: not now.
  int (*snapshot)(void* owner);
  /// The snapshot has come to an end, whichever.
  void (*snapshot_done)(void* owner);
  /// Nonzero: it cannot be used.
  int (*restore)(void* owner, const char* bytes, size_t size);
  /// Opens a stream to a node, and calls orch_raft_connected() when that is done, not before it
  /// returned.
  void (*connect)(void* owner, void* request, uint64_t id, const char* address);
  /// Closes all streams being opened, and calls orch_raft_links_closed() after that.
  void (*close_links)(void* owner);
  /// What was asked for with this ticket has come to an end; status 0: as wished.
  void (*done)(void* owner, uint64_t ticket, int status);
  /// The last call: orch_raft_free() may follow.
  void (*closed)(void* owner);
};

struct OrchRaftSettings {
  const char* directory;
  uint64_t id;
  const char* address;
  unsigned election_timeout;  ///< milliseconds
  unsigned heartbeat;         ///< milliseconds
  unsigned snapshot_threshold;
  unsigned snapshot_trailing;
  unsigned seed;
};

enum OrchRaftRole { ORCH_RAFT_STANDBY, ORCH_RAFT_VOTER, ORCH_RAFT_SPARE };

struct OrchRaftServer {
  uint64_t id;
  const char* address;  ///< until the next call
  enum OrchRaftRole role;
};

struct OrchRaftView {
  int leads;      ///< a hint: it may have been deposed already
  int candidate;  ///< asks for votes
  uint64_t term;
  uint64_t leader;  ///< id; 0 when none is known
  uint64_t committed;
  uint64_t applied;
  uint64_t last;       ///< entry in the log
  uint64_t last_term;  ///< of that entry
  uint64_t stored;     ///< entry that is on the disk
  uint64_t contact;    ///< when a majority had answered, in the loop's milliseconds; of a leader
  unsigned free_kib;   ///< room that the log has for sure
  unsigned servers;    ///< how many there are
  int has_no_room;     ///< free_kib is too little to take entries
};

/// Nothing on an error, which is then in `error`.
struct OrchRaft* orch_raft_open(struct uv_loop_s* loop, const struct OrchRaftSettings* settings,
                                const struct OrchRaftHooks* hooks, char* error, size_t size);
/// Writes the first entry of a log: which nodes there are. Before the start.
int orch_raft_bootstrap(struct OrchRaft* raft, const struct OrchRaftServer* servers,
                        unsigned count);
/// Adds an entry to a log: that these are the nodes from now on, whoever they were. Before the
/// start.
int orch_raft_recover(struct OrchRaft* raft, const struct OrchRaftServer* servers, unsigned count);
int orch_raft_start(struct OrchRaft* raft);
/// Ends with hooks.closed.
void orch_raft_close(struct OrchRaft* raft);
void orch_raft_free(struct OrchRaft* raft);
/// What the last error was about.
const char* orch_raft_error(struct OrchRaft* raft);
const char* orch_raft_explain(int status);
int orch_raft_is_not_leader(int status);
int orch_raft_is_outcome_unknown(int status);
int orch_raft_is_no_space(int status);
int orch_raft_is_busy(int status);

/// `stream` is from orch_raft_allocate(), and the engine's from now on; NULL: no connection.
void orch_raft_connected(void* request, struct uv_stream_s* stream, int canceled);
void orch_raft_accepted(struct OrchRaft* raft, uint64_t id, const char* address,
                        struct uv_stream_s* stream);
void orch_raft_links_closed(struct OrchRaft* raft);
void* orch_raft_allocate(size_t size);
void orch_raft_release(void* memory);

// Nonzero: refused, and hooks.done is not called.
int orch_raft_apply(struct OrchRaft* raft, const char* bytes, size_t size, uint64_t ticket);
int orch_raft_barrier(struct OrchRaft* raft, uint64_t ticket);
int orch_raft_add(struct OrchRaft* raft, uint64_t id, const char* address, uint64_t ticket);
int orch_raft_assign(struct OrchRaft* raft, uint64_t id, enum OrchRaftRole role, uint64_t ticket);
int orch_raft_remove(struct OrchRaft* raft, uint64_t id, uint64_t ticket);
/// To any voter when `id` is 0. hooks.done tells that it ended, not how.
int orch_raft_transfer(struct OrchRaft* raft, uint64_t id, uint64_t ticket);

struct OrchRaftView orch_raft_view(struct OrchRaft* raft);
struct OrchRaftServer orch_raft_server(struct OrchRaft* raft, unsigned number);
/// Of a leader: up to where a node's log is the same as its own; 0 when that is not known.
uint64_t orch_raft_match(struct OrchRaft* raft, uint64_t id);
/// While it is set, asks nobody for votes, yet gives its own.
void orch_raft_abstain(struct OrchRaft* raft, int abstain);
/// Until its log has reached `index` the node neither asks for votes nor gives its own.
void orch_raft_wait_for(struct OrchRaft* raft, uint64_t index);
/// What hooks.snapshot wanted; it stays there until hooks.snapshot_done. The size is a multiple
/// of 8. NULL: there is none.
void orch_raft_snapshot_written(struct OrchRaft* raft, char* bytes, size_t size);
/// Takes a snapshot as soon as `entries` were applied since the last one.
void orch_raft_snapshot_after(struct OrchRaft* raft, unsigned entries);

#ifdef __cplusplus
}
#endif
