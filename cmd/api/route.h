#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/api/answer.h"
#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "cmd/http/access.h"
#include "cmd/http/message.h"
#include "core/base/result.h"
#include "core/json/json.h"
#include "core/model/recovery.h"

namespace orch::cmd {

class Service;

/// One call under way.
struct ApiCall {
  Service& service;
  Services& services;
  const HttpRequest& request;
  const Caller& caller;
  std::map<std::string, std::string, std::less<>> parameters{};  ///< of the path, decoded
  Args args{};  ///< filled from the path and the query: see ApiRoute::pattern

  [[nodiscard]] const std::string& parameter(std::string_view name) const;
  /// Runs a command of the catalog with `args`. Errors: NotFound, this version has no such command.
  [[nodiscard]] Result<Reply> run(std::string_view command) const;
  /// The record of Args::instance, as the API shows it.
  [[nodiscard]] Result<Json> instance() const;
  [[nodiscard]] Json shown(const Instance& instance) const;
};

/// One path below /api/, and what answers there.
struct ApiRoute {
  /// Segments between slashes: literal; "H" host and port of Args::instance, "B" of
  /// Args::destination, "C" a cluster hint in Args::instance; ":owner", ":reason", ":duration",
  /// ":pool", ":hostname", ":binlog", ":tag" into the argument of that name; any other ":name" into
  /// `parameters` only, where all of them are. The queries pattern, tag, q, s and comment are
  /// arguments, too.
  std::string pattern{};
  std::function<ApiAnswer(ApiCall&)> answer{};
  bool writes{false};  ///< needs the privilege to write
  /// Answered by the node that was asked, even when another leads.
  bool local{false};
  /// A POST whose body says what is asked; `answer` sees to the privilege.
  bool asked_by_body{false};
};

/// All of them; no two match one path.
const std::vector<ApiRoute>& api_routes();

// The rows, one function per file.
std::vector<ApiRoute> moving_routes();    // moving.cc
std::vector<ApiRoute> reading_routes();   // reading.cc
std::vector<ApiRoute> changing_routes();  // changing.cc
std::vector<ApiRoute> recovery_routes();  // recovering.cc
std::vector<ApiRoute> node_routes();      // node.cc
std::vector<ApiRoute> command_routes();   // command.cc
std::vector<ApiRoute> raft_routes();      // raft.cc
std::vector<ApiRoute> unserved_routes();  // unserved.cc

/// Whether the command in a request's body asks the node itself.
bool is_about_node(const HttpRequest& request);

// Answers that many routes give.

/// An envelope with the instance, as it is after the command.
std::function<ApiAnswer(ApiCall&)> answer_instance(std::string command, std::string message);
/// An envelope with the key of the instance that was named.
std::function<ApiAnswer(ApiCall&)> answer_key(std::string command, std::string message);
/// The command's own JSON, bare.
std::function<ApiAnswer(ApiCall&)> answer_bare(std::string command);
/// The same path under another first word.
ApiRoute renamed(const ApiRoute& route, std::string_view name);

/// What a `recover` of `key` that finds nothing to do repeats: the failure was dealt with a moment
/// ago, and the instance has not been put back in its place since. `newest_first`: without those of
/// `key` that were asked for otherwise.
std::optional<RecoveryRecord> repeated_recovery(const std::vector<RecoveryRecord>& newest_first,
                                                const InstanceKey& key, TimePoint now);

}  // namespace orch::cmd
