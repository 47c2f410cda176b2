#include "core/base/name_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/mutex.h"

namespace orch {
namespace {

/// Look-ups that nobody waits for any more still hold a thread; so many may.
constexpr int kMostUnderWay = 256;

/// Shared by the one who asks and the thread that may outlive the asking.
struct Pending {
  Mutex mutex{};
  std::condition_variable_any ready{};
  bool done ORCH_GUARDED_BY(mutex){false};
  int error ORCH_GUARDED_BY(mutex){0};
  NameLookup answer ORCH_GUARDED_BY(mutex){};
};

std::atomic<int>& under_way() {
  static std::atomic<int> count{0};
  return count;
}

std::string address_text(const addrinfo& entry) {
  char text[NI_MAXHOST] = "";
  if (::getnameinfo(entry.ai_addr, entry.ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return {};
  }
  return text;
}

NameLookup read_answer(const addrinfo* first) {
  NameLookup answer;
  if (first != nullptr && first->ai_canonname != nullptr) {
    answer.canonical_name = first->ai_canonname;
  }
  while (answer.canonical_name.ends_with('.')) {
    answer.canonical_name.pop_back();
  }
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* entry = first; entry != nullptr; entry = entry->ai_next) {
      if (entry->ai_family != family) continue;
      std::string text = address_text(*entry);
      if (!text.empty() && std::ranges::find(answer.addresses, text) == answer.addresses.end()) {
        answer.addresses.push_back(std::move(text));
      }
    }
  }
  return answer;
}

void ask_system(const std::string& host, Pending& pending) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  NameLookup answer = error == 0 ? read_answer(found) : NameLookup{};
  if (found != nullptr) ::freeaddrinfo(found);
  const MutexLock lock(pending.mutex);
  pending.error = error;
  pending.answer = std::move(answer);
  pending.done = true;
  pending.ready.notify_all();
}

bool is_numeric(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Result<> start(const std::string& host, const std::shared_ptr<Pending>& pending) {
  if (under_way().fetch_add(1) >= kMostUnderWay) {
    under_way().fetch_sub(1);
    return fail(ErrorKind::Unreachable,
                fmt::format("host name '{}' not looked up: {} look-ups are waiting for DNS", host,
                            kMostUnderWay));
  }
  try {
    std::thread([host, pending] {
      ask_system(host, *pending);
      under_way().fetch_sub(1);
    }).detach();
  } catch (const std::system_error& error) {
    under_way().fetch_sub(1);
    return fail(ErrorKind::Unreachable,
                fmt::format("host name '{}' not looked up: no thread: {}", host, error.what()));
  }
  return {};
}

}  // namespace

Result<NameLookup> look_up_name(const std::string& host, SteadyPoint deadline) {
  if (is_numeric(host)) return NameLookup{.canonical_name = host, .addresses = {host}};
  const auto pending = std::make_shared<Pending>();
  ORCH_TRY(start(host, pending));
  const MutexLock lock(pending->mutex);
  if (!pending->ready.wait_until(pending->mutex, deadline, [&] { return pending->done; })) {
    return fail(ErrorKind::Unreachable,
                fmt::format("host name '{}' not resolved in time: check DNS", host));
  }
  if (pending->error != 0 || pending->answer.addresses.empty()) {
    const char* reason = pending->error != 0 ? ::gai_strerror(pending->error) : "it has no address";
    return fail(
        ErrorKind::Unreachable,
        fmt::format("host name '{}' does not resolve ({}): check the name and DNS", host, reason));
  }
  return pending->answer;
}

}  // namespace orch
