#include "core/doctor/doctor.h"

#include <algorithm>
#include <tuple>

#include "core/doctor/checks.h"
#include "core/plan/step.h"

namespace orch {

namespace {

using Check = void (*)(const Round&);

constexpr Check kChecks[] = {
    check_reach,       check_shape,      check_identity,  check_candidates, check_versions,
    check_links,       check_gtid,       check_read_only, check_fencing,    check_semi_sync,
    check_credentials, check_privileges, check_offline,   check_durability, check_clocks,
    check_connections, check_permission, check_hooks,
};

}  // namespace

const Instance* master_of(const Patient& patient) {
  std::vector<const Instance*> tops = patient.topology.roots();
  for (const std::vector<InstanceKey>& circle : patient.topology.circles()) {
    for (const InstanceKey& key : circle)
      tops.push_back(patient.topology.find(key));
  }
  const auto rank = [&](const Instance* top) {
    return std::tuple(top->server.read_only,
                      -static_cast<std::ptrdiff_t>(patient.topology.replicas_of(top->key).size()),
                      top->key);
  };
  const auto best = std::min_element(tops.begin(), tops.end(),
                                     [&](auto* a, auto* b) { return rank(a) < rank(b); });
  return best == tops.end() ? nullptr : *best;
}

std::vector<Finding> diagnose(const Patient& patient) {
  std::vector<Finding> findings;
  Round round{.patient = patient, .master = master_of(patient), .findings = findings};
  for (const Instance& instance : patient.topology.instances()) {
    if (!answers(instance)) continue;
    round.answering.push_back(&instance);
    if (!round.is_master(instance)) round.replicas.push_back(&instance);
  }
  for (const Check check : kChecks)
    check(round);
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tuple(-static_cast<int>(a.badness), a.code, a.server, a.what) <
           std::tuple(-static_cast<int>(b.badness), b.code, b.server, b.what);
  });
  return findings;
}

}  // namespace orch
