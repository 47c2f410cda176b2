#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/ports/ha.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace orch::ha {

namespace raft {
class Group;
}

/// A node whose own backend has failed for so long does not lead: whatever is wrong with that does
/// not pass by itself.
constexpr std::chrono::milliseconds kUnwell{5000};

/// Who leads, as far as this node knows.
struct Leader {
  storage::NodeIdentity node{};
  std::optional<TimePoint> since{};
  std::optional<TimePoint> renewed{};
};

/// How several nodes share the work: the one place that knows by what means. Thread-safe, but for
/// attempt().
class Coordination {
 public:
  virtual ~Coordination() = default;

  /// For what this node does by itself.
  [[nodiscard]] virtual const Leadership& leadership() const = 0;
  /// "Leads" in this one's words is: reads servers, and judges what it sees. Each term begins anew.
  [[nodiscard]] virtual const Leadership& watching() const = 0;
  /// For what people ask of this node.
  [[nodiscard]] virtual const Leadership& asked() const = 0;
  /// The backend of decisions.
  [[nodiscard]] virtual storage::Database& database() = 0;
  /// Whether each node has a backend of its own, and so must keep its own house.
  [[nodiscard]] virtual bool has_own_backend() const = 0;
  /// Who answers requests in this node's place: nothing, when it is to do so itself; "" when
  /// nobody is known who could.
  [[nodiscard]] virtual std::optional<std::string> answers_elsewhere() const = 0;
  [[nodiscard]] virtual Result<std::optional<Leader>> leader() const = 0;
  /// The nodes that watch the fleet on their own, besides this one.
  [[nodiscard]] virtual std::vector<std::string> others() const { return {}; }
  /// Puts a question of this program to one of them. Errors: Unreachable, Refused.
  [[nodiscard]] virtual Result<std::string> ask(const std::string& other,
                                                const std::string& question) const {
    return fail(ErrorKind::Refused, "no node answers questions here: " + other + ", " + question);
  }

  /// What is to be done every so often, by one thread; `unwell` for how long the backend has
  /// failed.
  virtual Result<> attempt(std::chrono::milliseconds unwell) = 0;
  [[nodiscard]] virtual std::chrono::milliseconds period() const = 0;
  /// Looks up in the backend what is told of the nodes even while that does not answer.
  virtual Result<> look_up_nodes() { return {}; }
  /// Where this node answers, for the others to know.
  virtual void announce(const std::string& url) = 0;
  /// This node ends: others may lead at once.
  virtual Result<> resign() = 0;
  /// Makes this node lead, whoever does.
  virtual Result<> grab() = 0;
  /// Whoever leads gives way; this node may lead again.
  virtual Result<> vacate() = 0;

  /// For what only a raft group can tell; nullptr: there is none.
  [[nodiscard]] virtual raft::Group* group() { return nullptr; }
};

}  // namespace orch::ha
