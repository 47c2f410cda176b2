#include "cmd/http/server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

/// A client that says exactly what it is told to.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void say(const std::string& text) {
    REQUIRE(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  /// All that comes until the text has been seen, or the other end closes.
  std::string hear(const std::string& until) {
    std::string heard;
    char c = 0;
    while (heard.find(until) == std::string::npos && ::recv(socket_, &c, 1, 0) == 1)
      heard += c;
    return heard;
  }
  bool closed() { return hear("\x01").find('\x01') == std::string::npos; }

 private:
  int socket_;
};

std::unique_ptr<HttpServer> started(HttpServerSettings settings, HttpServer::Handler handler) {
  if (settings.socket.empty()) settings.address = "127.0.0.1:0";
  auto server = HttpServer::start(std::move(settings), std::move(handler));
  REQUIRE_MESSAGE(server.has_value(), server.error().message);
  return *std::move(server);
}

HttpResponse echo(const HttpRequest& request) {
  return {.body = request.method + " " + request.target + " " + request.body};
}

}  // namespace

TEST_SUITE("http server") {
  TEST_CASE("requests on one connection are answered one after another") {
    const auto server = started({}, echo);
    Client client(server->port());
    client.say("GET /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.hear("x=1 ").find("200 OK") != std::string::npos);
    client.say("POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(client.hear("hi").find("POST /c hi") != std::string::npos);
  }

  TEST_CASE("a proxy may ask with the whole address, and a client wait until its body is wanted") {
    const auto server = started({}, echo);
    Client client(server->port());
    client.say("GET http://h:1/a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.hear("x=1 ").ends_with("GET /a%2Fb?x=1 "));
    client.say("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.hear("GET / ").ends_with("GET / "));
    for (int i = 0; i < 2; ++i) {
      client.say(
          "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
      CHECK(client.hear("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
      client.say("hi");
      CHECK(client.hear("POST /c hi").find("200 OK") != std::string::npos);
    }
    client.say(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.hear("never").starts_with("HTTP/1.1 413"));
  }

  TEST_CASE("HEAD has a length and no body, a refusal its reason") {
    const auto server = started(
        {}, [](const HttpRequest&) { return HttpResponse{.status = 401, .body = "12345"}; });
    Client client(server->port());
    client.say("HEAD /api HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const std::string answer = client.hear("never");
    CHECK(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    CHECK(answer.find("Content-Length: 5") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\n"));
  }

  TEST_CASE("what is no HTTP, or too much, is told so and hung up on") {
    const auto server = started({}, echo);
    for (const std::string text :
         {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
          "\x16\x03\x01\x02\r\n\r\n"}) {
      Client client(server->port());
      client.say(text);
      const std::string answer = client.hear("never");
      CHECK(answer.starts_with("HTTP/1.1 400"));
    }
    Client large(server->port());
    large.say("GET / HTTP/1.1\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n");
    CHECK(large.hear("never").starts_with("HTTP/1.1 413"));
    Client body(server->port());
    body.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
    CHECK(body.hear("never").starts_with("HTTP/1.1 413"));
  }

  TEST_CASE("clients that say nothing, or half of it, are hung up on in time") {
    const auto server = started({.header_limit = std::chrono::seconds(1)}, echo);
    Client silent(server->port());
    Client slow(server->port());
    slow.say("GET / HTT");
    CHECK(silent.closed());
    CHECK(slow.closed());
  }

  TEST_CASE("many slow clients and long handlers hold up nobody") {
    std::promise<void> go;
    const std::shared_future<void> gone = go.get_future().share();
    std::atomic<int> inside{0};
    const auto server = started({.most_handlers = 8}, [&](const HttpRequest& request) {
      if (request.target == "/long") {
        ++inside;
        gone.wait();
      }
      return echo(request);
    });
    std::vector<std::unique_ptr<Client>> slow;
    for (int i = 0; i < 300; ++i) {
      slow.push_back(std::make_unique<Client>(server->port()));
      slow.back()->say("GET /slow HTTP/1.1\r\nX: ");
    }
    std::vector<std::unique_ptr<Client>> patient;
    for (int i = 0; i < 7; ++i) {
      patient.push_back(std::make_unique<Client>(server->port()));
      patient.back()->say("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    while (inside < 7)
      std::this_thread::yield();
    Client quick(server->port());
    quick.say("GET /quick HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(quick.hear("GET /quick").find("200 OK") != std::string::npos);
    go.set_value();
    for (const auto& client : patient)
      CHECK(client->hear("GET /long").find("200 OK") != std::string::npos);
  }

  TEST_CASE("requests that wait for another node hold up none that need only this one") {
    std::promise<void> wake;
    const std::shared_future<void> other = wake.get_future().share();
    const auto server = started({.most_handlers = 2}, [other](const HttpRequest& request) {
      HttpResponse response{.body = "here"};
      if (request.target == "/there") {
        response.later = [other] {
          other.wait();
          return HttpResponse{.body = "there"};
        };
      }
      return response;
    });
    std::vector<std::unique_ptr<Client>> waiting;
    for (int i = 0; i < 8; ++i) {
      waiting.push_back(std::make_unique<Client>(server->port()));
      waiting.back()->say("GET /there HTTP/1.1\r\n\r\n");
    }
    Client client(server->port());
    client.say("GET /here HTTP/1.1\r\n\r\n");
    CHECK(client.hear("here").ends_with("here"));
    wake.set_value();
    for (const auto& each : waiting)
      CHECK(each->hear("there").ends_with("there"));
  }

  TEST_CASE("beyond the most connections new ones are closed, and room is made again") {
    const auto server = started({.most_connections = 2}, echo);
    auto one = std::make_unique<Client>(server->port());
    one->say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(one->hear("GET /1").find("200") != std::string::npos);
    Client two(server->port());
    two.say("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(two.hear("GET /2").find("200") != std::string::npos);
    Client three(server->port());
    CHECK(three.closed());
    one.reset();
    for (bool answered = false; !answered;) {
      Client four(server->port());
      four.say("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
      answered = four.hear("GET /4").find("200") != std::string::npos;
    }
  }

  TEST_CASE("a Unix socket serves, a stale one is taken over, and none is left behind") {
    const std::string path =
        std::filesystem::temp_directory_path() / ("orch-http-test." + std::to_string(::getpid()));
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(stale);
    {
      const auto server = started({.socket = path}, echo);
      CHECK(server->port() == 0);
      Client client(path);
      client.say("GET /unix HTTP/1.1\r\nHost: h\r\n\r\n");
      CHECK(client.hear("GET /unix").find("200 OK") != std::string::npos);
      const auto second = HttpServer::start({.socket = path}, echo);
      REQUIRE_FALSE(second);
      CHECK(second.error().kind == ErrorKind::Conflict);
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("an address that is taken, or none, is said so") {
    const auto server = started({}, echo);
    const auto taken =
        HttpServer::start({.address = "127.0.0.1:" + std::to_string(server->port())}, echo);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().kind == ErrorKind::Unreachable);
    for (const std::string address : {"nonsense", "1.2.3.4", "host:99999", ":"}) {
      CAPTURE(address);
      const auto none = HttpServer::start({.address = address}, echo);
      REQUIRE_FALSE(none);
      CHECK(none.error().kind == ErrorKind::InvalidInput);
    }
    const auto certificate = HttpServer::start(
        {.address = "127.0.0.1:0", .tls = true, .certificate_file = "/none"}, echo);
    REQUIRE_FALSE(certificate);
    CHECK(certificate.error().message.find("SSLCertFile '/none'") != std::string::npos);
  }
}

}  // namespace orch::cmd
