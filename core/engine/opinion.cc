#include "core/engine/opinion.h"

namespace orch {

Vote vote_of(const Opinion& opinion) {
  if (!opinion.known || !opinion.fresh) return Vote::Silent;
  return opinion.answers ? Vote::Alive : Vote::Dead;
}

bool is_dead_by_majority(std::size_t agreeing_others, std::size_t nodes) {
  return 1 + agreeing_others > nodes / 2;
}

}  // namespace orch
