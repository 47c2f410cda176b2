#pragma once

#include "cmd/http/message.h"

namespace orch::cmd {

class Service;

/// Figures for Prometheus (text format 0.0.4).
HttpResponse prometheus_metrics(Service& service);
/// The same under orchestrator's names, as JSON: /debug/metrics.
HttpResponse debug_metrics(Service& service);

}  // namespace orch::cmd
