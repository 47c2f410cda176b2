#include "core/net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <fmt/format.h>

#include "core/base/name_lookup.h"
#include "core/base/text.h"

namespace orch {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Request = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint64_t kMostAnswerBytes = 16U << 20U;

/// Starts something, and returns what it ended with; the stream's own clock bounds it.
template <typename Start>
error_code wait_for(asio::io_context& io, const Start& start) {
  error_code ended;
  start([&ended](error_code problem, auto&&... /*what*/) { ended = problem; });
  io.restart();
  io.run();
  return ended;
}

error_code connect(asio::io_context& io, beast::tcp_stream& stream,
                   const std::vector<std::string>& addresses, std::uint16_t port) {
  std::vector<asio::ip::tcp::endpoint> endpoints;
  for (const std::string& text : addresses) {
    error_code bad;
    const auto address = asio::ip::make_address(text, bad);
    if (!bad) endpoints.emplace_back(address, port);
  }
  return wait_for(io, [&](auto done) { stream.async_connect(endpoints, done); });
}

template <typename Stream>
error_code talk(asio::io_context& io, Stream& stream, const Request& request, Parser& parser) {
  if (const error_code problem =
          wait_for(io, [&](auto done) { http::async_write(stream, request, done); })) {
    return problem;
  }
  beast::flat_buffer buffer;
  return wait_for(io, [&](auto done) { http::async_read(stream, buffer, parser, done); });
}

error_code talk_tls(asio::io_context& io, beast::tcp_stream plain, const Request& request,
                    const std::string& host, Parser& parser) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_verify_mode(asio::ssl::verify_none);
  asio::ssl::stream<beast::tcp_stream> stream(std::move(plain), context);
  // What the macro for it does, without its cast.
  SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(host.c_str()));
  if (const error_code problem = wait_for(
          io, [&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); })) {
    return problem;
  }
  return talk(io, stream, request, parser);
}

Request request_of(const HttpQuestion& question) {
  Request request;
  request.version(11);
  request.method_string(question.method);
  request.target(question.target);
  const bool v6 = question.host.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + question.host + "]" : question.host;
  request.set(http::field::host, fmt::format("{}:{}", host, question.port));
  request.set(http::field::connection, "close");
  for (const auto& [name, value] : question.headers)
    request.set(name, value);
  request.body() = question.body;
  if (!question.body.empty() || question.method != "GET") request.prepare_payload();
  return request;
}

Result<HttpReply> ask_addresses(const HttpQuestion& question,
                                const std::vector<std::string>& addresses, SteadyPoint deadline) {
  asio::io_context io;
  beast::tcp_stream stream(io);
  stream.expires_at(deadline);
  Parser parser;
  parser.body_limit(kMostAnswerBytes);
  error_code problem = connect(io, stream, addresses, question.port);
  if (!problem) {
    const Request request = request_of(question);
    problem = question.tls ? talk_tls(io, std::move(stream), request, question.host, parser)
                           : talk(io, stream, request, parser);
  }
  if (problem && !parser.is_done()) {
    return fail(ErrorKind::Unreachable, fmt::format("{}:{}: no answer over HTTP: {}", question.host,
                                                    question.port, problem.message()));
  }
  return HttpReply{parser.get().result_int() > 0 ? static_cast<int>(parser.get().result_int()) : 0,
                   std::move(parser.get().body())};
}

}  // namespace

Result<HttpReply> ask_http(const HttpQuestion& question, SteadyPoint deadline) {
  ORCH_ASSIGN(const NameLookup lookup, look_up_name(question.host, deadline));
  try {
    return ask_addresses(question, lookup.addresses, deadline);
  } catch (const std::exception& problem) {
    return fail(ErrorKind::Unreachable,
                fmt::format("{}:{}: {}", question.host, question.port, problem.what()));
  }
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos ||
                       keep.find(c) != std::string_view::npos;
    encoded += plain ? std::string(1, c)
                     : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return encoded;
}

}  // namespace orch
