#include "cmd/http/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include <fmt/format.h>

#include "core/base/name_lookup.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Socket = asio::generic::stream_protocol::socket;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::uint64_t kMostAnswerBytes = 256U << 20U;
constexpr std::chrono::milliseconds kLookEach{200};  // whether there still is hope

class BeastConnection final : public HttpConnection {
 public:
  BeastConnection(const HttpAddress& address, HttpClientTls tls, const HttpPatience& patience)
      : address_(address), tls_(std::move(tls)), patience_(patience) {}

  Result<> connect_and_agree();
  Result<HttpResponse> ask(const HttpRequest& request, const Heard& heard) override {
    ORCH_TRY(send(request));
    return receive(request.method == "HEAD", heard);
  }

 private:
  Result<> send(const HttpRequest& request);
  Result<HttpResponse> receive(bool head_only, const Heard& heard);
  Result<> prepare_tls();
  Result<> connect(steady_clock::time_point deadline);
  Result<> shake_hands(steady_clock::time_point deadline);
  Socket& socket() { return stream_->next_layer(); }
  [[nodiscard]] Failure unreachable(std::string_view why) const {
    return fail(ErrorKind::Unreachable,
                fmt::format("{}: {}", to_string(address_), given_up_.empty() ? why : given_up_));
  }
  bool may_wait(steady_clock::time_point deadline) {
    if (given_up_.empty() && patience_.hopeless) given_up_ = patience_.hopeless();
    return given_up_.empty() && steady_clock::now() < deadline;
  }

  /// `begin` starts something and is given what to call at its end.
  template <typename Begin>
  error_code await(steady_clock::time_point deadline, const Begin& begin) {
    std::optional<error_code> ended;
    begin([&ended](error_code problem) { ended = problem; });
    io_.restart();
    while (!ended && may_wait(deadline))
      io_.run_one_until(std::min(deadline, steady_clock::now() + kLookEach));
    if (ended) return *ended;
    error_code ignored;
    socket().close(ignored);
    io_.restart();
    io_.run();  // what was begun refers to this frame: it ends now
    return asio::error::timed_out;
  }

  const HttpAddress address_;
  const HttpClientTls tls_;
  const HttpPatience patience_;
  std::string given_up_;  ///< why, once it is so
  asio::io_context io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::optional<asio::ssl::stream<Socket>> stream_;
};

Result<> BeastConnection::prepare_tls() {
  error_code problem;
  const auto check = [&](std::string_view what, const std::string& file) -> Result<> {
    if (!problem) return {};
    return fail(ErrorKind::InvalidInput,
                fmt::format("{} '{}' cannot be used: {}", what, file, problem.message()));
  };
  context_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                           asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1,
                       problem);
  ORCH_TRY(check("TLS options", ""));
  context_.set_default_verify_paths(problem);
  ORCH_TRY(check("certificates of the system", ""));
  if (!tls_.ca_file.empty()) {
    context_.load_verify_file(tls_.ca_file, problem);
    ORCH_TRY(check("CA file", tls_.ca_file));
  }
  if (!tls_.certificate_file.empty()) {
    context_.use_certificate_chain_file(tls_.certificate_file, problem);
    ORCH_TRY(check("client certificate", tls_.certificate_file));
    context_.use_private_key_file(tls_.key_file, asio::ssl::context::pem, problem);
    ORCH_TRY(check("client key", tls_.key_file));
  }
  context_.set_verify_mode(tls_.verify ? asio::ssl::verify_peer : asio::ssl::verify_none, problem);
  return check("TLS", "");
}

Result<> BeastConnection::connect(steady_clock::time_point deadline) {
  std::vector<Socket::endpoint_type> places;
  if (!address_.socket.empty()) {
    if (address_.socket.size() > 100)
      return unreachable("the path is longer than a socket's may be");
    places.emplace_back(asio::local::stream_protocol::endpoint(address_.socket));
  } else {
    const std::string& host = address_.connect_to.empty() ? address_.host : address_.connect_to;
    const auto found = look_up_name(host, deadline);
    if (!found) return fail(found.error().within(to_string(address_)));
    const auto port = static_cast<std::uint16_t>(parse_uint(address_.port).value_or(0));
    for (const std::string& text : found->addresses) {
      error_code problem;
      const auto ip = asio::ip::make_address(text, problem);
      if (!problem) places.emplace_back(asio::ip::tcp::endpoint(ip, port));
    }
  }
  error_code problem = asio::error::host_not_found;
  for (const auto& place : places) {
    stream_.emplace(io_, context_);
    problem = await(deadline, [&](auto done) { socket().async_connect(place, done); });
    if (!problem) return {};
  }
  return unreachable(problem == asio::error::timed_out ? "no connection in time"
                                                       : problem.message());
}

Result<> BeastConnection::shake_hands(steady_clock::time_point deadline) {
  error_code problem;
  stream_->set_verify_callback(asio::ssl::host_name_verification(address_.host), problem);
  // The macro of this name casts as C does.
  std::string name = address_.host;
  SSL_ctrl(stream_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           name.data());
  problem = await(
      deadline, [&](auto done) { stream_->async_handshake(asio::ssl::stream_base::client, done); });
  if (!problem) return {};
  if (problem == asio::error::timed_out) return unreachable("TLS was not agreed on in time");
  return fail(ErrorKind::Denied,
              fmt::format("{}: TLS: {}", to_string(address_), problem.message()));
}

Result<> BeastConnection::connect_and_agree() {
  const auto deadline = steady_clock::now() + patience_.connect;
  if (address_.tls) ORCH_TRY(prepare_tls());
  ORCH_TRY(connect(deadline));
  if (address_.tls) ORCH_TRY(shake_hands(deadline));
  return {};
}

Result<> BeastConnection::send(const HttpRequest& request) {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method,
                  request.target, address_.host.empty() ? "localhost" : address_.host);
  if (!address_.user.empty()) {
    text += fmt::format("Authorization: {}\r\n",
                        basic_authorization(address_.user, address_.password.reveal()));
  }
  for (const auto& [name, value] : request.headers)
    text += fmt::format("{}: {}\r\n", name, replace_all(replace_all(value, "\r", ""), "\n", ""));
  if (!request.body.empty()) text += fmt::format("Content-Length: {}\r\n", request.body.size());
  text += "\r\n" + request.body;
  const auto deadline = steady_clock::now() + patience_.silence;
  const error_code problem = await(deadline, [&](auto done) {
    const auto ended = [done](error_code why, std::size_t) {
      done(why);
    };
    if (address_.tls) {
      asio::async_write(*stream_, asio::buffer(text), ended);
    } else {
      asio::async_write(socket(), asio::buffer(text), ended);
    }
  });
  return problem ? unreachable(problem.message()) : Result<>();
}

Result<HttpResponse> BeastConnection::receive(bool head_only, const Heard& heard) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostAnswerBytes);
  parser.eager(true);
  parser.skip(head_only);
  std::array<char, 8192> chunk{};
  std::string pending;
  std::size_t told = 0;
  error_code problem;
  while (!parser.is_done()) {
    std::size_t count = 0;
    const auto deadline = steady_clock::now() + patience_.silence;
    const error_code ended = await(deadline, [&](auto done) {
      const auto read = [&count, done](error_code why, std::size_t size) {
        count = size;
        done(why);
      };
      if (address_.tls) {
        stream_->async_read_some(asio::buffer(chunk), read);
      } else {
        socket().async_read_some(asio::buffer(chunk), read);
      }
    });
    if (ended == asio::error::timed_out) return unreachable("no answer in time");
    pending.append(chunk.data(), count);
    if (count > 0) pending.erase(0, parser.put(asio::buffer(pending), problem));
    if (problem && problem != http::error::need_more) {
      return unreachable("what it answers is no HTTP");
    }
    if (heard && parser.is_header_done()) {
      const std::string& body = parser.get().body();
      heard(static_cast<int>(parser.get().result_int()), std::string_view(body).substr(told));
      told = body.size();
    }
    if (!ended) continue;
    if (!parser.is_header_done()) return unreachable("it hung up without an answer");
    problem = {};
    parser.put_eof(problem);
    if (problem || !parser.is_done()) return unreachable("it hung up before its answer was whole");
  }
  HttpResponse response;
  response.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    if (field.name() == http::field::content_type)
      response.content_type = std::string(field.value());
  }
  response.body = std::move(parser.get().body());
  return response;
}

}  // namespace

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const HttpAddress& address,
                                                             const HttpClientTls& tls,
                                                             const HttpPatience& patience) {
  auto connection = std::make_unique<BeastConnection>(address, tls, patience);
  ORCH_TRY(connection->connect_and_agree());
  return std::unique_ptr<HttpConnection>(std::move(connection));
}

}  // namespace orch::cmd
