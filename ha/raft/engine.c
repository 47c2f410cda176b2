#include "ha/raft/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <raft.h>
#include <raft/uv.h>

typedef int (*SendFunction)(struct raft_io* io, struct raft_io_send* request,
                            const struct raft_message* message, raft_io_send_cb callback);
typedef int (*StartFunction)(struct raft_io* io, unsigned milliseconds, raft_io_tick_cb tick,
                             raft_io_recv_cb receive);

typedef int (*PutFunction)(struct raft_io* io, unsigned trailing,
                           struct raft_io_snapshot_put* request,
                           const struct raft_snapshot* snapshot, raft_io_snapshot_put_cb callback);

struct OrchRaft {
  struct raft raft;
  struct raft_io io;
  struct raft_fsm fsm;
  struct raft_uv_transport transport;
  struct OrchRaftHooks hooks;
  raft_uv_accept_cb accept;
  raft_uv_transport_close_cb links_closed;
  SendFunction send;
  StartFunction start;
  raft_io_recv_cb receive;
  PutFunction put;
  struct {
    struct raft_io_snapshot_put* request;  // NULL: none waits
    const struct raft_snapshot* snapshot;
    raft_io_snapshot_put_cb callback;
    unsigned trailing;
  } unwritten;
  int abstains;
  raft_index waits_for;
  int transfers;
  raft_time hurried_at;
};

// One request of any kind. What libraft wants comes first in each, so that it leads back here.
struct Call {
  union {
    struct raft_apply apply;
    struct raft_barrier barrier;
    struct raft_change change;
    struct raft_transfer transfer;
  } request;
  struct OrchRaft* raft;
  uint64_t ticket;
};

static struct Call* new_call(struct OrchRaft* raft, uint64_t ticket) {
  struct Call* call = calloc(1, sizeof *call);
  if (call != NULL) {
    call->raft = raft;
    call->ticket = ticket;
  }
  return call;
}

static void end_call(struct Call* call, int status) {
  struct OrchRaft* raft = call->raft;
  const uint64_t ticket = call->ticket;
  free(call);
  raft->hooks.done(raft->hooks.owner, ticket, status);
}

static void on_applied(struct raft_apply* request, int status, void* result) {
  (void)result;
  end_call((struct Call*)request, status);
}

static void on_barrier(struct raft_barrier* request, int status) {
  end_call((struct Call*)request, status);
}

static void on_changed(struct raft_change* request, int status) {
  end_call((struct Call*)request, status);
}

static void on_transferred(struct raft_transfer* request) {
  struct Call* call = (struct Call*)request;
  call->raft->transfers = 0;
  end_call(call, 0);
}

// The state machine

static int fsm_apply(struct raft_fsm* fsm, const struct raft_buffer* buffer, void** result) {
  struct OrchRaft* raft = fsm->data;
  *result = NULL;
  raft->hooks.apply(raft->hooks.owner, raft_last_applied(&raft->raft) + 1, buffer->base,
                    buffer->len);
  return 0;  // anything else stops the group for good
}

static int fsm_snapshot(struct raft_fsm* fsm, struct raft_buffer* buffers[], unsigned* count) {
  struct OrchRaft* raft = fsm->data;
  if (raft->hooks.snapshot(raft->hooks.owner) != 0) return RAFT_BUSY;
  *buffers = raft_calloc(1, sizeof **buffers);
  if (*buffers == NULL) {
    raft->hooks.snapshot_done(raft->hooks.owner);
    return RAFT_NOMEM;
  }
  *count = 1;  // empty as yet: put_when_written()
  return 0;
}

static int fsm_snapshot_done(struct raft_fsm* fsm, struct raft_buffer* buffers[], unsigned* count) {
  struct OrchRaft* raft = fsm->data;
  raft_free(*buffers);
  *buffers = NULL;
  *count = 0;
  raft->hooks.snapshot_done(raft->hooks.owner);
  return 0;
}

// libraft wants the state at once, on the loop's thread, where a large one takes so long to write
// out that the leader is deposed. But it goes on while a snapshot gets to the disk: to libraft, the
// time until there is something to put there is a part of that.
static int put_when_written(struct raft_io* io, unsigned trailing,
                            struct raft_io_snapshot_put* request,
                            const struct raft_snapshot* snapshot,
                            raft_io_snapshot_put_cb callback) {
  struct raft* engine = io->data;
  struct OrchRaft* raft = engine->data;
  // One that another node sent has all its bytes.
  if (snapshot->n_bufs != 1 || snapshot->bufs[0].base != NULL) {
    return raft->put(io, trailing, request, snapshot, callback);
  }
  raft->unwritten.request = request;
  raft->unwritten.snapshot = snapshot;
  raft->unwritten.callback = callback;
  raft->unwritten.trailing = trailing;
  return 0;
}

void orch_raft_snapshot_written(struct OrchRaft* raft, char* bytes, size_t size) {
  struct raft_io_snapshot_put* request = raft->unwritten.request;
  int status = RAFT_CANCELED;
  if (request == NULL) return;
  raft->unwritten.request = NULL;
  if (bytes != NULL) {
    raft->unwritten.snapshot->bufs[0].base = bytes;
    raft->unwritten.snapshot->bufs[0].len = size;
    status = raft->put(&raft->io, raft->unwritten.trailing, request, raft->unwritten.snapshot,
                       raft->unwritten.callback);
  }
  if (status != 0) raft->unwritten.callback(request, status);
}

static int fsm_restore(struct raft_fsm* fsm, struct raft_buffer* buffer) {
  struct OrchRaft* raft = fsm->data;
  if (raft->hooks.restore(raft->hooks.owner, buffer->base, buffer->len) != 0) return RAFT_CORRUPT;
  raft_free(buffer->base);
  return 0;
}

// The transport, which is C++'s business

static int transport_init(struct raft_uv_transport* transport, raft_id id, const char* address) {
  (void)transport;
  (void)id;
  (void)address;
  return 0;
}

static int transport_listen(struct raft_uv_transport* transport, raft_uv_accept_cb accept) {
  struct OrchRaft* raft = transport->impl;
  raft->accept = accept;
  return 0;
}

static int transport_connect(struct raft_uv_transport* transport, struct raft_uv_connect* request,
                             raft_id id, const char* address, raft_uv_connect_cb callback) {
  struct OrchRaft* raft = transport->impl;
  request->cb = callback;
  raft->hooks.connect(raft->hooks.owner, request, id, address);
  return 0;
}

static void transport_close(struct raft_uv_transport* transport,
                            raft_uv_transport_close_cb callback) {
  struct OrchRaft* raft = transport->impl;
  raft->accept = NULL;
  raft->links_closed = callback;
  raft->hooks.close_links(raft->hooks.owner);
}

void orch_raft_connected(void* request, struct uv_stream_s* stream, int canceled) {
  struct raft_uv_connect* connect = request;
  int status = RAFT_NOCONNECTION;
  if (stream != NULL) status = 0;
  if (canceled) status = RAFT_CANCELED;
  connect->cb(connect, stream, status);
}

void orch_raft_accepted(struct OrchRaft* raft, uint64_t id, const char* address,
                        struct uv_stream_s* stream) {
  if (raft->accept == NULL) {
    uv_close((uv_handle_t*)stream, (uv_close_cb)raft_free);
    return;
  }
  raft->accept(&raft->transport, id, address, stream);
}

void orch_raft_links_closed(struct OrchRaft* raft) {
  raft->links_closed(&raft->transport);
}

void* orch_raft_allocate(size_t size) {
  return raft_calloc(1, size);
}
void orch_raft_release(void* memory) {
  raft_free(memory);
}

// The term of an entry that the log or the last snapshot still has; 0 otherwise.
static raft_term term_of(const struct raft_trail* trail, raft_index index) {
  unsigned i = 0;
  if (index == trail->snapshot.index) return trail->snapshot.term;
  if (index <= trail->offset) return 0;
  for (i = trail->front; i != trail->back; i = (i + 1) % trail->size) {
    if (index <= trail->records[i].index) return trail->records[i].term;
  }
  return 0;
}

static int lacks_entries(struct OrchRaft* raft) {
  return raft_last_index(&raft->raft) < raft->waits_for;
}

// What libraft is about to send, with two things put right.
static int send_corrected(struct raft_io* io, struct raft_io_send* request,
                          const struct raft_message* message, raft_io_send_cb callback) {
  struct raft* engine = io->data;
  struct OrchRaft* raft = engine->data;
  // libraft knows no "not me, please". A follower that never stood would go on believing in a
  // leader that is gone, and refuse its vote to others; so it stands, and asks nobody. But one that
  // the leader itself asked to stand has raised the term already: it must win, and hand on.
  if (message->type == RAFT_REQUEST_VOTE &&
      (lacks_entries(raft) || (raft->abstains && !message->request_vote.disrupt_leader))) {
    callback(request, RAFT_CANCELED);
    return 0;
  }
  // When a newer snapshot comes up while one is loaded, 0.22.1 sends the newer one with its index,
  // but with the term of the other. The receiver would find its log at odds with the leader's.
  if (message->type == RAFT_INSTALL_SNAPSHOT) {
    const raft_term term = term_of(&engine->trail, message->install_snapshot.last_index);
    if (term != 0 && term != message->install_snapshot.last_term) {
      struct raft_message corrected = *message;
      corrected.install_snapshot.last_term = term;
      return raft->send(io, request, &corrected, callback);
    }
  }
  return raft->send(io, request, message, callback);
}

// A snapshot that arrives while the node takes one of its own waits in libraft, whose pointer to it
// is cleared before it is followed (0.22.1: takeSnapshotCb()). It is dropped here, as libraft drops
// one that arrives while another is installed: the leader sends it again.
static void receive_guarded(struct raft_io* io, struct raft_message* message) {
  struct raft* engine = io->data;
  struct OrchRaft* raft = engine->data;
  if (message->type == RAFT_INSTALL_SNAPSHOT && engine->legacy.snapshot_taking) {
    raft_free(message->install_snapshot.data.base);
    raft_configuration_close(&message->install_snapshot.conf);
    return;
  }
  // Nobody is elected by one that forgot what it acknowledged.
  if (message->type == RAFT_REQUEST_VOTE && lacks_entries(raft)) return;
  raft->receive(io, message);
}

static int start_guarded(struct raft_io* io, unsigned milliseconds, raft_io_tick_cb tick,
                         raft_io_recv_cb receive) {
  struct raft* engine = io->data;
  struct OrchRaft* raft = engine->data;
  raft->receive = receive;
  return raft->start(io, milliseconds, tick, receive_guarded);
}

void orch_raft_abstain(struct OrchRaft* raft, int abstain) {
  raft->abstains = abstain;
}

void orch_raft_wait_for(struct OrchRaft* raft, uint64_t index) {
  raft->waits_for = index;
}

// Life

static void explain(struct OrchRaft* raft, int status, const char* detail, char* error,
                    size_t size) {
  (void)raft;
  snprintf(error, size, "%s%s%s", raft_strerror(status), *detail != '\0' ? ": " : "", detail);
}

struct OrchRaft* orch_raft_open(struct uv_loop_s* loop, const struct OrchRaftSettings* settings,
                                const struct OrchRaftHooks* hooks, char* error, size_t size) {
  struct OrchRaft* raft = calloc(1, sizeof *raft);
  int status = RAFT_NOMEM;
  if (raft == NULL) {
    snprintf(error, size, "out of memory");
    return NULL;
  }
  raft->hooks = *hooks;
  raft->transport.version = 1;
  raft->transport.impl = raft;
  raft->transport.init = transport_init;
  raft->transport.listen = transport_listen;
  raft->transport.connect = transport_connect;
  raft->transport.close = transport_close;
  raft->fsm.version = 2;
  raft->fsm.data = raft;
  raft->fsm.apply = fsm_apply;
  raft->fsm.snapshot = fsm_snapshot;
  raft->fsm.snapshot_finalize = fsm_snapshot_done;
  raft->fsm.restore = fsm_restore;

  status = raft_uv_init(&raft->io, loop, settings->directory, &raft->transport);
  if (status != 0) {
    explain(raft, status, raft->io.errmsg, error, size);
    free(raft);
    return NULL;
  }
  // A damaged log is for people to look at: with what is left of it, the node could forget its
  // word.
  raft_uv_set_auto_recovery(&raft->io, false);
  raft_uv_set_disk_retry(&raft->io, 1000);
  raft_uv_set_connect_retry_delay(&raft->io, settings->election_timeout / 4);

  raft->raft.data = raft;
  status = raft_init(&raft->raft, &raft->io, &raft->fsm, settings->id, settings->address);
  if (status != 0) {
    explain(raft, status, raft->raft.errmsg, error, size);
    raft_uv_close(&raft->io);
    free(raft);
    return NULL;
  }
  raft->raft.data = raft;
  raft_seed(&raft->raft, settings->seed);
  raft_set_election_timeout(&raft->raft, settings->election_timeout);
  raft_set_heartbeat_timeout(&raft->raft, settings->heartbeat);
  raft_set_pre_vote(&raft->raft, true);
  raft_set_snapshot_threshold(&raft->raft, settings->snapshot_threshold);
  raft_set_snapshot_trailing(&raft->raft, settings->snapshot_trailing);
  raft->send = raft->io.send;
  raft->io.send = send_corrected;
  raft->put = raft->io.snapshot_put;
  raft->io.snapshot_put = put_when_written;
  raft->start = raft->io.start;
  raft->io.start = start_guarded;
  return raft;
}

// As OrchRaftRole numbers them.
static const int roles[] = {RAFT_STANDBY, RAFT_VOTER, RAFT_SPARE};

static int write_servers(struct OrchRaft* raft, const struct OrchRaftServer* servers,
                         unsigned count,
                         int (*write)(struct raft* engine,
                                      const struct raft_configuration* configuration)) {
  struct raft_configuration configuration;
  int status = 0;
  unsigned i = 0;
  raft_configuration_init(&configuration);
  for (i = 0; i < count && status == 0; i++) {
    status = raft_configuration_add(&configuration, servers[i].id, servers[i].address,
                                    roles[servers[i].role]);
  }
  if (status == 0) status = write(&raft->raft, &configuration);
  raft_configuration_close(&configuration);
  return status;
}

int orch_raft_bootstrap(struct OrchRaft* raft, const struct OrchRaftServer* servers,
                        unsigned count) {
  return write_servers(raft, servers, count, raft_bootstrap);
}

int orch_raft_recover(struct OrchRaft* raft, const struct OrchRaftServer* servers, unsigned count) {
  return write_servers(raft, servers, count, raft_recover);
}

int orch_raft_start(struct OrchRaft* raft) {
  return raft_start(&raft->raft);
}

static void on_closed(struct raft* engine) {
  struct OrchRaft* raft = engine->data;
  raft_uv_close(&raft->io);
  raft->hooks.closed(raft->hooks.owner);
}

void orch_raft_close(struct OrchRaft* raft) {
  orch_raft_snapshot_written(raft, NULL, 0);
  raft_close(&raft->raft, on_closed);
}
void orch_raft_free(struct OrchRaft* raft) {
  free(raft);
}
const char* orch_raft_error(struct OrchRaft* raft) {
  return raft_errmsg(&raft->raft);
}
const char* orch_raft_explain(int status) {
  return raft_strerror(status);
}
int orch_raft_is_not_leader(int status) {
  return status == RAFT_NOTLEADER;
}
int orch_raft_is_no_space(int status) {
  return status == RAFT_NOSPACE;
}
int orch_raft_is_busy(int status) {
  return status == RAFT_BUSY || status == RAFT_CANTCHANGE;
}
int orch_raft_is_outcome_unknown(int status) {
  return status == RAFT_LEADERSHIPLOST || status == RAFT_SHUTDOWN || status == RAFT_CANCELED;
}

// Requests

// Once a group was quiet for a heartbeat, the engine takes its nodes for lost for a moment (0.22.1:
// timeoutLeader(), whose clock each tick starts anew), and a new entry would reach them with the
// next heartbeat only, up to 100 ms later. So the next heartbeat is due with the entry. What goes
// to a node that really is lost piles up: not for every entry of many.
static unsigned hurry(struct OrchRaft* raft) {
  static const raft_time pause = 10;
  const unsigned heartbeat = raft->raft.heartbeat_timeout;
  const raft_time now = raft->io.time(&raft->io);
  if (now - raft->hurried_at >= pause) {
    raft->hurried_at = now;
    raft_set_heartbeat_timeout(&raft->raft, 0);
  }
  return heartbeat;
}

int orch_raft_apply(struct OrchRaft* raft, const char* bytes, size_t size, uint64_t ticket) {
  struct raft_buffer buffer;
  struct Call* call = new_call(raft, ticket);
  unsigned heartbeat = 0;
  int status = RAFT_NOMEM;
  if (call == NULL) return status;
  // Without the padding libraft frees it twice.
  buffer.len = (size + 7) & ~(size_t)7;
  buffer.base = raft_calloc(1, buffer.len);
  if (buffer.base == NULL) {
    free(call);
    return status;
  }
  memcpy(buffer.base, bytes, size);
  heartbeat = hurry(raft);
  status = raft_apply(&raft->raft, &call->request.apply, &buffer, 1, on_applied);
  raft_set_heartbeat_timeout(&raft->raft, heartbeat);
  if (status != 0) {
    raft_free(buffer.base);
    free(call);
  }
  return status;
}

int orch_raft_barrier(struct OrchRaft* raft, uint64_t ticket) {
  struct Call* call = new_call(raft, ticket);
  unsigned heartbeat = 0;
  int status = RAFT_NOMEM;
  if (call == NULL) return status;
  heartbeat = hurry(raft);
  status = raft_barrier(&raft->raft, &call->request.barrier, on_barrier);
  raft_set_heartbeat_timeout(&raft->raft, heartbeat);
  if (status != 0) free(call);
  return status;
}

enum Change { ADD, ASSIGN, REMOVE };

static int change(struct OrchRaft* raft, enum Change what, uint64_t id, const char* address,
                  enum OrchRaftRole role, uint64_t ticket) {
  struct Call* call = NULL;
  struct raft_change* request = NULL;
  int status = RAFT_NOTLEADER;
  // libraft checks neither everywhere.
  if (raft->raft.state != RAFT_LEADER) return RAFT_NOTLEADER;
  if (raft->raft.legacy.change != NULL) return RAFT_CANTCHANGE;
  call = new_call(raft, ticket);
  if (call == NULL) return RAFT_NOMEM;
  request = &call->request.change;
  switch (what) {
    case ADD:
      status = raft_add(&raft->raft, request, id, address, on_changed);
      break;
    case ASSIGN:
      status = raft_assign(&raft->raft, request, id, roles[role], on_changed);
      break;
    case REMOVE:
      status = raft_remove(&raft->raft, request, id, on_changed);
      break;
  }
  if (status != 0) {
    // raft_assign() keeps it even when it fails.
    if (raft->raft.legacy.change == request) raft->raft.legacy.change = NULL;
    free(call);
  }
  return status;
}

int orch_raft_add(struct OrchRaft* raft, uint64_t id, const char* address, uint64_t ticket) {
  return change(raft, ADD, id, address, ORCH_RAFT_SPARE, ticket);
}

int orch_raft_assign(struct OrchRaft* raft, uint64_t id, enum OrchRaftRole role, uint64_t ticket) {
  return change(raft, ASSIGN, id, NULL, role, ticket);
}

int orch_raft_remove(struct OrchRaft* raft, uint64_t id, uint64_t ticket) {
  return change(raft, REMOVE, id, NULL, ORCH_RAFT_SPARE, ticket);
}

int orch_raft_transfer(struct OrchRaft* raft, uint64_t id, uint64_t ticket) {
  struct Call* call = NULL;
  int status = RAFT_NOTLEADER;
  if (raft->transfers) return RAFT_BUSY;
  if (raft->raft.state != RAFT_LEADER) return RAFT_NOTLEADER;
  call = new_call(raft, ticket);
  if (call == NULL) return RAFT_NOMEM;
  status = raft_transfer(&raft->raft, &call->request.transfer, id, on_transferred);
  if (status != 0) {
    free(call);
    return status;
  }
  raft->transfers = 1;
  return 0;
}

// Looking

struct OrchRaftView orch_raft_view(struct OrchRaft* raft) {
  struct raft* engine = &raft->raft;
  struct OrchRaftView view;
  raft_id leader = 0;
  const char* address = NULL;
  memset(&view, 0, sizeof view);
  raft_leader(engine, &leader, &address);
  // Not while it hands leadership over, when it takes no requests.
  view.leads = raft_state(engine) == RAFT_LEADER && leader != 0;
  view.candidate = raft_state(engine) == RAFT_CANDIDATE;
  view.term = raft_current_term(engine);
  view.leader = leader;
  view.committed = raft_commit_index(engine);
  view.applied = raft_last_applied(engine);
  view.last = raft_last_index(engine);
  view.last_term = view.last > 0 ? term_of(&engine->trail, view.last) : 0;
  view.stored = engine->last_stored;
  view.contact = engine->election_timer_start;
  view.free_kib = raft->io.capacity;
  view.has_no_room = raft->io.capacity < engine->capacity_threshold;
  view.servers = engine->configuration.n;
  return view;
}

struct OrchRaftServer orch_raft_server(struct OrchRaft* raft, unsigned number) {
  const struct raft_server* server = &raft->raft.configuration.servers[number];
  struct OrchRaftServer result;
  result.id = server->id;
  result.address = server->address;
  result.role = server->role == RAFT_VOTER     ? ORCH_RAFT_VOTER
                : server->role == RAFT_STANDBY ? ORCH_RAFT_STANDBY
                                               : ORCH_RAFT_SPARE;
  return result;
}

uint64_t orch_raft_match(struct OrchRaft* raft, uint64_t id) {
  raft_index index = 0;
  if (raft_state(&raft->raft) != RAFT_LEADER) return 0;
  return raft_match_index(&raft->raft, id, &index) == 0 ? index : 0;
}

void orch_raft_snapshot_after(struct OrchRaft* raft, unsigned entries) {
  raft_set_snapshot_threshold(&raft->raft, entries);
}
