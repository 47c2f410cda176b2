#include "cmd/serve/entry_writer.h"

#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/align/entry_masters.h"
#include "core/base/log.h"
#include "core/base/parallel.h"
#include "storage/maintenance_store.h"
#include "storage/pseudo_gtid_store.h"

namespace orch::cmd {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kDeniedFor{60};
constexpr std::chrono::seconds kNoteEvery{60};
constexpr std::chrono::minutes kForgetAfter{60};
constexpr std::chrono::seconds kWriteLimit{4};
constexpr std::size_t kWidth = 16;

/// The time comes first, so that texts of entries grow.
std::string entry_name(TimePoint now, std::uint32_t server) {
  static std::random_device source;
  const std::uint64_t random =
      (static_cast<std::uint64_t>(source()) << 32U) | static_cast<std::uint64_t>(source());
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return fmt::format("asc:{:08x}:{:08x}:{:016x}", seconds, server, random);
}

}  // namespace

Result<> EntryWriter::write_all() {
  ORCH_ASSIGN(const std::vector<Instance> all, services_.instances().list({}));
  ORCH_ASSIGN(
      const std::vector<storage::Maintenance> locks,
      storage::MaintenanceStore(services_.database(), services_.clock(), services_.self()).list());
  std::set<InstanceKey> locked;
  for (const storage::Maintenance& lock : locks)
    locked.insert(lock.key);
  const auto now = steady_clock::now();
  std::vector<const Instance*> masters = entry_masters(all);
  // A server that somebody works on stands still.
  std::erase_if(masters, [&](const Instance* master) {
    return locked.contains(master->key) || denied_until_[master->key] > now;
  });
  std::vector<Result<bool>> written(masters.size(), false);
  const Term term = services_.leadership().leading().value_or(0);
  parallel_for(masters.size(), kWidth, [&](std::size_t i) {
    if (services_.leadership().proven() != term) return;
    std::string name = entry_name(services_.clock().now(), masters[i]->server.id);
    written[i] = services_.servers().write_entry(*masters[i], name, now + kWriteLimit);
  });
  std::vector<std::string> fresh;
  for (std::size_t i = 0; i < masters.size(); ++i) {
    const Instance& master = *masters[i];
    if (written[i] && *written[i]) {
      auto& noted = noted_[master.cluster_name];
      if (now - noted >= kNoteEvery || noted == steady_clock::time_point{}) {
        fresh.push_back(master.cluster_name);
        noted = now;
      }
    } else if (!written[i]) {
      denied_until_[master.key] = now + kDeniedFor;
      const Error& error = written[i].error();
      log::warning("no Pseudo-GTID entry for {}: {}{}", to_string(master.key), error.message,
                   error.kind == ErrorKind::Denied
                       ? "; grant orch's account DROP on `_pseudo_gtid_`.*"
                       : "");
    }
  }
  ORCH_TRY(services_.store<storage::PseudoGtidStore>().save(fresh));
  return refresh();
}

bool EntryWriter::has(const std::string& cluster) const {
  const MutexLock lock(mutex_);
  return clusters_.contains(cluster);
}

Result<> EntryWriter::refresh() {
  auto store = services_.store<storage::PseudoGtidStore>();
  ORCH_TRY(store.expire(kForgetAfter));
  ORCH_ASSIGN(std::set<std::string> clusters, store.list());
  const MutexLock lock(mutex_);
  clusters_ = std::move(clusters);
  return {};
}

}  // namespace orch::cmd
