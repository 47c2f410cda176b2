#pragma once

#include <set>
#include <string_view>

#include "cmd/command/command.h"
#include "cmd/command/operation.h"
#include "core/execute/executor.h"
#include "core/plan/refactor/regroup.h"
#include "core/plan/refactor/relocate.h"

namespace orch::cmd {

// What commands that move replicas have in common.

using MakeMove = Planner (*)(InstanceKey, InstanceKey, Policy);
using MakeMoveUp = Planner (*)(InstanceKey, Policy);
using MakeMoves = Planner (*)(InstanceKey, InstanceKey, ReplicaFilter, Policy);
using MakeMovesUp = Planner (*)(InstanceKey, ReplicaFilter, Policy);

/// The instance below the destination, answered "I<D".
Result<Reply> move_one(Services& services, const Args& args, std::string_view name, MakeMove make);
/// An operation on a replica and those above it, answered with what then is its source.
Result<Reply> move_by_one(Services& services, const Args& args, std::string_view name,
                          MakeMoveUp make);
/// The replicas of the instance below the destination.
Result<Reply> move_many(Services& services, const Args& args, std::string_view name,
                        MakeMoves make);
/// The replicas of the instance below its source.
Result<Reply> move_many_up(Services& services, const Args& args, std::string_view name,
                           MakeMovesUp make);
/// The one chosen, then what became of the others; `words` are the contract's for these.
Result<Reply> regroup(Services& services, const Args& args, std::string_view name, RegroupBy by,
                      std::string_view words);

/// policy_of(), and what the options say.
Result<Policy> moving_policy(const Services& services, const Args& args);
/// Moved and left behind: the moved as lines, the others as notes.
Reply moved_reply(const Outcome& outcome);
/// "I<D"
Reply below_reply(const InstanceKey& key, const InstanceKey& source,
                  std::vector<std::string> notes);
/// --pattern, on host:port. Errors: InvalidInput.
Result<ReplicaFilter> filter_argument(const Args& args);
/// The replicas of `of` as the backend knows them.
Result<std::set<InstanceKey>> replicas_of(const Services& services, const InstanceKey& of);
/// The sources of `of`, nearest first, as far as a move by one level looks; and itself.
Result<std::set<InstanceKey>> two_above(const Services& services, const InstanceKey& of);

/// Rows of the catalog.
Command moving(std::string_view name, std::string_view section, std::string_view help,
               Result<Reply> (*run)(Services&, const Args&));
Command moving_many(std::string_view name, std::string_view section, std::string_view help,
                    Result<Reply> (*run)(Services&, const Args&));

}  // namespace orch::cmd
