#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace orch {

/// A peer on loopback that does what a test says to each connection, one after the other.
class FakeTcpServer {
 public:
  /// The other end of one connection.
  class Peer {
   public:
    Peer(int socket, const std::atomic<bool>& stopping) : socket_(socket), stopping_(stopping) {}
    /// False when the peer takes no more.
    bool send(std::string_view bytes) const;  // NOLINT(modernize-use-nodiscard)
    /// At least one byte, or "" when the peer closed or the test is over.
    [[nodiscard]] std::string receive() const;
    /// Until the peer closes or the test is over.
    void hang() const;
    /// Receives to the end; true when the peer took back what was under way.
    [[nodiscard]] bool is_cut_off() const;
    /// Sends the byte again and again, with pauses, until the peer closes or the test is over.
    void dribble(char byte) const;
    /// Sends the bytes again and again, as fast as they are taken.
    void flood(std::string_view bytes) const;

   private:
    [[nodiscard]] bool wait(int milliseconds) const;
    int socket_;
    const std::atomic<bool>& stopping_;
  };

  explicit FakeTcpServer(std::function<void(const Peer&)> behave);
  ~FakeTcpServer();
  FakeTcpServer(const FakeTcpServer&) = delete;
  FakeTcpServer& operator=(const FakeTcpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve();

  std::function<void(const Peer&)> behave_;
  std::atomic<bool> stopping_{false};
  int listener_{-1};
  std::uint16_t port_{0};
  std::thread thread_;
};

/// A packet of the client/server protocol.
std::string mysql_packet(std::uint8_t sequence, std::string_view payload);
/// A greeting that asks for mysql_native_password.
std::string mysql_greeting(std::string_view version, bool offers_tls = false);
std::string mysql_ok(std::uint8_t sequence);
std::string mysql_error(std::uint8_t sequence, std::uint16_t code, std::string_view text);

}  // namespace orch
