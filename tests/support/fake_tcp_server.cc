#include "tests/support/fake_tcp_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace orch {
namespace {

std::string little_endian(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>((number >> (8 * i)) & 0xFFU);
  return text;
}

}  // namespace

bool FakeTcpServer::Peer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool FakeTcpServer::Peer::wait(int milliseconds) const {
  pollfd entry{.fd = socket_, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, milliseconds) > 0;
}

std::string FakeTcpServer::Peer::receive() const {
  while (!stopping_) {
    if (!wait(20)) continue;
    char bytes[4096];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
  }
  return {};
}

void FakeTcpServer::Peer::hang() const {
  while (!receive().empty()) {
  }
}

bool FakeTcpServer::Peer::is_cut_off() const {
  errno = 0;
  hang();
  return errno == ECONNRESET;
}

void FakeTcpServer::Peer::dribble(char byte) const {
  char ignored[4096];
  while (!stopping_) {
    if (wait(5) && ::recv(socket_, ignored, sizeof ignored, 0) <= 0) return;
    send({&byte, 1});
  }
}

void FakeTcpServer::Peer::flood(std::string_view bytes) const {
  while (!stopping_ && send(bytes)) {
  }
}

FakeTcpServer::FakeTcpServer(std::function<void(const Peer&)> behave)
    : behave_(std::move(behave)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    std::abort();  // a test machine without loopback
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

FakeTcpServer::~FakeTcpServer() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void FakeTcpServer::serve() {
  while (!stopping_) {
    pollfd entry{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, 20) <= 0) continue;
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket < 0) continue;
    behave_(Peer(socket, stopping_));
    ::close(socket);
  }
}

std::string mysql_packet(std::uint8_t sequence, std::string_view payload) {
  std::string packet = little_endian(static_cast<std::uint32_t>(payload.size()), 3);
  packet += static_cast<char>(sequence);
  packet += payload;
  return packet;
}

std::string mysql_greeting(std::string_view version, bool offers_tls) {
  // Protocol::HandshakeV10: 4.1 protocol, secure connection, plug-in authentication, statements.
  const std::uint32_t capabilities = 0x00000200U | 0x00008000U | 0x00080000U | 0x00010000U |
                                     0x00020000U | 0x00000001U | (offers_tls ? 0x00000800U : 0U);
  std::string payload = "\x0a";
  payload += version;
  payload += '\0';
  payload += little_endian(7, 4) + "12345678" + '\0' + little_endian(capabilities & 0xFFFFU, 2);
  payload += '\x2d';
  payload += little_endian(2, 2) + little_endian(capabilities >> 16U, 2) + '\x15';
  payload += std::string(10, '\0') + "123456789012" + '\0' + "mysql_native_password" + '\0';
  return mysql_packet(0, payload);
}

std::string mysql_ok(std::uint8_t sequence) {
  return mysql_packet(sequence, std::string("\0\0\0\x02\0\0\0", 7));
}

std::string mysql_error(std::uint8_t sequence, std::uint16_t code, std::string_view text) {
  std::string payload = "\xff" + little_endian(code, 2) + "#HY000";
  payload += text;
  return mysql_packet(sequence, payload);
}

}  // namespace orch
