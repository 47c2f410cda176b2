#include "core/mysql/connection.h"

#include <future>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/model/instance_key.h"
#include "tests/support/fake_tcp_server.h"

namespace orch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Peer = FakeTcpServer::Peer;

constexpr const char* kPassword = "s3cret-of-test";

SteadyPoint soon() {
  return steady_clock::now() + milliseconds(300);
}
/// For what must not end by the deadline.
SteadyPoint late() {
  return steady_clock::now() + std::chrono::seconds(30);
}

ConnectOptions options_for(std::uint16_t port, TlsPolicy policy = TlsPolicy::Never) {
  const static MySqlLibrary library;
  return {.host = "127.0.0.1",
          .port = port,
          .user = "probe",
          .password = Secret(kPassword),
          .tls = {.policy = policy, .skip_verify = true}};
}

Error error_of(const std::function<void(const Peer&)>& behave, SteadyPoint deadline,
               TlsPolicy policy = TlsPolicy::Never) {
  const FakeTcpServer server(behave);
  const auto connection = Connection::connect(options_for(server.port(), policy), deadline);
  REQUIRE_FALSE(connection);
  const Error error = connection.error();
  CHECK(error.message.find("127.0.0.1:" + std::to_string(server.port())) != std::string::npos);
  CHECK(error.message.find(kPassword) == std::string::npos);
  return error;
}

/// Greets and lets everybody in.
void log_in(const Peer& peer) {
  peer.send(mysql_greeting("8.4.3"));
  static_cast<void>(peer.receive());
  peer.send(mysql_ok(2));
}

/// What a query gets after a good login.
Error query_error_of(const std::function<void(const Peer&)>& after_login, SteadyPoint deadline) {
  const FakeTcpServer server([&](const Peer& peer) {
    log_in(peer);
    if (!peer.receive().empty()) after_login(peer);
  });
  auto connection = Connection::connect(options_for(server.port()), late());
  REQUIRE(connection);
  const auto answer = connection->query("SELECT 1", deadline);
  REQUIRE_FALSE(answer);
  CHECK_FALSE(connection->usable());
  const auto again = connection->query("SELECT 1", late());
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::Unreachable);
  return answer.error();
}

constexpr std::string_view kColumn(
    "\x03"
    "def\0\0\0\x01x\0\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0",
    23);
/// Begins an answer of rows.
const std::string kOneColumn = mysql_packet(1, "\x01") + mysql_packet(2, kColumn) +
                               mysql_packet(3, std::string_view("\xfe\0\0\x02\0", 5));
/// An error packet that says how far a statement is.
constexpr std::string_view kProgress("\xff\xff\xff\x01\x01\x05\x10\0\0\x05stage", 15);

std::string repeated(const std::string& packet) {
  std::string packets;
  for (int i = 0; i < 1000; ++i)
    packets += packet;
  return packets;
}

/// Of a server that may report progress.
std::string greeting_with_progress() {
  std::string greeting = mysql_greeting("8.4.3");
  greeting[4 + 1 + 6 + 4 + 9 + 2 + 1 + 2 + 1] |= '\x20';  // the fourth byte of its capabilities
  return greeting;
}

bool says(const Error& error, std::string_view text) {
  return error.message.find(text) != std::string::npos;
}

}  // namespace

TEST_SUITE("core/mysql/connection") {
  TEST_CASE("a port where nobody listens is unreachable, and the reason is told") {
    std::uint16_t port = 0;
    {
      port = FakeTcpServer([](const Peer&) {}).port();
    }
    const auto connection = Connection::connect(options_for(port), late());
    REQUIRE_FALSE(connection);
    CHECK(connection.error().kind == ErrorKind::Unreachable);
    CHECK(says(connection.error(), "connection refused"));
  }

  TEST_CASE("without a user nobody logs in, not even the system's own") {
    ConnectOptions options = options_for(3306);
    options.user.clear();
    const auto connection = Connection::connect(options, late());
    REQUIRE_FALSE(connection);
    CHECK(connection.error().kind == ErrorKind::InvalidInput);
    CHECK(says(connection.error(), "set MySQLTopologyUser"));
  }

  TEST_CASE("a host name that does not resolve is named") {
    ConnectOptions options = options_for(3306);
    options.host = "no-such-host.invalid";
    const auto connection = Connection::connect(options, late());
    REQUIRE_FALSE(connection);
    CHECK(connection.error().kind == ErrorKind::Unreachable);
    CHECK(says(connection.error(), "no-such-host.invalid"));
  }

  TEST_CASE("a server that accepts and says nothing is given up at the deadline") {
    const Error error = error_of([](const Peer& peer) { peer.hang(); }, soon());
    CHECK(error.kind == ErrorKind::Unreachable);
    CHECK(says(error, "no MySQL greeting in time"));
  }

  TEST_CASE("a greeting that comes byte by byte is given up at the deadline") {
    const Error error = error_of(
        [](const Peer& peer) {
          peer.send(std::string_view("\xff\xff\x0f\x00\x0a", 5));
          peer.dribble('8');
        },
        soon());
    CHECK(error.kind == ErrorKind::Unreachable);
    CHECK(says(error, "in time"));
  }

  TEST_CASE("a server that hangs after the greeting is given up at the deadline") {
    const Error error = error_of(
        [](const Peer& peer) {
          peer.send(mysql_greeting("8.4.3"));
          peer.hang();
        },
        soon());
    CHECK(error.kind == ErrorKind::Unreachable);
    CHECK(says(error, "login not answered in time"));
  }

  TEST_CASE("a TLS handshake that hangs or dribbles is given up at the deadline") {
    for (const bool dribbles : {false, true}) {
      const Error error = error_of(
          [&](const Peer& peer) {
            peer.send(mysql_greeting("8.4.3", true));
            static_cast<void>(peer.receive());
            if (!dribbles) return peer.hang();
            peer.send(std::string_view("\x16\x03\x03\x40\x00", 5));
            peer.dribble('\x02');
          },
          soon(), TlsPolicy::Always);
      CHECK(error.kind == ErrorKind::Unreachable);
      CHECK(says(error, "in time"));
    }
  }

  TEST_CASE("a TLS file that cannot be read is named") {
    const FakeTcpServer server([](const Peer& peer) {
      peer.send(mysql_greeting("8.4.3", true));
      static_cast<void>(peer.receive());
    });
    ConnectOptions options = options_for(server.port(), TlsPolicy::Always);
    options.tls.ca_file = "/no/such/ca.pem";
    const auto connection = Connection::connect(options, late());
    REQUIRE_FALSE(connection);
    CHECK(says(connection.error(), "cannot read /no/such/ca.pem: No such file or directory"));
  }

  TEST_CASE("a server without TLS is an error where TLS is required") {
    const Error error = error_of(log_in, late(), TlsPolicy::Always);
    CHECK(error.kind == ErrorKind::Broken);
    CHECK(says(error, "TLS"));
  }

  TEST_CASE("what is no MySQL server is called that") {
    for (const std::string_view banner :
         {std::string_view("HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Length: 0\r\n\r\n"),
          std::string_view("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
          std::string_view("220 mail.example.com ESMTP\r\n"),
          std::string_view("\x00\x00\x00\x00", 4), std::string_view("\xff\xff\xff\xff\xff", 5)}) {
      const Error error = error_of([&](const Peer& peer) { peer.send(banner); }, late());
      const bool told = error.kind == ErrorKind::Broken || error.kind == ErrorKind::Unreachable;
      CHECK(told);
      CHECK(says(error, "check the port"));
    }
  }

  TEST_CASE("a connection that is closed at once or in the middle of the greeting is an error") {
    for (const std::size_t length : {std::size_t{0}, std::size_t{3}, std::size_t{20}}) {
      const Error error = error_of(
          [&](const Peer& peer) { peer.send(mysql_greeting("8.4.3").substr(0, length)); }, late());
      CHECK(error.kind == ErrorKind::Unreachable);
    }
  }

  TEST_CASE("servers that refuse to greet are understood by the error's number") {
    const Error full = error_of(
        [](const Peer& peer) { peer.send(mysql_error(0, 1040, "Too many connections")); }, late());
    CHECK(full.kind == ErrorKind::Unreachable);
    CHECK(says(full, "takes no more connections"));
    const Error blocked = error_of(
        [](const Peer& peer) { peer.send(mysql_error(0, 1129, "Host 'x' is blocked")); }, late());
    CHECK(blocked.kind == ErrorKind::Unreachable);
    CHECK(says(blocked, "FLUSH HOSTS"));
    const Error stranger = error_of(
        [](const Peer& peer) { peer.send(mysql_error(0, 1130, "Host 'x' is not allowed")); },
        late());
    CHECK(stranger.kind == ErrorKind::Denied);
  }

  TEST_CASE("an error in place of the greeting that says it reports progress is an error") {
    for (const std::size_t size : {1U, 2U, 3U, 4U, 5U, 6U, 9U, 20U, 600U}) {
      const std::string packet = mysql_packet(0, std::string(size, '\xff'));
      for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
        CAPTURE(size);
        CAPTURE(cut);
        const Error error = error_of(
            [&](const Peer& peer) {
              peer.send(packet.substr(0, cut));
              if (cut > 0) std::this_thread::sleep_for(milliseconds(5));  // two reads
              peer.send(packet.substr(cut));
              peer.hang();
            },
            late());
        CHECK(says(error, "check the port"));
      }
    }
  }

  TEST_CASE("a wrong password is reported as such, also when TLS was tried after it (DISC-4)") {
    const auto deny = [](const Peer& peer) {
      peer.send(mysql_greeting("8.4.3"));
      static_cast<void>(peer.receive());
      peer.send(mysql_error(2, 1045, "Access denied for user 'probe'@'localhost'"));
    };
    for (const TlsPolicy policy : {TlsPolicy::Never, TlsPolicy::Mixed}) {
      const Error error = error_of(deny, late(), policy);
      CHECK(error.kind == ErrorKind::Denied);
      CHECK(says(error, "access denied for user 'probe'"));
    }
  }

  TEST_CASE("a server that wants TLS and does not get it says so") {
    const Error error = error_of(
        [](const Peer& peer) {
          peer.send(mysql_greeting("8.4.3"));
          static_cast<void>(peer.receive());
          peer.send(mysql_error(2, 3159, "Connections using insecure transport are prohibited"));
        },
        late());
    CHECK(error.kind == ErrorKind::Denied);
    CHECK(says(error, "only TLS"));
  }

  TEST_CASE("a plug-in that would send the password in clear is refused") {
    std::string sent;
    const Error error = error_of(
        [&](const Peer& peer) {
          peer.send(mysql_greeting("8.4.3"));
          static_cast<void>(peer.receive());
          peer.send(mysql_packet(2, std::string_view("\xfemysql_clear_password\0", 22)));
          sent = peer.receive();
        },
        late());
    CHECK(error.kind != ErrorKind::Unreachable);
    CHECK(sent.find(kPassword) == std::string::npos);
  }

  TEST_CASE("a plug-in that is refused is named, and nothing else that was sent") {
    for (const std::string_view name : {"mysql_clear_password", "dialog", "auth_gssapi_client"}) {
      const std::string request = "\xfe" + std::string(name) + std::string(1, '\0') + "Password: ";
      const Error account = error_of(
          [&](const Peer& peer) {
            peer.send(mysql_greeting("8.4.3"));
            static_cast<void>(peer.receive());
            peer.send(mysql_packet(2, request));
            peer.hang();
          },
          late());
      CHECK(account.kind == ErrorKind::Broken);
      CHECK(says(account, fmt::format("the account's authentication plugin {} is ", name)));
      const Error server = error_of(
          [&](const Peer& peer) {
            std::string greeting = mysql_greeting("8.4.3").substr(4);
            greeting.resize(greeting.size() - std::string_view("mysql_native_password").size() - 1);
            peer.send(mysql_packet(0, greeting + std::string(name) + std::string(1, '\0')));
            peer.hang();
          },
          late());
      CHECK(says(server, fmt::format("the server's default authentication plugin {} is ", name)));
    }
  }

  TEST_CASE("the version of the greeting loses MariaDB's prefix and bytes that are no UTF-8") {
    const FakeTcpServer server([](const Peer& peer) {
      peer.send(mysql_greeting("5.5.5-10.11.6-MariaDB\xff"));
      static_cast<void>(peer.receive());
      peer.send(mysql_ok(2));
      peer.hang();
    });
    const auto connection = Connection::connect(options_for(server.port()), late());
    REQUIRE(connection);
    CHECK(connection->server_version() == "10.11.6-MariaDB\xEF\xBF\xBD");
    CHECK_FALSE(connection->uses_tls());
  }

  TEST_CASE("an answer that never comes ends the session at the deadline") {
    const Error error = query_error_of([](const Peer& peer) { peer.hang(); }, soon());
    CHECK(error.kind == ErrorKind::Unreachable);
    CHECK(says(error, "no answer in time"));
  }

  TEST_CASE("a statement that is given up while it is under way does not arrive later") {
    std::promise<void> given_up;
    std::promise<bool> cut_off;
    const FakeTcpServer server([&](const Peer& peer) {
      log_in(peer);
      given_up.get_future().wait();
      cut_off.set_value(peer.is_cut_off());
    });
    {
      auto connection = Connection::connect(options_for(server.port()), late());
      REQUIRE(connection);
      // More than both ends keep for one who does not read.
      CHECK_FALSE(connection->query("SELECT '" + std::string(32U << 20U, 'x') + "'", soon()));
    }
    given_up.set_value();
    CHECK(cut_off.get_future().get());
  }

  TEST_CASE("an answer that dribbles or stops in its middle ends the session") {
    const Error slow = query_error_of(
        [](const Peer& peer) {
          peer.send(std::string_view("\xff\xff\x0f\x01\x01", 5));
          peer.dribble('x');
        },
        soon());
    CHECK(slow.kind == ErrorKind::Unreachable);
    CHECK(says(slow, "in time"));
    const Error cut = query_error_of(
        [](const Peer& peer) { peer.send(std::string_view("\xff\x00\x00\x01\x01", 5)); }, late());
    CHECK(cut.kind == ErrorKind::Unreachable);
    // Between the answers to one packet: the first says that more come, the next has one column.
    const std::string first = mysql_packet(1, std::string_view("\0\0\0\x0a\0\0\0", 7));
    const Error between = query_error_of(
        [&](const Peer& peer) { peer.send(first + mysql_packet(2, "\x01")); }, late());
    CHECK(between.kind == ErrorKind::Unreachable);
    const Error silent = query_error_of(
        [&](const Peer& peer) {
          peer.send(first + mysql_packet(2, "\x01"));
          peer.hang();
        },
        soon());
    CHECK(says(silent, "in time"));
  }

  TEST_CASE("absurd lengths and column counts are errors, not memory") {
    const std::string column_count =
        mysql_packet(1, std::string_view("\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", 9));
    for (const std::string& bytes :
         {column_count, column_count + column_count, mysql_packet(1, "\xfd\xff\xff\xff"),
          std::string("\xff\xff\xff\x01") + std::string(4096, '\xff')}) {
      const Error error = query_error_of([&](const Peer& peer) { peer.send(bytes); }, late());
      CHECK(says(error, "127.0.0.1"));
    }
  }

  TEST_CASE("what has no end is given up by its size, whatever it is a part of") {
    const std::string more = mysql_packet(1, std::string_view("\0\0\0\x0a\0\0\0", 7));
    for (const std::string& first : {std::string(), more}) {
      const Error error = query_error_of(
          [&](const Peer& peer) {
            peer.send(first + mysql_packet(2, "\xfc\xff\xff"));
            peer.flood(repeated(mysql_packet(3, kColumn)));
          },
          late());
      CHECK(says(error, "an endless answer"));
    }
    const Error rows = query_error_of(
        [](const Peer& peer) {
          peer.send(kOneColumn);
          peer.flood(repeated(mysql_packet(4,
                                           "\x01"
                                           "a")));
        },
        late());
    CHECK(says(rows, "an endless answer"));
    const Error login = error_of(
        [](const Peer& peer) {
          peer.send(greeting_with_progress());
          static_cast<void>(peer.receive());
          peer.flood(repeated(mysql_packet(2, kProgress)));
        },
        late());
    CHECK(says(login, "an endless answer"));
    const Error greeting = error_of(
        [](const Peer& peer) {
          peer.send(std::string_view("\xff\xff\xff\0\x0a", 5));
          peer.flood(std::string(65536, '8'));
        },
        late());
    CHECK(says(greeting, "check the port"));
  }

  TEST_CASE("what comes faster than it is read, and is passed over, ends at the deadline") {
    const FakeTcpServer server([](const Peer& peer) {
      peer.send(greeting_with_progress());
      static_cast<void>(peer.receive());
      peer.send(mysql_ok(2));
      if (peer.receive().empty()) return;
      peer.send(kOneColumn);
      peer.flood(repeated(mysql_packet(4, kProgress)));
    });
    auto connection = Connection::connect(options_for(server.port()), late());
    REQUIRE(connection);
    const auto answer = connection->query("SELECT 1", soon());
    REQUIRE_FALSE(answer);
    CHECK(says(answer.error(), "no answer in time"));
    CHECK(answer.error().timed_out);
    CHECK_FALSE(connection->usable());
  }

  TEST_CASE("a packet beyond the configured size is refused before it is read") {
    const FakeTcpServer server([](const Peer& peer) {
      log_in(peer);
      if (peer.receive().empty()) return;
      peer.send(std::string_view("\xff\xff\xff\x01", 4));  // 16 MiB follow, it says
      for (int i = 0; i < 64; ++i)
        peer.send(std::string(65536, 'x'));
      peer.hang();
    });
    ConnectOptions options = options_for(server.port());
    options.max_packet = 1 << 20;
    auto connection = Connection::connect(options, late());
    REQUIRE(connection);
    const auto answer = connection->query("SELECT 1", late());
    REQUIRE_FALSE(answer);
    CHECK(says(answer.error(), "connection lost"));
    CHECK_FALSE(connection->usable());
  }

  TEST_CASE("a refused statement leaves the session usable and carries its number") {
    const FakeTcpServer server([](const Peer& peer) {
      log_in(peer);
      while (!peer.receive().empty())
        peer.send(mysql_error(1, 1146, "Table 'a.b' doesn't exist"));
    });
    auto connection = Connection::connect(options_for(server.port()), late());
    REQUIRE(connection);
    const std::string statements[] = {"SELECT 1 FROM a.b", "SELECT 2"};
    const auto answers = connection->query_many(statements, late());
    REQUIRE(answers);
    REQUIRE(answers->refused);
    CHECK(answers->results.empty());
    CHECK(answers->refused->index == 0);
    CHECK(answers->refused->code == 1146);
    CHECK(answers->refused->error.kind == ErrorKind::NotFound);
    CHECK(connection->usable());
  }

  TEST_CASE("a statement that is refused among its rows leaves the session usable") {
    const FakeTcpServer server([&](const Peer& peer) {
      log_in(peer);
      while (!peer.receive().empty())
        peer.send(kOneColumn +
                  mysql_packet(4,
                               "\x01"
                               "a") +
                  mysql_error(5, 1220, "Could not find target log"));
    });
    auto connection = Connection::connect(options_for(server.port()), late());
    REQUIRE(connection);
    for (int time = 0; time < 2; ++time) {
      const std::string statements[] = {"SHOW RELAYLOG EVENTS IN 'gone'", "SELECT 2"};
      const auto answers = connection->query_many(statements, late());
      REQUIRE(answers);
      REQUIRE(answers->refused);
      CHECK(answers->results.empty());
      CHECK(answers->refused->index == 0);
      CHECK(answers->refused->code == 1220);
      CHECK(connection->usable());
    }
  }

  TEST_CASE("error numbers mean what a caller can do about them") {
    CHECK(kind_of_server_error(1227) == ErrorKind::Denied);
    CHECK(kind_of_server_error(1290) == ErrorKind::Refused);
    CHECK(kind_of_server_error(1193) == ErrorKind::NotFound);
    CHECK(kind_of_server_error(1205) == ErrorKind::Conflict);
    CHECK(kind_of_server_error(2013) == ErrorKind::Unreachable);
    CHECK(kind_of_server_error(2026) == ErrorKind::Broken);
  }
}

}  // namespace orch
