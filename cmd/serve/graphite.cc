#include "cmd/serve/graphite.h"

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/name_lookup.h"
#include "core/base/text.h"
#include "core/model/instance_key.h"
#include "core/net/tcp_reach.h"

namespace orch::cmd {

namespace {

constexpr std::uint16_t kGraphitePort = 2003;
constexpr std::chrono::seconds kSendLimit{10};

Result<> send_lines(const std::string& address, const std::string& lines) {
  const auto server = parse_instance_key(address, kGraphitePort);
  if (!server) return fail(ErrorKind::InvalidInput, "no host:port: " + quoted_excerpt(address));
  const SteadyPoint deadline = std::chrono::steady_clock::now() + kSendLimit;
  ORCH_ASSIGN(const NameLookup lookup, look_up_name(server->hostname, deadline));
  return send_tcp(*server, lookup.addresses, lines, deadline);
}

}  // namespace

std::string graphite_path(const MetricsSettings& settings, const std::string& hostname) {
  const std::string name = settings.graphite_convert_hostname_dots_to_underscores
                               ? replace_all(hostname, ".", "_")
                               : hostname;
  return replace_all(settings.graphite_path, "{hostname}", name);
}

std::string graphite_lines(const std::string& path, const std::vector<NamedFigure>& figures,
                           std::chrono::seconds poll, TimePoint now) {
  const auto at = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::string lines;
  for (const NamedFigure& figure : figures) {
    const std::string name = path + "." + figure.name;
    if (!figure.counter) {
      lines += fmt::format("{}.value {} {}\n", name, figure.value, at);
      continue;
    }
    lines += fmt::format("{}.count {} {}\n", name, figure.value, at);
    lines += fmt::format("{}.count_ps {:.2f} {}\n", name,
                         static_cast<double>(figure.value) / static_cast<double>(poll.count()), at);
  }
  return lines;
}

GraphiteReporter::GraphiteReporter(const MetricsSettings& settings, const std::string& hostname,
                                   Figures figures)
    : settings_(settings), path_(graphite_path(settings, hostname)), figures_(std::move(figures)) {
  if (settings_.graphite_addr.empty() || path_.empty() ||
      settings_.graphite_poll_seconds.count() <= 0) {
    return;
  }
  thread_ = std::thread([this] { run(); });
}

GraphiteReporter::~GraphiteReporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void GraphiteReporter::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, settings_.graphite_poll_seconds, [this] { return stopping_; })) {
    lock.unlock();
    report();
    lock.lock();
  }
}

void GraphiteReporter::report() {
  const std::string lines =
      graphite_lines(path_, figures_(), settings_.graphite_poll_seconds, SystemClock().now());
  const Result<> sent = send_lines(settings_.graphite_addr, lines);
  if (!sent && !told_) log::error("GraphiteAddr: {}", sent.error().message);
  told_ = !sent;
}

}  // namespace orch::cmd
