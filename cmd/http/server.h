#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cmd/http/message.h"
#include "core/base/result.h"

namespace orch::cmd {

struct HttpServerSettings {
  std::string address{":3000"};  ///< ListenAddress: "[host]:port"; port 0: any
  std::string socket{};          ///< ListenSocket: a path; then no address, and no TLS
  bool tls{false};
  std::string certificate_file{};
  std::string key_file{};
  std::string ca_file{};  ///< of client certificates
  bool ask_client_certificate{false};
  std::size_t most_connections{4096};
  std::chrono::seconds header_limit{15};  ///< for a request's head and body to arrive
  std::chrono::seconds idle_limit{60};    ///< between requests
  std::chrono::milliseconds pulse{5000};  ///< between signs of life in a stream
  std::size_t most_handlers{128};  ///< requests that are worked on at once; as many wait for others
};

/// Answers HTTP/1.1 requests over TCP, TLS or a Unix socket: the door to Boost.Beast. However many
/// clients are slow or broken, the others are served. A handler that runs long holds up nobody.
class HttpServer {
 public:
  /// Called by threads of the server, many at once. Must not throw.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  /// Answers what needs no waiting, without a thread; nothing: a Handler does.
  using QuickHandler = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

  /// Errors: InvalidInput, for an address or certificate files of no use; Unreachable, the address
  /// is taken or may not be used.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerSettings settings, Handler handler,
                                                   QuickHandler quick = {});
  virtual ~HttpServer() = default;

  /// The port that it listens on; 0 for a Unix socket.
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Takes no more connections, lets requests that are worked on end until the deadline, closes.
  virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace orch::cmd
