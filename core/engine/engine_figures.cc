#include "core/engine/engine.h"

// How the engine's work stands, for those who show it.

namespace orch {

std::vector<InstanceKey> Engine::keys() const {
  const MutexLock lock(mutex_);
  return picture_.keys();
}

std::chrono::milliseconds Engine::data_age() const {
  const MutexLock lock(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               oldest_look_);
}

EngineFigures Engine::figures() const {
  EngineFigures figures;
  {
    const MutexLock lock(mutex_);
    figures = figures_;
    figures.servers = picture_.size();
    for (const auto& [key, schedule] : schedules_)
      figures.dead_servers += schedule.failures > 0 ? 1 : 0;
    figures.recoveries = recovering_.size();
  }
  figures.links = links_ ? links_->count() : 0;
  for (const WorkerPool* pool : {&probes_, &dead_probes_, &urgent_probes_}) {
    figures.queued += pool->waiting();
    figures.running += pool->running();
  }
  figures.dead_queued = dead_probes_.waiting();
  figures.dead_running = dead_probes_.running();
  return figures;
}

std::vector<Analysis> Engine::analyses() const {
  const MutexLock lock(mutex_);
  std::vector<Analysis> all;
  for (const auto& [name, verdict] : verdicts_)
    all.insert(all.end(), verdict.analyses.begin(), verdict.analyses.end());
  return all;
}

std::vector<Topology> Engine::leaving_out() const {
  const MutexLock lock(mutex_);
  return picture_.leaving_out();
}

}  // namespace orch
