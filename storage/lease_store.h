#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

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

/// The lease as one reading of it shows it: the same as long as nobody renews it.
struct LeaseMark {
  Term epoch{0};
  std::string token{};
  std::int64_t renewed_ms{0};
  friend bool operator==(const LeaseMark&, const LeaseMark&) = default;
};

/// What somebody has seen of a mark.
struct Stood {
  std::chrono::milliseconds for_how_long{0};
  bool was_renewed{false};  ///< before that it was seen to change
};

/// Who leads the nodes of one backend: one row, with an epoch that grows with every change of
/// holder. All times are of the database's clock. Kept beside it is orchestrator's own row
/// (active_node); a running orchestrator that holds that one is not pushed aside.
class LeaseStore {
 public:
  /// What the one who asks knows by itself.
  struct Asking {
    NodeIdentity self{};
    std::chrono::milliseconds duration{};
    Term highest{0};       ///< that it ever saw: one that is lower is an old copy of the lease
    bool believes{false};  ///< that it holds the lease
    /// Behind the database there is one server with one clock, and nothing of it is ever lost.
    bool one_server{true};
    /// For how long the lease has looked so, by the clock of whoever asks.
    std::function<Stood(const LeaseMark&)> stood_still{};
  };
  struct Taken {
    Term epoch{0};
    std::chrono::milliseconds others{0};  ///< for how long its former holder may believe in it
  };

  explicit LeaseStore(Database& database) : database_(database) {}

  /// Renews the lease, or takes it over when its holder has not renewed it for the duration, or for
  /// as long as the holder itself meant to. The epoch; nothing when another holds it.
  ///
  /// Where several servers may answer, each has a clock of its own, and one may take the place of
  /// another with the latest writes missing. So there the lease must have stood still for that long
  /// before the eyes of whoever takes it, be it its own of before. And nobody takes a lease that it
  /// has seen renewed within the duration, whatever the database's clock says: that may have been
  /// set.
  /// Errors: the database's; then nobody knows who holds it.
  Result<std::optional<Term>> claim(const Asking& asking);
  /// Takes it, whoever holds it.
  Result<Taken> grab(const Asking& asking);
  /// Gives it up; nothing happens when another holds it.
  Result<> release(const NodeIdentity& self);
  /// Nobody holds it any more; the next one to ask gets it once its holder cannot believe in it.
  Result<> vacate();
  /// As if nobody ever held it.
  Result<> forget();
  /// Nothing when nobody ever did.
  [[nodiscard]] Result<std::optional<LeaseHolder>> find() const;

 private:
  struct Row;
  [[nodiscard]] Result<Row> read() const;
  Result<std::optional<Term>> take(const Row& row, const Asking& asking);
  [[nodiscard]] Result<bool> is_free(const Row& row, const Asking& asking) const;
  [[nodiscard]] Result<bool> is_orchestrators(const Row& row, const NodeIdentity& self) const;
  Result<> show(const NodeIdentity& self, std::int64_t since_ms, std::int64_t now_ms);

  Database& database_;
};

}  // namespace orch::storage
