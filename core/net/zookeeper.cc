#include "core/net/zookeeper.h"

#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "core/base/mutex.h"
#include "core/base/name_lookup.h"
#include "core/base/text.h"
#include "core/model/instance_key.h"

namespace orch {

namespace {

constexpr std::uint16_t kZookeeperPort = 2181;
constexpr int kSessionMilliseconds = 10'000;
/// What a node holds that is there for those below it.
constexpr std::string_view kFiller = "orch";

/// The library resolves names without a deadline: so it is given addresses.
Result<std::string> numeric_servers(const std::string& servers, SteadyPoint deadline) {
  std::vector<std::string> found;
  std::optional<Error> problem;
  for (const std::string& name : words(servers, ", \t")) {
    const auto key = parse_instance_key(name, kZookeeperPort);
    if (!key) return fail(ErrorKind::InvalidInput, "ZkAddress: no server: " + quoted_excerpt(name));
    const Result<NameLookup> lookup = look_up_name(key->hostname, deadline);
    if (!lookup) {
      problem = lookup.error();
      continue;
    }
    for (const std::string& address : lookup->addresses)
      found.push_back(fmt::format("{}:{}", address, key->port));
  }
  if (!found.empty()) return join(found, ",");
  if (problem) return fail(*problem);
  return fail(ErrorKind::InvalidInput, "ZkAddress names no server");
}

/// A session; each question waits until the deadline and no longer.
class ZookeeperSession {
 public:
  ZookeeperSession(const std::string& servers, SteadyPoint deadline) : deadline_(deadline) {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // it writes to stderr
    handle_ = zookeeper_init(servers.c_str(), on_event, kSessionMilliseconds, nullptr, this, 0);
  }
  /// Ends the library's threads: nothing is called back after that.
  ~ZookeeperSession() {
    if (handle_ != nullptr) zookeeper_close(handle_);
  }
  ZookeeperSession(const ZookeeperSession&) = delete;
  ZookeeperSession& operator=(const ZookeeperSession&) = delete;

  [[nodiscard]] bool connect() {
    const MutexLock lock(mutex_);
    return handle_ != nullptr &&
           changed_.wait_until(mutex_, deadline_, [this] { return connected_; });
  }

  int set(const std::string& path, const std::string& value) {
    return ask([&] {
      return zoo_aset(handle_, path.c_str(), value.data(), static_cast<int>(value.size()), -1,
                      on_set, this);
    });
  }
  int create(const std::string& path, std::string_view value) {
    return ask([&] {
      return zoo_acreate(handle_, path.c_str(), value.data(), static_cast<int>(value.size()),
                         &ZOO_OPEN_ACL_UNSAFE, 0, on_create, this);
    });
  }

 private:
  static void on_event(zhandle_t* /*handle*/, int type, int state, const char* /*path*/,
                       void* context) {
    if (type != ZOO_SESSION_EVENT || state != ZOO_CONNECTED_STATE) return;
    auto* self = static_cast<ZookeeperSession*>(context);
    const MutexLock lock(self->mutex_);
    self->connected_ = true;
    self->changed_.notify_all();
  }
  static void on_set(int code, const Stat* /*stat*/, const void* self) { answered(code, self); }
  static void on_create(int code, const char* /*path*/, const void* self) { answered(code, self); }
  static void answered(int code, const void* context) {
    // The library hands back the pointer that it was given, as const.
    auto* self = static_cast<ZookeeperSession*>(const_cast<void*>(context));
    const MutexLock lock(self->mutex_);
    self->code_ = code;
    self->changed_.notify_all();
  }

  int ask(const std::function<int()>& start) {
    {
      const MutexLock lock(mutex_);
      code_.reset();
    }
    if (const int refused = start(); refused != ZOK) return refused;
    const MutexLock lock(mutex_);
    const bool in_time =
        changed_.wait_until(mutex_, deadline_, [this] { return code_.has_value(); });
    return in_time ? *code_ : static_cast<int>(ZOPERATIONTIMEOUT);
  }

  const SteadyPoint deadline_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool connected_ ORCH_GUARDED_BY(mutex_){false};
  std::optional<int> code_ ORCH_GUARDED_BY(mutex_){};
  zhandle_t* handle_{nullptr};
};

int create_with_parents(ZookeeperSession& session, const std::string& path,
                        const std::string& value) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const int code = session.create(path.substr(0, slash), kFiller);
    if (code != ZOK && code != ZNODEEXISTS) return code;
  }
  const int code = session.create(path, value);
  return code == ZNODEEXISTS ? session.set(path, value) : code;  // somebody was faster
}

}  // namespace

Result<> set_zookeeper_nodes(const std::string& servers,
                             std::span<const std::pair<std::string, std::string>> nodes,
                             const std::function<Result<>()>& permit, SteadyPoint deadline) {
  ORCH_ASSIGN(const std::string addresses, numeric_servers(servers, deadline));
  ZookeeperSession session(addresses, deadline);
  if (!session.connect()) {
    return fail(ErrorKind::Unreachable, "ZooKeeper " + servers + ": no connection in time");
  }
  for (const auto& [path, value] : nodes) {
    ORCH_TRY(permit());
    int code = session.set(path, value);
    if (code == ZNONODE) code = create_with_parents(session, path, value);
    if (code == ZOK) continue;
    const bool away = code == ZOPERATIONTIMEOUT || code == ZCONNECTIONLOSS;
    return fail(away ? ErrorKind::Unreachable : ErrorKind::Broken,
                fmt::format("ZooKeeper {}: {}: {}", servers, path, zerror(code)));
  }
  return {};
}

}  // namespace orch
