#pragma once

#include "core/ports/ha.h"

namespace orch::ha {

/// A process that somebody started to do one thing: it always leads, in its one term.
class Standalone final : public Leadership {
 public:
  explicit Standalone(Term term = 1) : term_(term) {}
  [[nodiscard]] std::optional<Term> leading() const override { return term_; }

 private:
  Term term_;
};

}  // namespace orch::ha
