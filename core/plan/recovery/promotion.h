#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// What failover and takeover have in common. A server is promoted in this order: replication
// stops, semi-sync, writable, and only then does it forget its source: one that cannot be made
// writable is still the replica that it was.

/// The steps that make the server, which has applied all it holds, the writable top.
[[nodiscard]] std::vector<Step> promotion_steps(const Instance& winner, const Instance& old_primary,
                                                const Progress& so_far, const Topology& fresh);

/// Why the semi-sync role of the old primary is not handed to the winner; "" when it is, or when
/// there is none to hand over.
[[nodiscard]] std::string semi_sync_objection(const Instance& winner, const Instance& old_primary,
                                              const Topology& fresh);

/// In what the heir would wait less for its replicas than the old primary does, by their settings:
/// "gives up after 100 ms, not 600 s"; "" = in nothing that is known.
[[nodiscard]] std::string weaker_wait(const Instance& heir, const Instance& old_primary);

/// A note for people when this run promoted a server that does not wait for replicas as the old
/// primary did; "" when not.
[[nodiscard]] std::string semi_sync_note(const Instance& winner, const Instance& old_primary,
                                         const Progress& so_far);

/// Whether the server follows nobody, or a source that it is detached from, and takes writes.
[[nodiscard]] bool is_writable_top(const Instance& instance);

/// Why nobody outside its group may take the server's place: the group elects a primary by itself,
/// which takes writes. "" when the server is in no group, or no other member answers.
[[nodiscard]] std::string objection_to_group(const Instance& server, const Topology& fresh);
/// What speaks against failing over a co-master that lives and takes no writes, beside a partner
/// that does: the pair would be parted for nothing, and the next failure held for a second one. ""
/// when nothing does.
[[nodiscard]] std::string objection_to_passive(const Instance& failed, const Progress& so_far,
                                               const Topology& fresh);

/// Whether it takes writes because this plan, or an earlier run of it by the facts, promoted it.
[[nodiscard]] bool is_promoted(const Progress& so_far, const Instance& instance);

/// What is left of a promotion once the server takes writes: forgetting its source. Nothing when
/// that is done, or was tried in vain: see promotion_leftover().
[[nodiscard]] std::vector<Step> finish_promotion(const Instance& winner, const Progress& so_far);
/// A note for people when the promoted server still has a source configured; "" when not.
[[nodiscard]] std::string promotion_leftover(const Instance& winner);

/// A note for people when the promoted server had transactions of its own, which come to all that
/// follow it now, or leaves out of its log what is to come to them; "" when neither.
[[nodiscard]] std::string note_on_heir(const Instance& winner, const Progress& so_far);

/// Why the server was given up after two attempts to promote it; nothing when it was not.
[[nodiscard]] std::optional<std::string> failed_promotion(const Progress& so_far,
                                                          const InstanceKey& server);
/// What such ones got for it is taken back; nothing where there is nothing.
[[nodiscard]] std::optional<Run> undo_refused_promotions(const Progress& so_far,
                                                         const Topology& fresh);

/// It was silent when the run began and was to be fenced, and answers now: it can be fenced.
[[nodiscard]] bool came_back(const Instance& old_primary, const Progress& so_far);
/// An old primary that was silent, and may be back.
struct Missed {
  InstanceKey key{};
  std::chrono::milliseconds patience{};
};

/// Reads everybody who answers right before the promotion, other replicas for a short time only:
/// somebody else may have promoted another since the run began, and when it had to wait, the old
/// primary may be back. Nothing when that is done.
[[nodiscard]] std::vector<Step> look_around(const Instance& winner, const Missed& old_primary,
                                            const Progress& so_far, const Topology& fresh);
/// Reads those with replicas once more, without hurry, who did not answer then.
[[nodiscard]] std::vector<Step> look_again(const InstanceKey& old_primary, const Progress& so_far,
                                           const Topology& fresh);
/// Waits until those of the lost answer again that do not, for a network that loses packets or a
/// server that hangs for a moment. Nothing when that is done.
[[nodiscard]] std::vector<Step> ask_again(const std::vector<LostReplica>& lost,
                                          const Policy& policy, const Progress& so_far,
                                          const Topology& fresh);
/// The same for the promoted server, at any time: as long as it is silent, nothing can go on.
[[nodiscard]] std::vector<Step> ask_promoted(const Progress& so_far, const Topology& fresh);
/// Reads everybody who answers once more when all is done, and the old primary in any case. Nothing
/// when that is done.
[[nodiscard]] std::vector<Step> last_look(const Missed& old_primary, const Progress& so_far,
                                          const Topology& fresh);
/// Names what the old primary has written and nobody else has: by accounts that read_only does not
/// bind, or before it was fenced.
void add_written_since(Account& account, const Instance& old_primary, const Instance& winner,
                       const Topology& fresh);
/// Names those besides the winner that follow nobody and take writes.
void add_second_writers(Account& account, const Instance& winner, const Topology& fresh);

/// A server that this run told to take writes, and that does not answer since: nobody else may be
/// promoted, and nothing be made writable again.
[[nodiscard]] std::optional<InstanceKey> in_doubt(const Progress& so_far, const Topology& fresh);
[[nodiscard]] Decision give_up_in_doubt(const InstanceKey& server);
/// Why nobody else may be promoted: one of those whom an earlier recovery told to take writes does
/// not answer, and fencing is required. "" = nothing.
[[nodiscard]] std::string objection_to_earlier(const std::vector<InstanceKey>& promoted,
                                               const Policy& policy, const Topology& fresh);

/// Undoes what can be undone, then gives up for that reason. Nothing is promoted yet.
[[nodiscard]] Decision back_out(Error because, const Progress& so_far, const Topology& fresh);

}  // namespace orch
