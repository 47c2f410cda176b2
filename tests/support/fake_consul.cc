#include "tests/support/fake_consul.h"

#include "core/base/text.h"
#include "core/json/json.h"
#include "core/net/base64.h"

namespace orch {

std::string read_http_request(const FakeTcpServer::Peer& peer) {
  std::string text;
  std::size_t whole = std::string::npos;
  while (text.size() < whole) {
    const std::string more = peer.receive();
    if (more.empty()) return text;
    text += more;
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    whole = head + 4;
    const std::string lower = to_lower(text.substr(0, head));
    const std::size_t length = lower.find("content-length: ");
    if (length != std::string::npos) whole += std::stoul(lower.substr(length + 16));
  }
  return text;
}

std::string http_answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " said\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

std::vector<std::string> FakeConsul::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

void FakeConsul::forget_asked() {
  const std::lock_guard lock(mutex_);
  asked_.clear();
}

std::string FakeConsul::last_request() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::map<std::string, std::string> FakeConsul::values() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

void FakeConsul::put(const std::string& where, const std::string& value) {
  const std::lock_guard lock(mutex_);
  values_[where] = value;
}

void FakeConsul::before(std::function<std::string(const std::string&)> hook) {
  const std::lock_guard lock(mutex_);
  before_ = std::move(hook);
}

std::string FakeConsul::transaction(const std::string& center, const std::string& body) {
  Json results = Json::array();
  for (const Json& operation : Json::parse(body)) {
    const Json& pair = operation["KV"];
    const std::string where = center + "/" + pair["Key"].get<std::string>();
    if (pair["Verb"] == "set") {
      values_[where] = *base64_decoded(pair["Value"].get<std::string>());
    } else if (!values_.contains(where)) {
      return http_answer(409, R"({"Results":null,"Errors":[{"OpIndex":0,"What":"no such key"}]})");
    } else {
      results.push_back(
          {{"KV", {{"Key", pair["Key"]}, {"Value", base64_encoded(values_[where])}}}});
    }
  }
  return http_answer(200, dump(Json{{"Results", results}, {"Errors", nullptr}}));
}

std::string FakeConsul::answer(const std::string& method, const std::string& target,
                               const std::string& body) {
  const std::size_t query = target.find("?dc=");
  const std::string center = query == std::string::npos ? "dc1" : target.substr(query + 4);
  const std::string path = target.substr(0, query);
  if (path == "/v1/catalog/datacenters") return http_answer(200, R"(["dc1","dc2"])");
  if (path == "/v1/txn") return transaction(center, body);
  if (!path.starts_with("/v1/kv/")) return http_answer(404, "");
  const std::string key = path.substr(7);
  const std::string where = center + "/" + key;
  if (method == "PUT") {
    values_[where] = body;
    return http_answer(200, "true");
  }
  if (!values_.contains(where)) return http_answer(404, "");
  return http_answer(
      200, dump(Json::array({{{"Key", key}, {"Value", base64_encoded(values_[where])}}})));
}

void FakeConsul::serve(const FakeTcpServer::Peer& peer) {
  const std::string request = read_http_request(peer);
  const std::size_t head = request.find("\r\n\r\n");
  if (head == std::string::npos) return;
  const std::string line = request.substr(0, request.find(" HTTP/"));
  std::function<std::string(const std::string&)> hook;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(line);
    last_ = request;
    hook = before_;
  }
  std::string said = hook ? hook(line) : "";
  if (said.empty()) {
    const std::lock_guard lock(mutex_);
    const std::size_t blank = line.find(' ');
    said = answer(line.substr(0, blank), line.substr(blank + 1), request.substr(head + 4));
  }
  peer.send(said);
}

}  // namespace orch
