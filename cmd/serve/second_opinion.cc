#include "cmd/serve/second_opinion.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cmd/http/address.h"
#include "cmd/http/peer.h"
#include "core/base/clock.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskAgain{200};
constexpr milliseconds kConnectToPeer{500};

std::string_view word_of(const Result<Opinion>& said) {
  switch (said ? vote_of(*said) : Vote::Silent) {
    case Vote::Dead:
      return "cannot reach it either";
    case Vote::Alive:
      return "sees it alive";
    case Vote::Silent:
      return "has not looked at it long enough";
  }
  return "";
}

Result<Opinion> read_opinion(const HttpResponse& answer) {
  const Json said = Json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !said.is_object()) {
    return fail(ErrorKind::Unreachable, fmt::format("it answers {}: {}", answer.status,
                                                    quoted_excerpt(trim(answer.body), 100)));
  }
  const auto flag = [&said](const char* name) {
    return said.contains(name) && said[name].is_boolean() && said[name].get<bool>();
  };
  return Opinion{.known = flag("Known"), .answers = flag("Answers"), .fresh = flag("Fresh")};
}

}  // namespace

Result<> agree_on_death(const InstanceKey& key, const std::vector<ha::OtherNode>& others,
                        const AskNode& ask, milliseconds patience) {
  const SteadyPoint deadline = steady_clock::now() + patience;
  const std::size_t nodes = 1 + others.size();
  while (true) {
    std::vector<Result<Opinion>> said(others.size(), Opinion{});
    parallel_for(others.size(), others.size(),
                 [&](std::size_t i) { said[i] = ask(others[i].url, key); });
    const auto agree = [](const Result<Opinion>& one) {
      return one && vote_of(*one) == Vote::Dead;
    };
    const auto agreeing = static_cast<std::size_t>(std::count_if(said.begin(), said.end(), agree));
    if (is_dead_by_majority(agreeing, nodes)) return {};
    if (steady_clock::now() + kAskAgain >= deadline) {
      std::string text = fmt::format(
          "{} does not answer this node, but only {} of {} nodes say so, and "
          "FailureDetectionQuorum "
          "wants more than half",
          to_string(key), 1 + agreeing, nodes);
      for (std::size_t i = 0; i < others.size(); ++i) {
        text += fmt::format("; {} {}", others[i].address,
                            said[i] ? std::string(word_of(said[i]))
                                    : "cannot be asked: " + said[i].error().message);
      }
      return fail(ErrorKind::Refused, std::move(text));
    }
    std::this_thread::sleep_for(kAskAgain);
  }
}

AskNode ask_by_api(const HttpSettings& settings) {
  return [settings](const std::string& url, const InstanceKey& key) -> Result<Opinion> {
    if (url.empty()) return fail(ErrorKind::NotFound, "it has not said where its API answers");
    ORCH_ASSIGN(
        const auto connection,
        connect_to_node(url, {.connect = kConnectToPeer, .silence = 2 * kOpinionLimit}, settings));
    ORCH_ASSIGN(const HttpAddress address, parse_api_address(url));
    HttpRequest request{
        .method = "GET",
        .target = fmt::format("{}/raft-opinion/{}/{}", address.path, key.hostname, key.port)};
    if (!settings.http_auth_user.empty()) {
      request.headers.emplace_back(
          "Authorization",
          basic_authorization(settings.http_auth_user, settings.http_auth_password.reveal()));
    }
    ORCH_ASSIGN(const HttpResponse answer, connection->ask(request));
    return read_opinion(answer);
  };
}

std::string opinion_text(const Opinion& opinion) {
  return dump(
      Json{{"Known", opinion.known}, {"Answers", opinion.answers}, {"Fresh", opinion.fresh}});
}

}  // namespace orch::cmd
