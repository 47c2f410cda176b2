#include "ha/kv.h"

#include <utility>

#include "core/base/log.h"
#include "core/base/name_lookup.h"
#include "core/net/zookeeper.h"

namespace orch::ha {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLookUp{2};
constexpr std::chrono::minutes kRightFor{10};

}  // namespace

KvPairs master_pairs(const KvSettings& settings, const storage::HostnameStore& hosts,
                     const std::string& alias, const InstanceKey& master) {
  if (alias.empty()) return {};
  const std::string base = settings.kv_cluster_master_prefix + alias;
  KvPairs pairs = {{base, to_string(master)},
                   {base + "/hostname", master.hostname},
                   {base + "/port", std::to_string(master.port)}};
  auto known = hosts.find_addresses(master.hostname);
  if (!known) {
    log::error("key-value stores: {}", known.error().message);
    return pairs;
  }
  storage::HostAddresses addresses;
  if (*known) {
    addresses = **std::move(known);
  } else if (const auto found = look_up_name(master.hostname, steady_clock::now() + kLookUp)) {
    addresses = storage::addresses_of(master.hostname, found->addresses);
  }
  pairs.push_back({base + "/ipv4", addresses.ipv4});
  pairs.push_back({base + "/ipv6", addresses.ipv6});
  return pairs;
}

KvStores::KvStores(const KvSettings& settings, const Leadership& leadership)
    : settings_(settings), leadership_(leadership) {
  if (!settings_.consul_address.empty()) consul_.emplace(settings_);
}

Permit KvStores::leads_as_now() const {
  return [this, term = leadership_.leading()]() -> Result<> {
    if (term && leadership_.proven() == term) return {};
    return fail(ErrorKind::Conflict,
                "this node does not lead: it writes nothing to key-value stores");
  };
}

Result<> KvStores::write_outside(const KvPairs& pairs, const Permit& permit,
                                 std::chrono::seconds limit) {
  Result<> first;
  if (!settings_.zk_address.empty()) {
    std::vector<std::pair<std::string, std::string>> nodes;
    for (const KvPair& pair : pairs) {
      const std::size_t begin = pair.key.find_first_not_of('/');
      nodes.emplace_back("/" + pair.key.substr(std::min(begin, pair.key.size())), pair.value);
    }
    first = set_zookeeper_nodes(settings_.zk_address, nodes, permit, steady_clock::now() + limit);
  }
  if (consul_) {
    Result<> saved = consul_->save(pairs, permit, steady_clock::now() + limit);
    if (!saved && first) first = std::move(saved);
  }
  return first;
}

Result<> KvStores::write(storage::KvStore internal, const KvPairs& pairs, const Permit& permit,
                         std::chrono::seconds limit) {
  if (pairs.empty()) return {};
  Result<> first = permit();
  if (!first) return first;
  {
    // Until it is done, they are not there.
    const MutexLock lock(mutex_);
    for (const KvPair& pair : pairs) {
      unwritten_.insert(pair.key);
      right_.erase(pair.key);
    }
  }
  for (const KvPair& pair : pairs) {
    Result<> saved = permit();
    if (saved) saved = internal.save(pair.key, pair.value);
    if (!saved && first) first = std::move(saved);
    if (!first) break;
  }
  Result<> outside = write_outside(pairs, permit, limit);
  if (outside) {
    const MutexLock lock(mutex_);
    for (const KvPair& pair : pairs)
      unwritten_.erase(pair.key);
  } else if (first) {
    first = std::move(outside);
  }
  return first;
}

Result<> KvStores::distribute(const KvPairs& pairs, const Permit& permit,
                              std::chrono::seconds limit) {
  if (!consul_ || !settings_.consul_cross_data_center_distribution) return {};
  return consul_->distribute(pairs, permit, steady_clock::now() + limit);
}

Result<> KvStores::publish(storage::KvStore internal, const KvPairs& pairs,
                           std::chrono::seconds limit) {
  ++recoveries_;
  const Permit permit = leads_as_now();
  Result<> written = write(internal, pairs, permit, limit);
  Result<> distributed = distribute(pairs, permit, limit);
  return written ? distributed : written;
}

Result<bool> KvStores::is_right(const storage::KvStore& internal, const KvPair& pair,
                                SteadyPoint deadline) {
  const auto now = steady_clock::now();
  if (consul_ && consul_->may_differ(pair, deadline)) return false;
  {
    const MutexLock lock(mutex_);
    if (unwritten_.contains(pair.key)) return false;
    const auto note = right_.find(pair.key);
    const bool fresh = note != right_.end() && now - note->second.at < kRightFor;
    if (fresh && note->second.value == pair.value) return true;
  }
  ORCH_ASSIGN(const std::optional<std::string> stored, internal.find(pair.key));
  if (!stored || *stored != pair.value) return false;
  const MutexLock lock(mutex_);
  right_[pair.key] = {pair.value, now};
  return true;
}

Result<> KvStores::submit(storage::KvStore internal, const std::function<Result<KvPairs>()>& read,
                          bool all) {
  const Permit permit = [this, leads = leads_as_now(), before = recoveries_.load()]() -> Result<> {
    if (recoveries_ == before) return leads();
    return fail(ErrorKind::Conflict,
                "a recovery publishes its master: nothing more is written now");
  };
  ORCH_ASSIGN(const KvPairs pairs, read());
  KvPairs wrong;
  const SteadyPoint deadline = steady_clock::now() + kBatchLimit;
  for (const KvPair& pair : pairs) {
    ORCH_ASSIGN(const bool right, all ? Result<bool>(false) : is_right(internal, pair, deadline));
    if (!right) wrong.push_back(pair);
  }
  Result<> written = write(internal, wrong, permit, kBatchLimit);
  Result<> distributed = distribute(pairs, permit, kBatchLimit);
  return written ? distributed : written;
}

}  // namespace orch::ha
