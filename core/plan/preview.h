#pragma once

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "core/plan/step.h"

namespace orch {

/// A step and the server as it would be just before it.
struct PreviewedStep {
  Step step{};
  Instance before{};
  std::optional<Error> error{};  ///< foreseen
};

/// A whole plan, if everything goes as intended.
struct Preview {
  std::vector<PreviewedStep> steps{};
  std::variant<Done, GiveUp> end{};
};

/// What a step would come upon, for those steps of which that can be had without changing anything;
/// success for all others.
using Foresight = std::function<Result<>(const Instance& before, const Step& step)>;

/// Reads a server anew; nothing when it does not answer.
using Rereading = std::function<std::optional<Instance>(const InstanceKey& server)>;

/// Asks the planner again and again, with a topology to which the steps were applied in thought.
/// What the plan reads again is read again, as long as nothing was changed there in thought.
[[nodiscard]] Preview preview(const Planner& planner, const Topology& topology,
                              const Foresight& foresight = nullptr,
                              const Rereading& rereading = nullptr);

/// The server after the step, as intended. `topology` is what else is known.
[[nodiscard]] Instance simulated(const Instance& instance, const Step& step,
                                 const Topology& topology);

}  // namespace orch
