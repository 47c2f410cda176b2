#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cmd/http/address.h"
#include "cmd/http/message.h"
#include "core/base/result.h"

namespace orch::cmd {

/// What a TLS client shows and believes.
struct HttpClientTls {
  bool verify{true};
  std::string ca_file{};           ///< besides those of the system
  std::string certificate_file{};  ///< of the client; "": none
  std::string key_file{};
};

struct HttpPatience {
  std::chrono::milliseconds connect{5000};   ///< until the connection stands, TLS and all
  std::chrono::milliseconds silence{30000};  ///< for the next bytes to come
  /// Looked at while waiting: why nothing will come any more; "": something may.
  std::function<std::string()> hopeless{};
};

/// A connection to an HTTP service, for one request. One thread waits for each thing in turn,
/// within a deadline.
class HttpConnection {
 public:
  /// Errors, which name the address: Unreachable; Denied, TLS could not be agreed on; InvalidInput,
  /// a file of no use. Nothing has been asked then.
  static Result<std::unique_ptr<HttpConnection>> open(const HttpAddress& address,
                                                      const HttpClientTls& tls,
                                                      const HttpPatience& patience);
  virtual ~HttpConnection() = default;

  /// The status of the answer, and the pieces of its body as they come.
  using Heard = std::function<void(int status, std::string_view piece)>;
  /// The whole answer, whatever its status. The header Authorization is made of the address's user
  /// and password, when it has some. To be called once.
  /// Errors: Unreachable: whether the request came through is not known.
  virtual Result<HttpResponse> ask(const HttpRequest& request, const Heard& heard = {}) = 0;
};

}  // namespace orch::cmd
