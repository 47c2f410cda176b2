// How long a service takes to answer: http_bench HOST PORT SECONDS PATH [PATH...]. Asks 1,000 times
// a second over eight kept connections, each request at its time whether or not earlier ones were
// answered. Prints percentiles of the time from when a request was due to the end of its answer.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kConnections = 8;
constexpr int kASecond = 1000;

int connected(const char* host, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd;
}

/// Whether a whole answer with status 200 came; `body` is how long it was.
bool answered(int fd, std::size_t& body) {
  std::string text;
  char buffer[65536];
  std::size_t whole = std::string::npos;
  while (whole == std::string::npos || text.size() < whole) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) return false;
    text.append(buffer, static_cast<std::size_t>(got));
    const std::size_t head = text.find("\r\n\r\n");
    const std::size_t length = text.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) continue;
    body = std::strtoul(text.c_str() + length + 16, nullptr, 10);
    whole = head + 4 + body;
  }
  return text.rfind("HTTP/1.1 200", 0) == 0;
}

struct Worker {
  std::vector<double> milliseconds{};
  std::size_t body{0};
  int failed{0};
};

void ask(Worker& worker, int number, Clock::time_point start, int seconds, char** arguments,
         int paths) {
  const int fd = connected(arguments[1], arguments[2]);
  for (int i = number; i < kASecond * seconds; i += kConnections) {
    const auto due = start + std::chrono::microseconds(1'000'000LL * i / kASecond);
    std::this_thread::sleep_until(due);
    const std::string request =
        std::string("GET ") + arguments[4 + i % paths] + " HTTP/1.1\r\nHost: bench\r\n\r\n";
    if (::write(fd, request.data(), request.size()) < 0 || !answered(fd, worker.body)) {
      ++worker.failed;
      break;
    }
    worker.milliseconds.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - due).count());
  }
  if (fd >= 0) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 4 ? std::atoi(argv[3]) : 0;
  if (seconds < 1) {
    std::fprintf(stderr, "usage: http_bench HOST PORT SECONDS PATH [PATH...]\n");
    return 2;
  }
  std::vector<Worker> workers(kConnections);
  std::vector<std::thread> threads;
  const auto start = Clock::now() + std::chrono::milliseconds(100);
  for (int i = 0; i < kConnections; ++i) {
    threads.emplace_back(ask, std::ref(workers[static_cast<std::size_t>(i)]), i, start, seconds,
                         argv, argc - 4);
  }
  for (std::thread& thread : threads)
    thread.join();
  std::vector<double> all;
  int failed = 0;
  for (const Worker& worker : workers) {
    all.insert(all.end(), worker.milliseconds.begin(), worker.milliseconds.end());
    failed += worker.failed;
  }
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf(
      "p50 %.2f ms, p99 %.2f ms, max %.1f ms of %zu answers (%zu bytes), %d connections failed\n",
      at(0.5), at(0.99), at(1), all.size(), workers.front().body, failed);
  return failed == 0 ? 0 : 1;
}
