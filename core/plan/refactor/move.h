#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// One replica that shall follow another source.
struct Move {
  InstanceKey server{};
  PointTo target{};
  /// Wait until it replicates from there; false for a detached source, which cannot be reached.
  bool verify{true};
};

/// A server that is not moved, and why.
using Refusal = LostReplica;

/// The steps of one move: stop what runs, point, and start what ran before (REF-2).
[[nodiscard]] std::vector<Step> steps_of(const Move& move, const Instance& fresh,
                                         std::chrono::seconds start_wait, bool start);

/// Moves each server once, side by side. A server that cannot be moved gets its threads back as
/// they were. Done when at least one was moved or there was nothing to do; the others are lost.
[[nodiscard]] Planner move_all(std::vector<Move> moves, std::vector<Refusal> refused,
                               Policy policy);

}  // namespace orch
