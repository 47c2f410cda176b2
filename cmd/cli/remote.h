#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cmd/command/exchange.h"
#include "cmd/http/client.h"
#include "core/base/result.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// How the command line comes to a service's API.
struct ServiceAccess {
  std::vector<std::string> urls{};  ///< --api or ORCHESTRATOR_API; none: the backend tells
  bool direct{false};               ///< --direct: no service is asked
  std::string user{};
  Secret password{};
  std::pair<std::string, std::string> header{};  ///< one that says who asks; name and value
  Secret token{};                                ///< "public:secret"
  HttpClientTls tls{};
};

/// What the option and the environment say (ORCHESTRATOR_API, _AUTH_USER, _AUTH_PASSWORD,
/// _AUTH_USER_HEADER as for the shell client; _API_TOKEN, _API_CA, _API_CERT, _API_KEY), and where
/// they say nothing, the configuration that the service shares: to a service that is named,
/// its secrets are not sent.
ServiceAccess access_from(const std::string& api_option, bool direct, const HttpSettings& shared);

/// A service that runs commands for this process.
class RemoteService {
 public:
  /// The first address whose node leads. When none does, and `must_lead` is not asked for, the
  /// first that answers. A single address that was named is taken without being asked, so `ask_one`
  /// is for addresses that were found. Errors: Unreachable, InvalidInput; each says what was tried.
  static Result<RemoteService> choose(const ServiceAccess& access,
                                      const std::vector<HttpAddress>& addresses, bool must_lead,
                                      bool ask_one);

  /// What became of a command. Not begun: the service did nothing at all. While the nodes elect a
  /// leader it is asked again, for as long as an election takes.
  struct Asked {
    bool begun{false};
    Result<Reply> reply;
  };
  [[nodiscard]] Asked run(const CommandRequest& request, Progress& progress) const;
  [[nodiscard]] std::string place() const { return to_string(address_); }
  /// The body of an answer with status 200. `path`: below "/api/".
  [[nodiscard]] Result<std::string> get(const std::string& path) const;

 private:
  RemoteService(const ServiceAccess& access, HttpAddress address)
      : access_(access), address_(std::move(address)) {}
  /// Nothing: no node leads just now.
  [[nodiscard]] std::optional<Asked> run_once(const CommandRequest& request, Progress& progress,
                                              bool last) const;
  [[nodiscard]] HttpRequest request_for(std::string_view method, const std::string& path) const;
  [[nodiscard]] Result<int> check(const std::string& path) const;
  [[nodiscard]] Error refusal(const HttpResponse& answer) const;

  ServiceAccess access_;
  HttpAddress address_;
};

/// `urls`, with the credentials that the access holds. Errors: InvalidInput.
Result<std::vector<HttpAddress>> addresses_of(const std::vector<std::string>& urls,
                                              const ServiceAccess& access);

}  // namespace orch::cmd
