#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// What the planners of this folder share.

[[nodiscard]] Failure refusal(std::string text);
/// "db3:3306: last check invalid: it does not answer: ..."
[[nodiscard]] std::string unread_text(const Instance& server);
/// Denied or Unreachable, of one that cannot be read.
[[nodiscard]] ErrorKind kind_of_silence(const Instance& server);
/// As refusal(); where the text is that one of the two cannot be read: Unreachable or Denied.
[[nodiscard]] Failure objection(std::string text, const Instance& server,
                                const Instance& destination);
/// Why what was to be done with these came to nothing: Unreachable or Denied when none of them can
/// be read now, else Refused.
[[nodiscard]] ErrorKind kind_of_losing(const std::vector<LostReplica>& lost, const Topology& fresh);
[[nodiscard]] Step step_on(const InstanceKey& server, Action action, std::string why);

/// Whether both lead to one source, by one name.
[[nodiscard]] bool leads_alike(const PointTo& one, const PointTo& other);

/// For a new link of `server`: as that replica of its cluster has them (REC-42, REF-12); without
/// one, what lets it log in.
[[nodiscard]] LinkOptions new_link_options(const Instance& server, const Instance* model);

/// Whether that step, with its error, has failed for good. A change of which the connection did not
/// come off, or was lost, is tried again, a few times; one that hangs, once the server as it is
/// `now` has done it.
[[nodiscard]] bool has_failed(const StepResult& result, const Instance& now,
                              const Progress& so_far);

/// Why a replica cannot be told a place in its source's log, where such a change tells it one: see
/// bound_to_gtid(). "" when it can, or is told none.
[[nodiscard]] std::string cannot_go_by_place(const Instance& replica, Positioning how);

/// What the replica lacks as it is now, and the source, which it is to follow by GTID, has purged;
/// "" = nothing that is known.
[[nodiscard]] std::string gone_there(const Instance& replica, const Instance& source);

/// Why a replica that own_missing() speaks of is not stopped.
[[nodiscard]] std::string turned_away_text(const Difference& own);
/// The same, if it receives from that source now: stopped, it could not start again. "" when it
/// could, or nobody knows.
[[nodiscard]] std::string cannot_start_again(const Instance& replica, const Instance* source);

/// To be done before the replica is stopped, where this run ended its applier: waits until that one
/// is gone. Stopped before, MySQL takes what is rolled back for a transaction that goes on, and
/// waits a minute for its end. Nothing where there is nothing to wait for.
[[nodiscard]] std::optional<Step> see_applier_end(const Instance& replica, const Progress& so_far);
/// For a replica whose receiver has stopped in the middle of a transaction, and that has applied
/// all others: gives that one up, for which each stop of MySQL's applier would wait a minute.
/// Nothing where there is nothing to give up, or it was tried.
[[nodiscard]] std::optional<Step> give_up_partial(const Instance& replica, const Progress& so_far);
/// MySQL's applier ends at the end of a transaction, and waits a minute for one whose rest is
/// missing: as long as the source sends it, the receiver stops after the applier.
[[nodiscard]] bool receiver_stops_last(const Instance& replica, const Instance* source);
/// Whether it applies what it holds, if it is given time. A binlog server applies nothing, and has
/// one thread only.
[[nodiscard]] bool may_apply(const Instance& replica);
/// It receives no more, and applies what it holds. MySQL goes on to receive from a source that is
/// there: what it gets meanwhile, others hold, too.
[[nodiscard]] std::vector<Step> drain_steps(const Instance& replica, const Instance* source,
                                            const Policy& policy);

/// Gives back the threads that this run stopped, then ends with that error.
[[nodiscard]] Decision give_up(Error because, const Progress& so_far, const Topology& fresh);
[[nodiscard]] Decision give_up(std::string refused, const Progress& so_far, const Topology& fresh);

/// What is to be done with one server, said once, from the topology as it was at the start.
using Sequence =
    std::function<Result<std::vector<Step>>(const Instance& at_start, const Topology& topology)>;

/// A planner that does these steps in one go. When one fails, threads that it stopped are started
/// again. Errors: NotFound, Unreachable or Denied for a server that cannot be read; what the
/// sequence refuses; the step's.
[[nodiscard]] Planner in_one_go(InstanceKey server, Sequence sequence);

}  // namespace orch
