#pragma once

#include <chrono>
#include <optional>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/ports/ha.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace orch::storage {

struct LeaseHolder {
  NodeIdentity node{};
  Term epoch{0};
  TimePoint since{};
  TimePoint renewed{};
};

/// Who leads the nodes of one backend: one row, with an epoch that grows with every change of
/// holder. All times are of the database's clock. Kept beside it is orchestrator's own row
/// (active_node); a running orchestrator that holds that one is not pushed aside.
class LeaseStore {
 public:
  explicit LeaseStore(Database& database) : database_(database) {}

  /// Renews the lease, or takes it over when its holder has not renewed it for `duration`, or for
  /// as long as the holder itself meant to. The epoch; nothing when another holds it.
  /// Errors: the database's; then nobody knows who holds it.
  Result<std::optional<Term>> claim(const NodeIdentity& self, std::chrono::milliseconds duration);
  /// Takes it, whoever holds it.
  Result<Term> grab(const NodeIdentity& self, std::chrono::milliseconds duration);
  /// Gives it up; nothing happens when another holds it.
  Result<> release(const NodeIdentity& self);
  /// Nobody holds it any more; the next one to ask gets it.
  Result<> vacate();
  /// Nothing when nobody ever did.
  [[nodiscard]] Result<std::optional<LeaseHolder>> find() const;

 private:
  struct Row;
  [[nodiscard]] Result<Row> read() const;
  Result<std::optional<Term>> take(const Row& row, const NodeIdentity& self,
                                   std::chrono::milliseconds duration);
  Result<> show(const NodeIdentity& self, std::int64_t since_ms, std::int64_t now_ms);

  Database& database_;
};

}  // namespace orch::storage
