#include "cmd/http/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <fmt/format.h>

#include "cmd/http/stream.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/base/worker_pool.h"

namespace orch::cmd {

namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using LocalProtocol = asio::local::stream_protocol;
using std::chrono::steady_clock;

constexpr std::uint32_t kMostHeaderBytes = 64U << 10U;
constexpr std::uint64_t kMostBodyBytes = 4U << 20U;

std::string head_of(const HttpResponse& response, bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", response.status,
                  std::string_view(reason.data(), reason.size()), response.content_type);
  // The end of a stream is that of the connection.
  if (!response.stream) head += fmt::format("Content-Length: {}\r\n", response.body.size());
  for (const auto& [name, value] : response.headers)
    head += fmt::format("{}: {}\r\n", name, printable(value));
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(HttpServerSettings settings, Handler handler, QuickHandler quick)
      : settings_(std::move(settings)),
        handler_(std::move(handler)),
        quick_(std::move(quick)),
        handlers_(settings_.most_handlers),
        waiters_(settings_.most_handlers) {}

  ~BeastServer() override { stop(steady_clock::now()); }

  Result<> open();

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void stop(steady_clock::time_point deadline) override;

 private:
  friend class Session;

  Result<> open_tcp();
  Result<> open_local();
  Result<> load_certificates();
  void accept_tcp();
  void accept_local();
  void serve(std::unique_ptr<Stream> stream, HttpRequest about_peer);

  const HttpServerSettings settings_;
  const Handler handler_;
  const QuickHandler quick_;
  asio::io_context io_{1};  // all that is awaited is awaited by one thread
  /// A request that is worked on is nothing that `io_` waits for: it would end without the answer.
  asio::executor_work_guard<asio::io_context::executor_type> open_{asio::make_work_guard(io_)};
  std::optional<tcp::acceptor> acceptor_;
  std::optional<LocalProtocol::acceptor> local_;
  std::optional<ino_t> socket_file_;  ///< that `local_` was bound to
  asio::steady_timer pause_{io_};
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::uint16_t port_{0};
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::size_t> working_{0};
  std::atomic<bool> stopping_{false};
  WorkerPool handlers_;
  WorkerPool waiters_;  ///< for other nodes
  std::thread thread_;
};

/// "http://host/path?query", as proxies are asked -> "/path?query".
std::string origin_form(std::string target) {
  const std::size_t host = target.starts_with('/') ? std::string::npos : target.find("://");
  if (host == std::string::npos) return target;
  const std::size_t path = target.find('/', host + 3);
  return path == std::string::npos ? "/" : target.substr(path);
}

/// One connection from its first byte to its last. Lives as long as somebody waits for something.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(BeastServer& server, std::unique_ptr<Stream> stream, HttpRequest about_peer)
      : server_(server),
        stream_(std::move(stream)),
        about_peer_(std::move(about_peer)),
        pulse_(server.io_) {
    ++server_.connections_;
  }
  ~Session() { --server_.connections_; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run() {
    stream_->start_clock(server_.settings_.header_limit);
    stream_->begin([self = shared_from_this()](error_code problem, std::size_t) {
      if (problem) return;
      self->about_peer_.client_units = self->stream_->client_units();
      self->next_request(self->server_.settings_.header_limit);
    });
  }

 private:
  /// Between requests a client may take its time; once it has begun, less of it.
  void next_request(std::chrono::seconds limit) {
    if (server_.stopping_) return;
    parser_.emplace();
    parser_->header_limit(kMostHeaderBytes);
    parser_->body_limit(kMostBodyBytes);
    parser_->eager(true);
    begun_ = urged_ = false;
    stream_->start_clock(limit);
    parse();
  }

  void parse() {
    if (!pending_.empty()) {
      if (!std::exchange(begun_, true)) stream_->start_clock(server_.settings_.header_limit);
      error_code problem;
      pending_.erase(0, parser_->put(asio::buffer(pending_), problem));
      if (problem == http::error::header_limit || problem == http::error::body_limit ||
          (!parser_->is_header_done() && pending_.size() > kMostHeaderBytes)) {
        return refuse(413, "the request is too large\n");
      }
      if (problem && problem != http::error::need_more) {
        return refuse(400, "this is no HTTP request\n");
      }
      if (parser_->is_done()) return answer();
      if (parser_->is_header_done() && !std::exchange(urged_, true) &&
          equals_ignoring_case(std::string(parser_->get()[http::field::expect]), "100-continue")) {
        return urge();
      }
    }
    read_more();
  }

  /// The client waits to hear that its body is wanted.
  void urge() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_->write_all(asio::buffer(kContinue),
                       [self = shared_from_this()](error_code problem, std::size_t) {
                         if (!problem) self->read_more();
                       });
  }

  void read_more() {
    stream_->read_some(asio::buffer(chunk_),
                       [self = shared_from_this()](error_code problem, std::size_t count) {
                         if (problem || count == 0) return;
                         self->pending_.append(self->chunk_.data(), count);
                         self->parse();
                       });
  }

  void answer() {
    stream_->stop_clock();
    request_ = about_peer_;
    const auto& read = parser_->get();
    request_.method = std::string(read.method_string());
    request_.target = origin_form(std::string(read.target()));
    request_.body = read.body();
    for (const auto& field : read) {
      request_.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    keep_alive_ = parser_->keep_alive();
    if (server_.quick_) {
      if (std::optional<HttpResponse> quick = server_.quick_(request_)) return respond(*quick);
    }
    ++server_.working_;
    worked_on_ = true;
    work(server_.handlers_, [this] { return server_.handler_(request_); });
  }

  void work(WorkerPool& pool, const std::function<HttpResponse()>& make) {
    pool.submit([self = shared_from_this(), make] {
      const HttpResponse response = make();
      if (response.later) return self->work(self->server_.waiters_, response.later);
      if (response.stream) return self->make_stream(response);
      // From here: the client need not wait until another thread has woken up.
      self->write_out(response);
      const std::size_t sent = self->stream_->write_now(asio::buffer(self->out_));
      asio::post(self->server_.io_, [self, sent] { self->send_rest(sent); });
    });
  }

  /// By the handler's thread; all that is sent goes through the one that waits.
  void make_stream(const HttpResponse& response) {
    const auto then = [this, self = shared_from_this()](auto work) {
      asio::post(server_.io_, [self, work = std::move(work)] { work(*self); });
    };
    then([head = head_of(response, false)](Session& session) {
      session.keep_alive_ = false;
      session.waiting_ = head;
      session.flush();
      session.beat();
    });
    response.stream([&then](std::string piece) {
      then([piece = std::move(piece)](Session& session) { session.add(piece); });
    });
    then([](Session& session) {
      session.whole_ = true;
      session.pulse_.cancel();
      session.flush();
    });
  }

  void beat() {
    pulse_.expires_after(server_.settings_.pulse);
    pulse_.async_wait([self = shared_from_this()](error_code stopped) {
      if (stopped || self->whole_ || self->broken_) return;
      self->add("\n");
      self->beat();
    });
  }

  void add(std::string_view piece) {
    if (broken_) return;
    waiting_ += piece;
    flush();
  }

  void flush() {
    if (writing_) return;
    if (broken_ || waiting_.empty()) {
      if (!whole_) return;
      end_work();
      if (!broken_) stream_->end([self = shared_from_this()](error_code, std::size_t) {});
      return;
    }
    writing_ = true;
    out_ = std::exchange(waiting_, {});
    stream_->start_clock(server_.settings_.header_limit);
    stream_->write_all(asio::buffer(out_),
                       [self = shared_from_this()](error_code problem, std::size_t) {
                         self->stream_->stop_clock();
                         self->writing_ = false;
                         self->broken_ = problem.failed();
                         self->flush();
                       });
  }

  void end_work() {
    if (std::exchange(worked_on_, false)) --server_.working_;
  }

  void refuse(int status, std::string text) {
    request_ = about_peer_;
    keep_alive_ = false;
    respond(
        {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text)});
  }

  void respond(const HttpResponse& response) {
    write_out(response);
    send_rest(0);
  }

  void write_out(const HttpResponse& response) {
    keep_alive_ = keep_alive_ && !server_.stopping_;
    out_ = head_of(response, keep_alive_);
    if (request_.method != "HEAD") out_ += response.body;
  }

  void send_rest(std::size_t sent) {
    stream_->start_clock(server_.settings_.header_limit);
    stream_->write_all(asio::buffer(out_) + sent,
                       [self = shared_from_this()](error_code problem, std::size_t) {
                         self->end_work();
                         if (problem) return;
                         if (self->keep_alive_) {
                           return self->next_request(self->server_.settings_.idle_limit);
                         }
                         self->stream_->end([self](error_code, std::size_t) {});
                       });
  }

  BeastServer& server_;
  std::unique_ptr<Stream> stream_;
  HttpRequest about_peer_;
  HttpRequest request_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string pending_;  ///< has come and is not parsed yet
  std::string out_;
  std::array<char, 8192> chunk_{};
  bool begun_{false};
  bool urged_{false};
  bool keep_alive_{false};
  bool worked_on_{false};  ///< until the answer is written
  // Of a stream:
  asio::steady_timer pulse_;
  std::string waiting_;  ///< to be sent after `out_`
  bool writing_{false};
  bool whole_{false};   ///< nothing more will come
  bool broken_{false};  ///< nobody listens
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
  accept_tcp();
  return {};
}

Result<> BeastServer::open_local() {
  if (settings_.socket.size() > 100) {
    return fail(ErrorKind::InvalidInput, "ListenSocket: the path is longer than a socket's may be");
  }
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
  if (!problem && ::lstat(settings_.socket.c_str(), &status) == 0) socket_file_ = status.st_ino;
  if (!problem) local_->listen(asio::socket_base::max_listen_connections, problem);
  if (problem) {
    return fail(ErrorKind::Unreachable,
                fmt::format("cannot listen on {}: {}", settings_.socket, problem.message()));
  }
  accept_local();
  return {};
}

Result<> BeastServer::open() {
  const bool local = !settings_.socket.empty();
  if (settings_.tls && !local) ORCH_TRY(load_certificates());
  ORCH_TRY(local ? open_local() : open_tcp());
  thread_ = std::thread([this] { io_.run(); });
  return {};
}

void BeastServer::serve(std::unique_ptr<Stream> stream, HttpRequest about_peer) {
  if (connections_ >= settings_.most_connections) return;  // closed at once
  std::make_shared<Session>(*this, std::move(stream), std::move(about_peer))->run();
}

std::string address_of(const tcp::socket& socket) {
  error_code problem;
  const tcp::endpoint peer = socket.remote_endpoint(problem);
  return problem ? std::string() : peer.address().to_string(problem);
}

void BeastServer::accept_tcp() {
  acceptor_->async_accept([this](error_code problem, tcp::socket socket) {
    if (problem == asio::error::operation_aborted || stopping_) return;
    if (problem) {
      // Out of descriptors, most likely: those that are open will end.
      pause_.expires_after(std::chrono::milliseconds(100));
      pause_.async_wait([this](error_code stopped) {
        if (!stopped) accept_tcp();
      });
      return;
    }
    socket.set_option(tcp::no_delay(true), problem);
    HttpRequest about{.peer = address_of(socket), .tls = settings_.tls};
    if (settings_.tls) {
      serve(std::make_unique<TlsStream>(io_, std::move(socket), tls_), std::move(about));
    } else {
      serve(std::make_unique<PlainStream<tcp::socket>>(io_, std::move(socket)), std::move(about));
    }
    accept_tcp();
  });
}

void BeastServer::accept_local() {
  local_->async_accept([this](error_code problem, LocalProtocol::socket socket) {
    if (problem == asio::error::operation_aborted || stopping_) return;
    if (!problem) {
      serve(std::make_unique<PlainStream<LocalProtocol::socket>>(io_, std::move(socket)), {});
    }
    accept_local();
  });
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
  if (thread_.joinable()) thread_.join();
  // A handler that still runs has nobody left to answer; its request goes with the session.
  handlers_.stop();
  waiters_.stop();
  // What lies there may be another's by now, or never was ours.
  struct stat status {};
  if (socket_file_ && ::lstat(settings_.socket.c_str(), &status) == 0 &&
      status.st_ino == *socket_file_) {
    ::unlink(settings_.socket.c_str());
  }
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
