#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace orch::cmd {

namespace asio = boost::asio;
using boost::system::error_code;

/// A connection, whatever it is made of. Whoever waits is called in the end, or forgotten with the
/// server.
class Stream {
 public:
  using Done = std::function<void(error_code, std::size_t)>;

  explicit Stream(asio::io_context& io) : timer_(io) {}
  virtual ~Stream() { *alive_ = false; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  virtual void begin(Done done) { done({}, 0); }
  virtual void read_some(asio::mutable_buffer into, Done done) = 0;
  virtual void write_all(asio::const_buffer from, Done done) = 0;
  /// What can be sent without waiting -> how much that was. By whoever works on the request: nobody
  /// else uses the stream meanwhile.
  virtual std::size_t write_now(asio::const_buffer /*from*/) { return 0; }
  /// Says goodbye where that is the custom; whoever still listens hears that nothing follows.
  virtual void end(Done done) = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual std::vector<std::string> client_units() { return {}; }

  /// Closes the connection after that time, unless the clock is stopped or started anew.
  void start_clock(std::chrono::seconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([this, alive = alive_, round = ++round_](error_code stopped) {
      if (!stopped && *alive && round == round_) close();
    });
  }
  void stop_clock() {
    ++round_;  // it may have run out already, with nobody told yet
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  std::uint64_t round_{0};
  std::shared_ptr<bool> alive_{
      std::make_shared<bool>(true)};  ///< for a clock that has just run out
};

template <typename Socket>
class PlainStream final : public Stream {
 public:
  PlainStream(asio::io_context& io, Socket socket) : Stream(io), socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  void read_some(asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write_all(asio::const_buffer from, Done done) override {
    asio::async_write(socket_, from, std::move(done));
  }
  std::size_t write_now(asio::const_buffer from) override {
    error_code ignored;  // whatever it is, write_all() meets it again
    return socket_.write_some(from, ignored);
  }
  void end(Done done) override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    done({}, 0);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

/// The organisational units of a verified client certificate.
inline std::vector<std::string> units_of(SSL* ssl) {
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

class TlsStream final : public Stream {
 public:
  TlsStream(asio::io_context& io, asio::ip::tcp::socket socket, asio::ssl::context& context)
      : Stream(io), stream_(std::move(socket), context) {}

  void begin(Done done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](error_code problem) { done(problem, 0); });
  }
  void read_some(asio::mutable_buffer into, Done done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void write_all(asio::const_buffer from, Done done) override {
    asio::async_write(stream_, from, std::move(done));
  }
  void end(Done done) override {
    stream_.async_shutdown([done = std::move(done)](error_code problem) { done(problem, 0); });
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }
  [[nodiscard]] std::vector<std::string> client_units() override {
    return units_of(stream_.native_handle());
  }

 private:
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

}  // namespace orch::cmd
