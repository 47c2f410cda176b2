#include "cmd/http/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/base/worker_pool.h"

namespace orch::cmd {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using LocalProtocol = asio::local::stream_protocol;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t kIoThreads = 1;  // all that is awaited is awaited here, one thing at a time
constexpr std::uint32_t kMostHeaderBytes = 64U << 10U;
constexpr std::uint64_t kMostBodyBytes = 4U << 20U;

template <typename T>
using Task = asio::awaitable<T>;

/// What is awaited says how it ended in `problem`.
auto told_in(error_code& problem) {
  return asio::redirect_error(asio::use_awaitable, problem);
}

/// A connection, whatever it is made of. Each wait ends at its limit, by the connection being
/// closed.
class Stream {
 public:
  explicit Stream(asio::io_context& io) : timer_(io) {}
  virtual ~Stream() { *alive_ = false; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  virtual Task<std::size_t> read_some(asio::mutable_buffer into, error_code& problem) = 0;
  virtual Task<std::size_t> write_some(asio::const_buffer from, error_code& problem) = 0;
  virtual void close() = 0;

  /// From now on, until stop_clock().
  void start_clock(std::chrono::seconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([this, alive = alive_](error_code stopped) {
      if (!stopped && *alive) close();
    });
  }
  void stop_clock() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> alive_{
      std::make_shared<bool>(true)};  ///< for a clock that has just run out
};

template <typename Socket>
class PlainStream final : public Stream {
 public:
  PlainStream(asio::io_context& io, Socket socket) : Stream(io), socket_(std::move(socket)) {}

  Task<std::size_t> read_some(asio::mutable_buffer into, error_code& problem) override {
    co_return co_await socket_.async_read_some(into, told_in(problem));
  }
  Task<std::size_t> write_some(asio::const_buffer from, error_code& problem) override {
    co_return co_await socket_.async_write_some(from, told_in(problem));
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(asio::io_context& io, tcp::socket socket, asio::ssl::context& context)
      : Stream(io), stream_(std::move(socket), context) {}

  Task<void> shake_hands(error_code& problem) {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, told_in(problem));
  }
  Task<void> say_goodbye(error_code& problem) { co_await stream_.async_shutdown(told_in(problem)); }
  Task<std::size_t> read_some(asio::mutable_buffer into, error_code& problem) override {
    co_return co_await stream_.async_read_some(into, told_in(problem));
  }
  Task<std::size_t> write_some(asio::const_buffer from, error_code& problem) override {
    co_return co_await stream_.async_write_some(from, told_in(problem));
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }
  SSL* handle() { return stream_.native_handle(); }

 private:
  asio::ssl::stream<tcp::socket> stream_;
};

/// Takes requests from what a connection brings, byte by byte if need be.
class Reader {
 public:
  explicit Reader(Stream& stream) : stream_(stream) {}

  enum class End { Whole, Gone, Malformed, TooLarge };
  /// The next request. `begun` is called when its first byte is there.
  template <typename Begun>
  Task<End> next(HttpRequest& request, bool& keep_alive, const Begun& begun) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMostHeaderBytes);
    parser.body_limit(kMostBodyBytes);
    parser.eager(true);
    bool first = true;
    error_code problem;
    while (!parser.is_done()) {
      if (!pending_.empty()) {
        if (std::exchange(first, false)) begun();
        const std::size_t used = parser.put(asio::buffer(pending_), problem);
        pending_.erase(0, used);
        if (problem == http::error::header_limit || problem == http::error::body_limit) {
          co_return End::TooLarge;
        }
        if (problem && problem != http::error::need_more) co_return End::Malformed;
        if (parser.is_done()) break;
      }
      error_code cut;
      const std::size_t count = co_await stream_.read_some(asio::buffer(chunk_), cut);
      if (cut || count == 0) co_return End::Gone;
      pending_.append(chunk_.data(), count);
      if (pending_.size() > kMostHeaderBytes && !parser.is_header_done()) co_return End::TooLarge;
    }
    const auto& read = parser.get();
    request.method = std::string(read.method_string());
    request.target = std::string(read.target());
    request.body = read.body();
    for (const auto& field : read)
      request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    keep_alive = parser.keep_alive();
    co_return End::Whole;
  }

 private:
  Stream& stream_;
  std::string pending_;
  std::array<char, 8192> chunk_{};
};

std::string head_of(const HttpResponse& response, bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
                                 response.status, std::string_view(reason.data(), reason.size()),
                                 response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers)
    head += fmt::format("{}: {}\r\n", name, printable(value));
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

Task<bool> write_all(Stream& stream, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    error_code problem;
    done +=
        co_await stream.write_some(asio::buffer(text.data() + done, text.size() - done), problem);
    if (problem) co_return false;
  }
  co_return true;
}

/// The organisational units of a verified client certificate.
std::vector<std::string> units_of(SSL* ssl) {
  std::vector<std::string> units;
  if (SSL_get_verify_result(ssl) != X509_V_OK) return units;
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return units;
  X509_NAME* subject = X509_get_subject_name(certificate);
  for (int at = -1;
       (at = X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, at)) >= 0;) {
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    units.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  X509_free(certificate);
  return units;
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(HttpServerSettings settings, Handler handler, QuickHandler quick)
      : settings_(std::move(settings)),
        handler_(std::move(handler)),
        quick_(std::move(quick)),
        handlers_(settings_.most_handlers) {}

  ~BeastServer() override { stop(steady_clock::now()); }

  Result<> open();

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void stop(steady_clock::time_point deadline) override;

 private:
  Result<> open_tcp();
  Result<> open_local();
  Result<> load_certificates();

  Task<void> accept_tcp();
  Task<void> accept_local();
  Task<void> serve_plain(tcp::socket socket);
  Task<void> serve_tls(tcp::socket socket);
  Task<void> serve_local(LocalProtocol::socket socket);
  Task<void> serve(Stream& stream, HttpRequest about_peer);
  Task<bool> serve_one(Stream& stream, Reader& reader, const HttpRequest& about_peer, bool first);
  Task<HttpResponse> answer(const HttpRequest& request);
  void spawn(Task<void> session);

  const HttpServerSettings settings_;
  const Handler handler_;
  const QuickHandler quick_;
  asio::io_context io_{static_cast<int>(kIoThreads)};
  std::optional<tcp::acceptor> acceptor_;
  std::optional<LocalProtocol::acceptor> local_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::uint16_t port_{0};
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::size_t> working_{0};
  std::atomic<bool> stopping_{false};
  WorkerPool handlers_;
  std::vector<std::thread> threads_;
};

Result<> BeastServer::load_certificates() {
  error_code problem;
  const auto check = [&](std::string_view what, const std::string& file) -> Result<> {
    if (!problem) return {};
    return fail(ErrorKind::InvalidInput,
                fmt::format("{} '{}' cannot be used: {}", what, file, problem.message()));
  };
  tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                       asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1,
                   problem);
  ORCH_TRY(check("TLS options", ""));
  tls_.use_certificate_chain_file(settings_.certificate_file, problem);
  ORCH_TRY(check("SSLCertFile", settings_.certificate_file));
  tls_.use_private_key_file(settings_.key_file, asio::ssl::context::pem, problem);
  ORCH_TRY(check("SSLPrivateKeyFile", settings_.key_file));
  if (!settings_.ca_file.empty()) {
    tls_.load_verify_file(settings_.ca_file, problem);
    ORCH_TRY(check("SSLCAFile", settings_.ca_file));
  }
  if (settings_.ask_client_certificate) {
    tls_.set_verify_mode(asio::ssl::verify_peer, problem);
    ORCH_TRY(check("UseMutualTLS", ""));
  }
  return {};
}

Result<> BeastServer::open_tcp() {
  const std::size_t colon = settings_.address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : settings_.address.substr(colon + 1);
  std::string host = settings_.address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::optional<std::uint64_t> number = parse_uint(port);
  if (!number || *number > 65535) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("ListenAddress '{}': write [host]:port", printable(settings_.address)));
  }
  error_code problem;
  tcp::endpoint endpoint(tcp::v6(), static_cast<std::uint16_t>(*number));  // takes IPv4, too
  if (!host.empty()) {
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, port, problem);
    if (problem || found.empty()) {
      return fail(
          ErrorKind::InvalidInput,
          fmt::format("ListenAddress '{}': {}", printable(settings_.address), problem.message()));
    }
    endpoint = *found.begin();
  }
  const auto listen = [&](const tcp::endpoint& where) {
    acceptor_.emplace(io_);
    acceptor_->open(where.protocol(), problem);
    if (problem) return;
    if (where.address().is_v6() && host.empty()) {
      acceptor_->set_option(asio::ip::v6_only(false), problem);
    }
    acceptor_->set_option(tcp::acceptor::reuse_address(true), problem);
    acceptor_->bind(where, problem);
    if (!problem) acceptor_->listen(asio::socket_base::max_listen_connections, problem);
  };
  listen(endpoint);
  // A host without IPv6.
  if (problem && host.empty()) {
    listen({tcp::v4(), static_cast<std::uint16_t>(*number)});
  }
  if (problem) {
    return fail(ErrorKind::Unreachable,
                fmt::format("cannot listen on {}: {}", settings_.address, problem.message()));
  }
  port_ = acceptor_->local_endpoint(problem).port();
  asio::co_spawn(io_, accept_tcp(), asio::detached);
  return {};
}

Result<> BeastServer::open_local() {
  error_code problem;
  // A left-over socket of a process that is gone: nobody answers there.
  struct stat status {};
  if (::lstat(settings_.socket.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
    LocalProtocol::socket probe(io_);
    probe.connect(LocalProtocol::endpoint(settings_.socket), problem);
    if (!problem) {
      return fail(ErrorKind::Conflict,
                  "ListenSocket " + settings_.socket + " is in use by another process");
    }
    ::unlink(settings_.socket.c_str());
  }
  local_.emplace(io_);
  local_->open(LocalProtocol(), problem);
  if (!problem) local_->bind(LocalProtocol::endpoint(settings_.socket), problem);
  if (!problem) local_->listen(asio::socket_base::max_listen_connections, problem);
  if (problem) {
    return fail(ErrorKind::Unreachable,
                fmt::format("cannot listen on {}: {}", settings_.socket, problem.message()));
  }
  asio::co_spawn(io_, accept_local(), asio::detached);
  return {};
}

Result<> BeastServer::open() {
  if (settings_.socket.empty()) {
    if (settings_.tls) ORCH_TRY(load_certificates());
    ORCH_TRY(open_tcp());
  } else {
    if (settings_.socket.size() > 100) {
      return fail(ErrorKind::InvalidInput,
                  "ListenSocket: the path is longer than a socket's may be");
    }
    ORCH_TRY(open_local());
  }
  for (std::size_t i = 0; i < kIoThreads; ++i)
    threads_.emplace_back([this] { io_.run(); });
  return {};
}

/// Runs a session that may end as it likes.
void BeastServer::spawn(Task<void> session) {
  ++connections_;
  asio::co_spawn(io_, std::move(session), [this](const std::exception_ptr&) { --connections_; });
}

Task<void> BeastServer::accept_tcp() {
  while (!stopping_) {
    error_code problem;
    tcp::socket socket = co_await acceptor_->async_accept(told_in(problem));
    if (problem == asio::error::operation_aborted) co_return;
    if (problem) {
      // Out of descriptors, most likely: those that are open will end.
      asio::steady_timer pause(io_, std::chrono::milliseconds(100));
      co_await pause.async_wait(told_in(problem));
      continue;
    }
    if (connections_ >= settings_.most_connections) continue;  // closed at once
    socket.set_option(tcp::no_delay(true), problem);
    spawn(settings_.tls ? serve_tls(std::move(socket)) : serve_plain(std::move(socket)));
  }
}

Task<void> BeastServer::accept_local() {
  while (!stopping_) {
    error_code problem;
    LocalProtocol::socket socket = co_await local_->async_accept(told_in(problem));
    if (problem == asio::error::operation_aborted) co_return;
    if (problem || connections_ >= settings_.most_connections) continue;
    spawn(serve_local(std::move(socket)));
  }
}

std::string address_of(const tcp::socket& socket) {
  error_code problem;
  const tcp::endpoint peer = socket.remote_endpoint(problem);
  return problem ? std::string() : peer.address().to_string(problem);
}

Task<void> BeastServer::serve_plain(tcp::socket socket) {
  HttpRequest about{.peer = address_of(socket)};
  PlainStream stream(io_, std::move(socket));
  co_await serve(stream, std::move(about));
}

Task<void> BeastServer::serve_local(LocalProtocol::socket socket) {
  HttpRequest about;
  PlainStream stream(io_, std::move(socket));
  co_await serve(stream, std::move(about));
}

Task<void> BeastServer::serve_tls(tcp::socket socket) {
  HttpRequest about{.peer = address_of(socket), .tls = true};
  TlsStream stream(io_, std::move(socket), tls_);
  error_code problem;
  stream.start_clock(settings_.header_limit);
  co_await stream.shake_hands(problem);
  stream.stop_clock();
  if (problem) co_return;
  about.client_units = units_of(stream.handle());
  co_await serve(stream, std::move(about));
  stream.start_clock(std::chrono::seconds(1));
  co_await stream.say_goodbye(problem);
  stream.stop_clock();
}

/// The handler's answer, without holding up this thread.
Task<HttpResponse> BeastServer::answer(const HttpRequest& request) {
  if (quick_) {
    if (std::optional<HttpResponse> quick = quick_(request)) co_return *std::move(quick);
  }
  HttpResponse response;
  // Rings when the handler has ended: waits without end until it is cancelled.
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer ended(executor, steady_clock::time_point::max());
  std::atomic<bool> done{false};
  handlers_.submit([&] {
    response = handler_(request);
    asio::post(executor, [&] {
      done = true;
      ended.cancel();
    });
  });
  while (!done) {
    error_code ignored;
    co_await ended.async_wait(told_in(ignored));
  }
  co_return response;
}

/// One request and its answer; false: the connection is to be closed.
Task<bool> BeastServer::serve_one(Stream& stream, Reader& reader, const HttpRequest& about_peer,
                                  bool first) {
  HttpRequest request = about_peer;
  bool keep_alive = false;
  // Between requests a client may take its time; once it has begun, less of it.
  stream.start_clock(first ? settings_.header_limit : settings_.idle_limit);
  const Reader::End end = co_await reader.next(request, keep_alive,
                                               [&] { stream.start_clock(settings_.header_limit); });
  stream.stop_clock();
  if (end == Reader::End::Gone) co_return false;
  HttpResponse response;
  if (end == Reader::End::Whole) {
    ++working_;
    response = co_await answer(request);
    --working_;
  } else {
    const bool large = end == Reader::End::TooLarge;
    response.status = large ? 413 : 400;
    response.content_type = "text/plain; charset=utf-8";
    response.body = large ? "the request is too large\n" : "this is no HTTP request\n";
  }
  keep_alive = keep_alive && end == Reader::End::Whole && !stopping_;
  std::string text = head_of(response, keep_alive);
  if (request.method != "HEAD") text += response.body;
  stream.start_clock(settings_.header_limit);
  const bool written = co_await write_all(stream, text);
  stream.stop_clock();
  co_return written&& keep_alive;
}

Task<void> BeastServer::serve(Stream& stream, HttpRequest about_peer) {
  Reader reader(stream);
  bool first = true;
  while (!stopping_) {
    const bool goes_on = co_await serve_one(stream, reader, about_peer, first);
    if (!goes_on) break;
    first = false;
  }
}

void BeastServer::stop(steady_clock::time_point deadline) {
  if (stopping_.exchange(true)) return;
  asio::post(io_, [this] {
    error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    if (local_) local_->close(ignored);
  });
  while (working_ > 0 && steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  io_.stop();
  for (std::thread& thread : threads_)
    thread.join();
  // A handler that still runs has nobody left to answer; its request goes with the session.
  handlers_.stop();
  if (!settings_.socket.empty()) ::unlink(settings_.socket.c_str());
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerSettings settings, Handler handler,
                                                      QuickHandler quick) {
  auto server =
      std::make_unique<BeastServer>(std::move(settings), std::move(handler), std::move(quick));
  ORCH_TRY(server->open());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace orch::cmd
