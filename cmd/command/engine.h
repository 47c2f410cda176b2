#pragma once

#include <memory>
#include <set>
#include <span>

#include "cmd/command/services.h"
#include "core/execute/executor.h"
#include "core/model/topology.h"
#include "ha/parts.h"

namespace orch::cmd {

// What joins commands with the engine that carries plans and recoveries out.

/// The services outlive what uses it.
[[nodiscard]] ExecutorSettings executor_settings(const Services& services);

/// Tells people what happens while it happens.
class ProgressObserver final : public StepObserver {
 public:
  explicit ProgressObserver(Progress& progress) : progress_(progress) {}
  void step_started(const Step& step) override;
  void step_ended(const Step& step, const Error* error, std::chrono::milliseconds took) override;

 private:
  Progress& progress_;
};

/// Keeps the records of the named servers as they were last read; what does not answer is marked
/// so. Looks after the quarantine.
Result<> record_read(const Services& services, const std::set<InstanceKey>& read,
                     const Topology& fresh);

/// Servers that were just read: those in quarantine that take writes are made read-only. What goes
/// wrong is logged.
void look_after_quarantine(const Services& services, std::span<const Instance> seen);

/// The recovery engine's parts, made of the services.
class RecoveryEngine {
 public:
  /// Errors: InvalidInput, as policy_of().
  static Result<std::unique_ptr<RecoveryEngine>> make(const Services& services);
  [[nodiscard]] const ha::Parts& parts() const { return parts_; }

 private:
  RecoveryEngine(const Services& services, Policy policy);

  struct AuditTeller final : ha::Teller {
    explicit AuditTeller(const Services& of) : services(of) {}
    void audit(std::string_view type, const InstanceKey& key, std::string_view message) override;
    void say(std::string_view line) override;
    const Services& services;
  };

  AuditTeller teller_;
  ProgressObserver observer_;
  ha::Parts parts_;
};

}  // namespace orch::cmd
