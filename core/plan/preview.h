#pragma once

#include <variant>
#include <vector>

#include "core/plan/step.h"

namespace orch {

/// A step and the server as it would be just before it.
struct PreviewedStep {
  Step step{};
  Instance before{};
};

/// A whole plan, if everything goes as intended.
struct Preview {
  std::vector<PreviewedStep> steps{};
  std::variant<Done, GiveUp> end{};
};

/// Asks the planner again and again, with a topology to which the steps were applied in thought.
[[nodiscard]] Preview preview(const Planner& planner, const Topology& topology);

/// The server after the step, as intended. `topology` is what else is known.
[[nodiscard]] Instance simulated(const Instance& instance, const Step& step,
                                 const Topology& topology);

}  // namespace orch
