#include "core/plan/measure.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/plan/position.h"
#include "core/plan/recovery/binlog_servers.h"

namespace orch {

namespace {

/// Those who read the log of one failed server.
class Readers {
 public:
  Readers(const Topology& fresh, const InstanceKey& failed, const Progress& so_far)
      : so_far_(so_far), failed_(fresh.find(failed)) {
    for (const Instance& one : fresh.instances()) {
      const bool reads = one.key != failed && answers(one) && reads_log_of(fresh, one, failed);
      if (reads && !one.server.binlog_server) all_.push_back(&one);
    }
    find_base();
    const auto oracle = [](const Instance* one) {
      return one->gtid.uses_oracle;
    };
    by_gtid_ = all_.empty() ? has_gtids(*failed_)
                            : std::all_of(all_.begin(), all_.end(), [&](const Instance* one) {
                                return follows_by_gtid(*one);
                              });
    gtids_compare_ = std::any_of(all_.begin(), all_.end(), oracle) || mariadb_gtids_compare();
  }

  [[nodiscard]] Measure of_failed() const {
    if (by_gtid_ || (gtids_compare_ && has_gtids(*failed_))) return Measure::Gtid;
    return log_base(failed_->server.binlog.log_file) == base_ ? Measure::OwnLog : Measure::Nothing;
  }

  [[nodiscard]] std::map<InstanceKey, Measure> of_readers() const {
    std::map<InstanceKey, Measure> found;
    if (by_gtid_) return found;
    for (const Instance* one : all_) {
      found[one->key] = gtids_compare_ && has_gtids(*one) ? Measure::Gtid
                        : has_place(*one)                 ? Measure::SourceLog
                                                          : Measure::Nothing;
    }
    return found;
  }

 private:
  [[nodiscard]] static bool has_gtids(const Instance& one) {
    return is_mariadb(one) || one.gtid.supports_oracle;
  }

  [[nodiscard]] bool follows_by_gtid(const Instance& one) const {
    const Undelayed* before = is_mariadb(one) ? undelayed(so_far_.facts, one.key) : nullptr;
    return uses_gtid(one) || holds_gtids_in_relay_log(one) ||
           (before != nullptr && before->exec.empty());
  }

  [[nodiscard]] bool received_until_the_end(const Instance& one) const {
    const Instance* before = so_far_.at_start.find(one.key);
    return runs((before == nullptr ? one : *before).replication.io_state);
  }

  void find_base() {
    std::set<std::string_view> all;
    std::set<std::string_view> running;
    for (const Instance* one : all_) {
      const std::string_view base = log_base(one->replication.read.log_file);
      if (base.empty()) continue;
      all.insert(base);
      if (received_until_the_end(*one)) running.insert(base);
    }
    base_ = log_base(failed_->server.binlog.log_file);
    if (running.size() == 1) base_ = *running.begin();
    if (base_.empty() && all.size() == 1) base_ = *all.begin();
  }

  [[nodiscard]] bool has_place(const Instance& one) const {
    const std::string& file = one.replication.read.log_file;
    return !base_.empty() && log_base(file) == base_ && !is_beyond(one);
  }

  /// Numbers begin anew after RESET MASTER: it stands in a log from before.
  [[nodiscard]] bool is_beyond(const Instance& one) const {
    const auto number = log_number(one.replication.read.log_file);
    const auto last = log_number(failed_->server.binlog.log_file);
    if (received_until_the_end(one) || !last || number <= last) return false;
    return std::any_of(all_.begin(), all_.end(), [&](const Instance* other) {
      const std::string& file = other->replication.read.log_file;
      return received_until_the_end(*other) && log_base(file) == base_ && log_number(file) < number;
    });
  }

  [[nodiscard]] bool mariadb_gtids_compare() const {
    bool wanted = false;
    for (const Instance* one : all_) {
      if (!is_mariadb(*one)) return false;
      const Replication& replication = one->replication;
      const bool by_gtid = follows_by_gtid(*one);
      if (!by_gtid && replication.exec != replication.read) return false;
      wanted = wanted || by_gtid || !has_place(*one);
    }
    return wanted;
  }

  const Progress& so_far_;
  const Instance* failed_;
  std::vector<const Instance*> all_{};
  std::string_view base_{};
  bool by_gtid_{false};
  bool gtids_compare_{false};
};

}  // namespace

namespace {

/// Those tell that they have applied what they hold, and have begun with none of it.
Topology with_true_places(const Topology& as_read, const InstanceKey& failed,
                          const Progress& so_far) {
  std::vector<Instance> instances(as_read.instances().begin(), as_read.instances().end());
  for (Instance& one : instances) {
    const Undelayed* before = undelayed(so_far.facts, one.key);
    Replication& link = one.replication;
    if (before != nullptr && !before->exec.empty() && link.source == failed &&
        one.gtid.mariadb_slave_pos == before->slave_pos && is_before(before->exec, link.exec)) {
      link.exec = before->exec;
    }
  }
  return Topology(std::move(instances));
}

}  // namespace

Topology measured_alike(const Topology& as_read, const InstanceKey& failed,
                        const Progress& so_far) {
  const Instance* failed_now = as_read.find(failed);
  if (failed_now == nullptr || failed_now->measure != Measure::AsItFollows) return as_read;
  const Topology fresh =
      so_far.facts.undelayed.empty() ? as_read : with_true_places(as_read, failed, so_far);
  const Readers readers(fresh, failed, so_far);
  std::map<InstanceKey, Measure> measures = readers.of_readers();
  measures[failed] = readers.of_failed();
  std::vector<Instance> instances(fresh.instances().begin(), fresh.instances().end());
  for (Instance& one : instances) {
    const auto found = measures.find(one.key);
    if (found != measures.end()) one.measure = found->second;
  }
  return Topology(std::move(instances));
}

Topology measured_alike(const Topology& topology, const InstanceKey& failed) {
  return measured_alike(topology, failed, {});
}

}  // namespace orch
