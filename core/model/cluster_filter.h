#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/pattern.h"
#include "core/base/result.h"

namespace orch {

/// Clusters as RecoverMasterClusterFilters and RecoverIntermediateMasterClusterFilters name them.
class ClusterFilter {
 public:
  ClusterFilter() = default;
  /// Errors: InvalidInput, at the first `alias~=` whose expression does not compile.
  static Result<ClusterFilter> compile(const std::vector<std::string>& entries);

  /// An entry matches a cluster when it is its name or its alias, `*`, `alias=` and the alias,
  /// `alias~=` and an expression found in the alias, or an expression found in the name. One that
  /// is no expression is a name or an alias. No entry matches nothing.
  [[nodiscard]] bool matches(std::string_view name, std::string_view alias) const;

 private:
  struct Entry {
    std::string text{};
    std::vector<Pattern> of_alias{};  ///< one or none
    std::vector<Pattern> of_name{};   ///< one or none
  };

  std::vector<Entry> entries_;
};

/// Whether the entries name the cluster. With one that does not compile they name none, as for
/// recoveries; that is warned of when the configuration is read.
[[nodiscard]] bool names_cluster(const std::vector<std::string>& entries, std::string_view name,
                                 std::string_view alias);

}  // namespace orch
