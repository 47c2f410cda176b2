#pragma once

#include "core/ports/ha.h"

namespace orch::ha {

/// A process that works alone on its backend: it always leads, in its one term.
class Standalone final : public Leadership {
 public:
  [[nodiscard]] std::optional<Term> leading() const override { return Term{1}; }
};

}  // namespace orch::ha
