#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/fake_tcp_server.h"

namespace orch {

/// Reads one HTTP request, body and all.
std::string read_http_request(const FakeTcpServer::Peer& peer);
std::string http_answer(int status, const std::string& body);

/// A Consul that keeps keys of several data centers, and what it was asked.
class FakeConsul {
 public:
  FakeConsul() : server_([this](const FakeTcpServer::Peer& peer) { serve(peer); }) {}

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(server_.port());
  }
  /// "PUT /v1/kv/a?dc=b", in order; bodies are left out.
  [[nodiscard]] std::vector<std::string> asked() const;
  void forget_asked();
  [[nodiscard]] std::string last_request() const;
  /// "dc/key" -> value; the agent's own data center is "dc1".
  [[nodiscard]] std::map<std::string, std::string> values() const;
  void put(const std::string& where, const std::string& value);
  /// Called before each request is answered; "" answers it as usual.
  void before(std::function<std::string(const std::string& request)> hook);

 private:
  void serve(const FakeTcpServer::Peer& peer);
  std::string answer(const std::string& method, const std::string& target, const std::string& body);
  std::string transaction(const std::string& center, const std::string& body);

  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
  std::string last_;
  std::map<std::string, std::string> values_;
  std::function<std::string(const std::string&)> before_;
  FakeTcpServer server_;  // the last member: it uses the others
};

}  // namespace orch
