#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/base/result.h"

namespace orch::cmd {

/// What one of two managers says about a server.
struct Verdict {
  std::string cluster{};
  std::set<std::string> codes{};  ///< none: nothing is wrong, or the server is not known
  bool known{true};               ///< the server is on its list at all
  bool recovers{false};           ///< it would be recovered, were nobody in the way
  std::string why_not{};          ///< where that is known

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

using Verdicts = std::map<InstanceKey, Verdict>;

/// What differs about one server.
struct Difference {
  InstanceKey key{};
  Verdict theirs{};
  Verdict ours{};

  friend bool operator==(const Difference&, const Difference&) = default;
};

/// The answers of the API's calls replication-analysis and all-instances. `recovers`: not disabled
/// globally. Errors: Broken, they are not what the API gives.
Result<Verdicts> verdicts_of_api(std::string_view analysis, std::string_view instances,
                                 bool recovers);
/// Of a picture of our own.
Verdicts verdicts_of(const std::vector<Analysis>& analyses, const Topology& topology);

/// Servers about which the two say different things: other codes, whether one would recover, or
/// that one does not know them. By key.
std::vector<Difference> differences(const Verdicts& theirs, const Verdicts& ours);

/// Those that are in both lists, as the second has them: what two looks in a row saw.
std::vector<Difference> lasting(const std::vector<Difference>& before,
                                const std::vector<Difference>& now);

/// "db1:3306 (cluster shop): there DeadMaster, would be recovered; here no problem", on one line.
std::string describe(const Difference& difference);

}  // namespace orch::cmd
