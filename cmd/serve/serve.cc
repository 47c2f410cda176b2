#include "cmd/serve/serve.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "cmd/api/api.h"
#include "cmd/api/metrics.h"
#include "cmd/cli/output.h"
#include "cmd/http/access.h"
#include "cmd/http/gzip.h"
#include "cmd/http/server.h"
#include "cmd/serve/graphite.h"
#include "cmd/serve/memory.h"
#include "cmd/serve/service.h"
#include "cmd/version.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/named_files.h"

namespace orch::cmd {

namespace {

constexpr std::size_t kMostConnections = 4096;

/// How many files may be open. A shell allows 1,024 of what the kernel would: too few for a fleet.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

/// One message to the service manager, where there is one: sd_notify(3).
void notify(std::string_view message) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    log::warning("NOTIFY_SOCKET: errno {}", errno);
  }
  ::close(socket);
}

/// How often the manager wants a sign of life: half of its patience. Zero: it does not.
std::chrono::microseconds watchdog_period() {
  const char* text = std::getenv("WATCHDOG_USEC");
  const auto patience = text == nullptr ? std::optional<std::uint64_t>() : parse_uint(text);
  return std::chrono::microseconds(static_cast<std::int64_t>(patience.value_or(0) / 2));
}

HttpServerSettings http_settings(const HttpSettings& from, const ServeOptions& options) {
  HttpServerSettings settings;
  settings.address = options.listen.empty() ? from.listen_address : options.listen;
  if (from.use_ssl && settings.address.empty()) settings.address = ":443";
  settings.socket = options.listen.empty() ? from.listen_socket : "";
  settings.tls = from.use_ssl;
  settings.certificate_file = from.ssl_cert_file;
  settings.key_file = from.ssl_private_key_file;
  settings.ca_file = from.ssl_ca_file;
  settings.ask_client_certificate = from.use_mutual_tls;
  // Clients of the API must not take what connections to servers need.
  settings.most_connections = std::min(kMostConnections, raise_descriptor_limit() / 2);
  return settings;
}

/// Where other processes find this node: by the host's name, when it listens on all addresses.
std::string public_url(const HttpServerSettings& settings, const std::string& prefix,
                       std::uint16_t port) {
  const std::string_view scheme = settings.tls ? "https" : "http";
  if (!settings.socket.empty()) return fmt::format("http://unix:{}:{}", settings.socket, prefix);
  std::string host = settings.address.substr(0, settings.address.rfind(':'));
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = this_host();
  return fmt::format("{}://{}:{}{}", scheme, host, port, prefix);
}

/// Where the other nodes of a raft group find this one; without the prefix, which all of them have.
std::string advertised_url(const Config& config, std::uint16_t port) {
  if (!config.raft.http_advertise.empty()) return config.raft.http_advertise;
  const std::string& raft = config.raft.raft_advertise;
  return fmt::format("{}://{}:{}", config.http.use_ssl ? "https" : "http",
                     raft.substr(0, raft.rfind(':')), port);
}

class Signals {
 public:
  /// Before any thread is started: all of them leave these to wait().
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  /// The next one; 0 when none came in time.
  int wait(std::chrono::microseconds limit) {
    timespec time{};
    time.tv_sec = static_cast<time_t>(limit.count() / 1'000'000);
    time.tv_nsec = static_cast<long>(limit.count() % 1'000'000 * 1000);
    const int signal = ::sigtimedwait(&set_, nullptr, &time);
    return signal < 0 ? 0 : signal;
  }

 private:
  sigset_t set_{};
};

bool open_log(const Config& config) {
  return log::set_output({.file = config.service.log_file,
                          .json = config.service.log_format == "json",
                          .syslog = config.general.enable_syslog});
}

void reload(Service& service) {
  notify("RELOADING=1");
  const Result<> done = service.reload("");
  // Also after a rotation, which has given the file another name.
  if (!open_log(service.config())) {
    log::error("LogFile {}: {}", service.config().service.log_file, std::strerror(errno));
  }
  if (done) {
    log::info("configuration read again");
  } else {
    log::error("{}", done.error().message);
  }
  notify("READY=1");
}

}  // namespace

int serve(Config config, const ServeOptions& options) {
  bound_allocator();
  Signals signals;
  if (!open_log(config)) {
    complain(fmt::format("LogFile {}: {}", config.service.log_file, std::strerror(errno)));
    return exit_code(ErrorKind::Denied);
  }
  if (config.agent.serve_agents_http) log::warning("ServeAgentsHttp: agents are not served");
  const HttpSettings http = config.http;
  if (const Result<> sound = check_access(http); !sound) {
    complain(sound.error().message);
    return exit_code(sound.error().kind);
  }
  auto service = Service::start(std::move(config), options.run, options.discovery);
  if (!service) {
    complain(service.error().message);
    return exit_code(service.error().kind);
  }
  Service& node = **service;
  if (options.grab_election) {
    if (const Result<> taken = node.coordination().grab(); !taken) {
      log::error("{}", taken.error().message);
    }
  }
  const GraphiteReporter graphite(node.config().metrics, node.services().self().hostname,
                                  [&node] { return named_figures(node); });
  const Api api(node);
  std::unique_ptr<HttpServer> server;
  if (options.http) {
    auto started = HttpServer::start(
        http_settings(http, options),
        [&api](const HttpRequest& request) {
          HttpResponse response = api.answer(request);
          compress_if_wanted(request, response);
          return response;
        },
        [&api](const HttpRequest& request) { return api.answer_quickly(request); });
    if (!started) {
      complain(started.error().message);
      return exit_code(started.error().kind);
    }
    server = *std::move(started);
    const std::string url =
        public_url(http_settings(http, options), http.url_prefix, server->port());
    node.announce(url, advertised_url(node.config(), server->port()));
    for (const ConfigProblem& problem : check_named_files(node.config()))
      log::warning("{}: {}", problem.key, problem.message);
    log::info("orch {} serves {}", version(),
              server->port() == 0 ? http.listen_socket : fmt::format("port {}", server->port()));
  }
  notify("READY=1");
  const auto period = watchdog_period();
  for (;;) {
    const int signal =
        signals.wait(period.count() > 0 ? period : std::chrono::microseconds(10'000'000));
    if (signal == SIGHUP) reload(node);
    if (signal == SIGTERM || signal == SIGINT || node.broken()) break;
    if (period.count() > 0) notify("WATCHDOG=1");
  }
  notify("STOPPING=1");
  log::info("shutting down");
  audit(node.services(), "shutdown", {}, "");
  node.drain([&server](SteadyPoint deadline) {
    if (server) server->stop(deadline);
  });
  return node.broken() ? exit_code(ErrorKind::Broken) : 0;
}

}  // namespace orch::cmd
