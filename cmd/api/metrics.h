#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/http/message.h"

namespace orch::cmd {

class Service;

/// A figure under orchestrator's name.
struct NamedFigure {
  std::string name{};
  std::int64_t value{0};
  bool counter{false};  ///< else a gauge
};
/// By name.
std::vector<NamedFigure> named_figures(Service& service);

/// Figures for Prometheus (text format 0.0.4).
HttpResponse prometheus_metrics(Service& service);
/// named_figures() as JSON: /debug/metrics.
HttpResponse debug_metrics(Service& service);

}  // namespace orch::cmd
