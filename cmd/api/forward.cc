#include "cmd/api/forward.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "cmd/api/answer.h"
#include "cmd/command/exchange.h"
#include "cmd/http/address.h"
#include "cmd/http/client.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kMark = "X-Orch-Forwarded";
constexpr milliseconds kConnect{5000};
constexpr milliseconds kShort{30'000};
/// Longer than a recovery may take.
constexpr milliseconds kLong{1'800'000};

/// Of one connection, not of what is asked or answered; our own server packs answers itself.
bool is_for_one_hop(std::string_view name) {
  constexpr std::string_view kNames[] = {"Connection",
                                         "Keep-Alive",
                                         "Transfer-Encoding",
                                         "Content-Length",
                                         "Proxy-Connection",
                                         "TE",
                                         "Upgrade",
                                         "Host",
                                         "Accept-Encoding",
                                         "Date",
                                         "Server",
                                         "Content-Type",
                                         "Trailer"};
  return std::ranges::any_of(
      kNames, [name](std::string_view each) { return equals_ignoring_case(name, each); });
}

HttpRequest passed_on(const HttpRequest& request) {
  HttpRequest next{.method = request.method, .target = request.target, .body = request.body};
  for (const auto& header : request.headers) {
    if (!is_for_one_hop(header.first)) next.headers.push_back(header);
  }
  const std::string type(request.header("Content-Type"));
  if (!type.empty()) next.headers.emplace_back("Content-Type", type);
  next.headers.emplace_back(kMark, "1");
  return next;
}

Result<std::unique_ptr<HttpConnection>> connect(const std::string& url,
                                                const HttpPatience& patience,
                                                const HttpSettings& settings) {
  ORCH_ASSIGN(const HttpAddress address, parse_api_address(url));
  HttpClientTls tls{.verify = !settings.ssl_skip_verify, .ca_file = settings.ssl_ca_file};
  if (settings.use_mutual_tls) {
    tls.certificate_file = settings.ssl_cert_file;
    tls.key_file = settings.ssl_private_key_file;
  }
  return HttpConnection::open(address, tls, patience);
}

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 400:
    case 415:
      return ErrorKind::InvalidInput;
    case 401:
    case 403:
      return ErrorKind::Denied;
    case 409:
      return ErrorKind::Conflict;
    default:
      return ErrorKind::Unreachable;
  }
}

HttpResponse silent_leader(const Error& error, int status) {
  ApiAnswer refusal = api_error("the leader does not answer: " + error.message);
  refusal.status = status;
  return to_response(refusal, "");
}

Error with_unknown_end(Error error) {
  error.message += "; whether this was carried out is not known";
  return error;
}

}  // namespace

bool was_forwarded(const HttpRequest& request) {
  return !request.header(kMark).empty();
}

std::string LeaderWatch::lost(bool at_once) {
  const std::string now = leader_();
  if (now == asked_) {
    since_.reset();
    return "";
  }
  const auto seen_at = std::chrono::steady_clock::now();
  if (!since_) since_ = seen_at;
  if (seen_at - *since_ < grace_ && (now.empty() || !at_once)) return "";
  return fmt::format("{} does not lead any more, {}", asked_,
                     now.empty() ? "and nobody does" : now + " does");
}

std::optional<HttpResponse> forwarded(const HttpRequest& request, const std::string& url,
                                      bool writes, const HttpSettings& settings,
                                      LeaderWatch watch) {
  if (watch.has_moved()) return std::nullopt;
  const HttpPatience patience{
      .connect = kConnect, .silence = writes ? kLong : kShort, .hopeless = [&] {
        return watch.lost(!writes);
      }};
  const auto connection = connect(url, patience, settings);
  if (!connection) {
    if (watch.has_moved()) return std::nullopt;  // nothing was asked
    return silent_leader(connection.error(), 502);
  }
  Result<HttpResponse> answer = (*connection)->ask(passed_on(request));
  if (!answer) {
    if (!writes && watch.has_moved()) return std::nullopt;
    return silent_leader(writes ? with_unknown_end(answer.error()) : answer.error(), 502);
  }
  HttpResponse response = *std::move(answer);
  std::erase_if(response.headers, [](const auto& header) { return is_for_one_hop(header.first); });
  return response;
}

std::optional<HttpResponse> forwarded_command(const HttpRequest& request, const std::string& url,
                                              const HttpSettings& settings, LeaderWatch watch) {
  if (watch.has_moved()) return std::nullopt;
  const auto shared = std::make_shared<LeaderWatch>(std::move(watch));
  const HttpPatience patience{.connect = kConnect, .silence = kShort, .hopeless = [shared] {
                                return shared->lost(false);
                              }};
  Result<std::unique_ptr<HttpConnection>> opened = connect(url, patience, settings);
  if (!opened) {
    if (shared->has_moved()) return std::nullopt;
    // Nothing was done: whoever asks may ask again, of the next leader.
    return silent_leader(opened.error(), 503);
  }
  HttpResponse response;
  response.stream = [request, connection = std::shared_ptr<HttpConnection>(*std::move(opened))](
                        const HttpResponse::Send& send) {
    bool heard_lines = false;
    const auto answer =
        connection->ask(passed_on(request), [&](int status, std::string_view piece) {
          if (status != 200) return;
          heard_lines = true;
          send(std::string(piece));
        });
    if (!answer) {
      send("\n" + reply_line(fail(with_unknown_end(answer.error()))));
    } else if (!heard_lines) {
      const std::string said = answer->body;
      send(reply_line(fail(kind_of_status(answer->status), quoted_excerpt(trim(said), 300))));
    }
  };
  return response;
}

}  // namespace orch::cmd
