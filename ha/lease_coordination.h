#pragma once

#include "ha/coordination.h"
#include "ha/lease.h"

namespace orch::ha {

/// Several nodes, or one, on one backend.
class LeaseCoordination final : public Coordination {
 public:
  /// `lease_database`: a connection to the same backend that nobody else holds up.
  /// `may_lead`: whether this node may lead at all.
  LeaseCoordination(storage::Database& database, storage::Database& lease_database,
                    Lease::Settings settings, bool may_lead)
      : database_(database),
        lease_(lease_database, std::move(settings)),
        any_node_(lease_),
        may_lead_(may_lead) {}

  [[nodiscard]] const Leadership& leadership() const override { return lease_; }
  [[nodiscard]] const Leadership& watching() const override { return lease_; }
  [[nodiscard]] const Leadership& asked() const override { return any_node_; }
  [[nodiscard]] storage::Database& database() override { return database_; }
  [[nodiscard]] bool has_own_backend() const override { return false; }
  [[nodiscard]] std::optional<std::string> answers_elsewhere() const override {
    return std::nullopt;
  }
  [[nodiscard]] Result<std::optional<Leader>> leader() const override {
    ORCH_ASSIGN(const auto holder, lease_.holder());
    if (!holder) return std::optional<Leader>();
    return std::optional<Leader>({holder->node, holder->since, holder->renewed});
  }

  Result<> attempt(std::chrono::milliseconds /*unwell*/) override {
    return may_lead_ ? lease_.attempt() : Result<>();
  }
  [[nodiscard]] std::chrono::milliseconds period() const override { return lease_.period(); }
  void announce(const std::string& /*url*/) override {}
  Result<> resign() override { return lease_.resign(); }
  Result<> grab() override { return lease_.grab(); }
  Result<> vacate() override { return lease_.vacate(); }

 private:
  storage::Database& database_;
  Lease lease_;
  AnyNode any_node_;
  const bool may_lead_;
};

}  // namespace orch::ha
