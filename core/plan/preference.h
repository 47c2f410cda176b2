#pragma once

#include <string>
#include <vector>

#include "core/model/instance.h"
#include "core/plan/policy.h"

namespace orch {

struct Preference {
  const Instance* instance{nullptr};  ///< null: nobody is preferred
  std::string because{};
};

/// Whom operators would rather have in the place of `failed` than the one that has received the
/// most, by promotion rules and sites (recovery document, 8.5). `fit` are all who may be promoted,
/// the one that has received the most first. Only who soon has all that it has is preferred, so
/// that the promotion neither waits nor loses anything: it fetches the rest before it serves.
[[nodiscard]] Preference preference(const std::vector<const Instance*>& fit, const Instance* failed,
                                    const Policy& policy);

}  // namespace orch
