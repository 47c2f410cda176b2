#include "cmd/serve/second_opinion.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/engine/opinion.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskAgain{200};
/// One more server that somebody else reaches may be chance.
constexpr std::size_t kMore = 2;

constexpr std::string_view kQuestion = "reaches ";
constexpr std::string_view kYes = "yes";
constexpr std::string_view kNo = "no";
constexpr std::string_view kUnknown = "unknown";

std::string question_about(const InstanceKey& key) {
  return std::string(kQuestion) + to_string(key);
}

/// Nothing when it could not be asked.
std::optional<Vote> vote_in(const Result<std::string>& said) {
  if (!said) return std::nullopt;
  if (*said == kNo) return Vote::Dead;
  return *said == kYes ? Vote::Alive : Vote::Silent;
}

std::string word_of(const Result<std::string>& said) {
  const std::optional<Vote> vote = vote_in(said);
  if (!vote) return "cannot be asked: " + printable(said.error().message);
  switch (*vote) {
    case Vote::Dead:
      return "cannot reach it either";
    case Vote::Alive:
      return "sees it alive";
    case Vote::Silent:
      return "has not looked at it just now";
  }
  return "";
}

}  // namespace

Result<> agree_on_death(const InstanceKey& key, const std::vector<std::string>& others,
                        const AskNode& ask, milliseconds patience) {
  const SteadyPoint deadline = steady_clock::now() + patience;
  const std::string question = question_about(key);
  const std::size_t nodes = 1 + others.size();
  while (true) {
    std::vector<Result<std::string>> said(others.size(), std::string());
    parallel_for(others.size(), others.size(),
                 [&](std::size_t i) { said[i] = ask(others[i], question); });
    const auto agreeing = static_cast<std::size_t>(std::count_if(
        said.begin(), said.end(), [](const auto& one) { return vote_in(one) == Vote::Dead; }));
    if (is_dead_by_majority(agreeing, nodes)) return {};
    if (steady_clock::now() + kAskAgain >= deadline) {
      std::string text = fmt::format(
          "{} does not answer this node, but only {} of {} nodes say so, and "
          "FailureDetectionQuorum wants more than half",
          to_string(key), 1 + agreeing, nodes);
      for (std::size_t i = 0; i < others.size(); ++i)
        text += fmt::format("; {} {}", others[i], word_of(said[i]));
      return fail(ErrorKind::Refused, std::move(text));
    }
    std::this_thread::sleep_for(kAskAgain);
  }
}

std::optional<std::string> who_reaches(const std::vector<InstanceKey>& keys,
                                       const std::vector<std::string>& others, const AskNode& ask) {
  std::vector<std::size_t> reached(others.size(), 0);
  parallel_for(others.size(), others.size(), [&](std::size_t i) {
    // Whoever has not looked just now looks for being asked.
    for (const InstanceKey& key : keys) {
      if (!ask(others[i], question_about(key))) return;
    }
    std::this_thread::sleep_for(kAskAgain);
    for (const InstanceKey& key : keys) {
      const auto said = ask(others[i], question_about(key));
      if (!said) return;
      if (vote_in(said) == Vote::Alive) ++reached[i];
    }
  });
  const std::size_t enough = std::min(kMore, std::max<std::size_t>(keys.size(), 1));
  const auto see =
      std::ranges::count_if(reached, [&](std::size_t count) { return count >= enough; });
  if (2 * static_cast<std::size_t>(see) <= 1 + others.size()) return std::nullopt;
  return others[static_cast<std::size_t>(std::ranges::max_element(reached) - reached.begin())];
}

std::string answer_question(Engine& engine, std::string_view question) {
  if (question.rfind(kQuestion, 0) != 0) return "";
  const std::string_view name = question.substr(kQuestion.size());
  // As to_string() writes it: an IPv6 address without brackets.
  const auto colon = name.rfind(':');
  if (colon == std::string_view::npos) return "";
  const auto port = parse_instance_key("host:" + std::string(name.substr(colon + 1)), 0);
  if (!port) return "";
  switch (vote_of(engine.opinion_on({std::string(name.substr(0, colon)), port->port}))) {
    case Vote::Dead:
      return std::string(kNo);
    case Vote::Alive:
      return std::string(kYes);
    case Vote::Silent:
      return std::string(kUnknown);
  }
  return "";
}

}  // namespace orch::cmd
