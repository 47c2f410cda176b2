#include "ha/consul.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/model/instance_key.h"
#include "core/net/base64.h"

namespace orch::ha {

namespace {

constexpr std::uint16_t kConsulPort = 8500;
constexpr std::size_t kWidth = 16;
/// For one question; a batch has its own limit.
constexpr std::chrono::seconds kQuestionLimit{5};
/// How long Consul, or what is on the way to it, may hold a write that it did not answer.
constexpr std::chrono::minutes kDoubt{10};
constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kRolledBack = 409;

/// Consul has no keys that begin with a slash.
std::string_view consul_key(const KvPair& pair) {
  return std::string_view(pair.key).substr(
      std::min(pair.key.find_first_not_of('/'), pair.key.size()));
}

std::string in_center(const std::string& center) {
  return center.empty() ? "" : "?dc=" + percent_encoded(center);
}

std::string path_of(const std::string& center, const KvPair& pair) {
  return "/v1/kv/" + percent_encoded(consul_key(pair), "/:") + in_center(center);
}

std::string transaction_of(const KvPairs& pairs, bool write) {
  Json list = Json::array();
  for (const KvPair& pair : pairs) {
    Json operation = {{"Verb", write ? "set" : "get"}, {"Key", consul_key(pair)}};
    if (write) operation["Value"] = base64_encoded(pair.value);
    list.push_back({{"KV", std::move(operation)}});
  }
  return dump(list);
}

/// The values in an answer, still encoded, by key. An empty value is null there.
std::map<std::string, std::string> values_in(const Json& entries) {
  std::map<std::string, std::string> values;
  if (!entries.is_array()) return values;
  for (const Json& entry : entries) {
    const Json& pair = entry.is_object() && entry.contains("KV") ? entry["KV"] : entry;
    if (!pair.is_object() || !pair.contains("Key") || !pair["Key"].is_string()) continue;
    const bool has_value = pair.contains("Value") && pair["Value"].is_string();
    values[pair["Key"].get<std::string>()] = has_value ? pair["Value"].get<std::string>() : "";
  }
  return values;
}

bool holds_value(const std::map<std::string, std::string>& values, const KvPair& pair) {
  const auto found = values.find(std::string(consul_key(pair)));
  return found != values.end() && found->second == base64_encoded(pair.value);
}

Json parsed(const HttpReply& reply) {
  return Json::parse(reply.body, nullptr, false);
}

}  // namespace

std::vector<KvPairs> grouped_by_cluster(const KvPairs& pairs, const std::string& prefix,
                                        std::size_t most) {
  const auto cluster_of = [&](const KvPair& pair) {
    std::string_view rest = pair.key;
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    return rest.substr(0, rest.find('/'));
  };
  std::vector<KvPairs> groups;
  for (auto from = pairs.begin(); from != pairs.end();) {
    const auto to = std::find_if(from, pairs.end(), [&](const KvPair& pair) {
      return cluster_of(pair) != cluster_of(*from);
    });
    const auto count = static_cast<std::size_t>(to - from);
    if (groups.empty() || groups.back().size() + count > most) groups.emplace_back();
    groups.back().insert(groups.back().end(), from, to);
    from = to;
  }
  return groups;
}

bool Consul::by_transactions() const {
  const std::string& provider = settings_.consul_kv_store_provider;
  return provider == "consul-txn" || provider == "consul_txn";
}

std::vector<KvPairs> Consul::groups_of(const KvPairs& pairs) const {
  if (!by_transactions()) return {pairs};
  return grouped_by_cluster(pairs, settings_.kv_cluster_master_prefix,
                            static_cast<std::size_t>(settings_.consul_max_kvs_per_transaction));
}

Result<HttpReply> Consul::ask(const std::string& method, const std::string& target,
                              std::string body, SteadyPoint deadline) const {
  const auto agent = parse_instance_key(settings_.consul_address, kConsulPort);
  if (!agent) {
    return fail(ErrorKind::InvalidInput,
                "ConsulAddress: no host:port: " + quoted_excerpt(settings_.consul_address));
  }
  HttpQuestion question{.host = agent->hostname,
                        .port = agent->port,
                        .tls = equals_ignoring_case(settings_.consul_scheme, "https"),
                        .method = method,
                        .target = target,
                        .body = std::move(body)};
  if (!settings_.consul_acl_token.empty()) {
    question.headers.emplace_back("X-Consul-Token", settings_.consul_acl_token.reveal());
  }
  auto reply =
      ask_http(question, std::min(deadline, std::chrono::steady_clock::now() + kQuestionLimit));
  if (!reply) return fail(std::move(reply).error().within("Consul"));
  const int status = reply->status;
  if (status == kOk || status == kNotFound || status == kRolledBack) return reply;
  return fail(status == 401 || status == 403 ? ErrorKind::Denied : ErrorKind::Broken,
              fmt::format("Consul {}: {} {} was answered with {}: {}", settings_.consul_address,
                          method, target, status, quoted_excerpt(trim(reply->body), 120)));
}

Result<HttpReply> Consul::write(const std::string& center, const KvPairs& pairs,
                                const std::string& target, std::string body, SteadyPoint deadline) {
  Result<HttpReply> reply = ask("PUT", target, std::move(body), deadline);
  if (reply || reply.error().kind != ErrorKind::Unreachable) return reply;
  const MutexLock lock(mutex_);
  for (const KvPair& pair : pairs)
    doubted_[{center, pair.key}] = std::chrono::steady_clock::now() + kDoubt;
  return reply;
}

Result<> Consul::put(const std::string& center, const KvPair& pair, SteadyPoint deadline) {
  ORCH_ASSIGN(const HttpReply reply,
              write(center, {pair}, path_of(center, pair), pair.value, deadline));
  if (reply.status == kOk && trim(reply.body) != "false") return {};
  return fail(ErrorKind::Broken, fmt::format("Consul {}: {} was not written: {}",
                                             settings_.consul_address, pair.key, reply.status));
}

Result<bool> Consul::holds(const std::string& center, const KvPair& pair,
                           SteadyPoint deadline) const {
  ORCH_ASSIGN(const HttpReply reply, ask("GET", path_of(center, pair), "", deadline));
  return reply.status == kOk && holds_value(values_in(parsed(reply)), pair);
}

/// As one transaction; one pair alone needs none.
Result<> Consul::put_all(const std::string& center, const KvPairs& pairs, SteadyPoint deadline) {
  if (pairs.size() == 1) return put(center, pairs.front(), deadline);
  ORCH_ASSIGN(const HttpReply reply, write(center, pairs, "/v1/txn" + in_center(center),
                                           transaction_of(pairs, true), deadline));
  if (reply.status == kOk) return {};
  return fail(ErrorKind::Broken, fmt::format("Consul {}: a transaction was not applied: {}: {}",
                                             settings_.consul_address, reply.status,
                                             quoted_excerpt(trim(reply.body), 200)));
}

Result<KvPairs> Consul::missing_of(const std::string& center, const KvPairs& pairs,
                                   SteadyPoint deadline) const {
  ORCH_ASSIGN(const HttpReply reply,
              ask("PUT", "/v1/txn" + in_center(center), transaction_of(pairs, false), deadline));
  // A key that is not there fails the whole of it: then all are written.
  if (reply.status != kOk) return pairs;
  const Json answer = parsed(reply);
  const auto values = values_in(answer.is_object() ? answer.value("Results", Json()) : Json());
  KvPairs missing;
  std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(missing),
               [&](const KvPair& pair) { return !holds_value(values, pair); });
  return missing;
}

Result<> Consul::save(const KvPairs& pairs, const Permit& permit, SteadyPoint deadline) {
  for (const KvPairs& group : groups_of(pairs)) {
    if (by_transactions()) {
      ORCH_TRY(permit());
      ORCH_TRY(put_all("", group, deadline));
      continue;
    }
    for (const KvPair& pair : group) {
      ORCH_TRY(permit());
      ORCH_TRY(put("", pair, deadline));
    }
  }
  return {};
}

Result<std::vector<std::string>> Consul::centers(SteadyPoint deadline) const {
  ORCH_ASSIGN(const HttpReply reply, ask("GET", "/v1/catalog/datacenters", "", deadline));
  const Json list = parsed(reply);
  if (reply.status != kOk || !list.is_array()) {
    return fail(ErrorKind::Broken, fmt::format("Consul {}: it does not name its data centers: {}",
                                               settings_.consul_address, reply.status));
  }
  std::vector<std::string> names;
  for (const Json& name : list) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

bool Consul::doubts(const std::string& center, const KvPair& pair) const {
  const auto found = doubted_.find({center, pair.key});
  return found != doubted_.end() && std::chrono::steady_clock::now() < found->second;
}

bool Consul::may_differ(const KvPair& pair, SteadyPoint deadline) const {
  {
    const MutexLock lock(mutex_);
    if (!doubts("", pair)) return false;
  }
  const Result<bool> there = holds("", pair, deadline);
  return !there || !*there;
}

bool Consul::knows(const std::string& center, const KvPair& pair) const {
  const MutexLock lock(mutex_);
  const auto found = known_.find({center, pair.key});
  return found != known_.end() && found->second == pair.value && !doubts(center, pair);
}

void Consul::learn(const std::string& center, const KvPairs& pairs) {
  const MutexLock lock(mutex_);
  for (const KvPair& pair : pairs)
    known_[{center, pair.key}] = pair.value;
}

Result<> Consul::distribute_group(const std::string& center, const KvPairs& pairs,
                                  const Permit& permit, SteadyPoint deadline, Counts& counts) {
  ORCH_ASSIGN(const KvPairs missing, missing_of(center, pairs, deadline));
  counts.there += static_cast<int>(pairs.size() - missing.size());
  if (!missing.empty()) {
    ORCH_TRY(permit());
    ORCH_TRY(put_all(center, missing, deadline));
    counts.written += static_cast<int>(missing.size());
  }
  learn(center, pairs);
  return {};
}

/// One group of pairs: as a whole, or one by one and then each whatever became of the others.
Result<> Consul::distribute_to(const std::string& center, const KvPairs& pairs,
                               const Permit& permit, SteadyPoint deadline, Counts& counts) {
  KvPairs unknown;
  std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(unknown),
               [&](const KvPair& pair) { return !knows(center, pair); });
  counts.known += static_cast<int>(pairs.size() - unknown.size());
  if (unknown.empty()) return {};
  if (by_transactions()) {
    Result<> done = distribute_group(center, unknown, permit, deadline, counts);
    if (!done) counts.failed += static_cast<int>(unknown.size());
    return done;
  }
  const auto bring = [&](const KvPair& pair) -> Result<> {
    ORCH_ASSIGN(const bool there, holds(center, pair, deadline));
    if (!there) {
      ORCH_TRY(permit());
      ORCH_TRY(put(center, pair, deadline));
    }
    ++(there ? counts.there : counts.written);
    learn(center, {pair});
    return {};
  };
  Result<> first;
  for (const KvPair& pair : unknown) {
    Result<> done = bring(pair);
    if (done) continue;
    ++counts.failed;
    log::error("data center {}: {}", center, done.error().message);
    if (first) first = std::move(done);
  }
  return first;
}

Result<> Consul::distribute(const KvPairs& pairs, const Permit& permit, SteadyPoint deadline) {
  if (pairs.empty() || distributing_.exchange(true)) return {};
  const auto names = centers(deadline);
  if (!names) {
    distributing_ = false;
    return fail(names.error());
  }
  const std::vector<KvPairs> groups = groups_of(pairs);
  std::vector<Counts> counts(names->size());
  Mutex mutex;
  Result<> first;
  parallel_for(names->size() * groups.size(), kWidth, [&](std::size_t i) {
    const std::size_t at = i / groups.size();
    Result<> done =
        distribute_to((*names)[at], groups[i % groups.size()], permit, deadline, counts[at]);
    const MutexLock lock(mutex);
    if (!done && first) first = std::move(done);
  });
  for (std::size_t i = 0; i < names->size(); ++i) {
    log::info("data center {}: {} pairs known, {} there, {} written, {} failed", (*names)[i],
              counts[i].known.load(), counts[i].there.load(), counts[i].written.load(),
              counts[i].failed.load());
  }
  distributing_ = false;
  return first;
}

}  // namespace orch::ha
