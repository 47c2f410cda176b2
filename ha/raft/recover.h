#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "ha/raft/group.h"
#include "ha/raft/settings.h"

namespace orch::ha::raft {

/// What a node has of its group on its disk.
struct Remains {
  std::vector<std::string> voters{};  ///< addresses, this node's too if it has a vote
  std::size_t answering{};            ///< of the voters, this node too
  Index last{};                       ///< entry in its log
  Term term{};                        ///< in which that was written
};

/// For a group whose majority is lost for good: what this node, which does not run, has of it.
/// Changes nothing. Errors: NotFound when it has no log; Conflict when it runs; Refused when the
/// others go on without it, or can go on with it; Broken when its log or `machine` is.
Result<Remains> look_at_remains(const Settings& settings, const StateMachine& machine);

/// Makes this node the only one with a vote of a new group, which has all that it has in its log,
/// and takes it up once, to see that it leads: `lead` is called then. To the group it is a new
/// number, so that none of the old group takes it for one of theirs. The others of its list are
/// taken in as soon as they come with an empty directory. When it was cut off the node does not
/// start until it was done again.
/// Errors: as look_at_remains(); those of Node::start(); those of `lead`.
Result<> begin_anew(Settings settings, StateMachine& machine,
                    const std::function<Result<>(Group&)>& lead);

}  // namespace orch::ha::raft
