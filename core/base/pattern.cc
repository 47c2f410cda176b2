#include "core/base/pattern.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <re2/re2.h>

#include "core/base/text.h"

namespace orch {

namespace {

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

}  // namespace

Pattern::Pattern(std::shared_ptr<const re2::RE2> expression) : expression_(std::move(expression)) {}

Result<Pattern> Pattern::compile(std::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(
      re2::StringPiece(expression.data(), expression.size()), options);
  if (!compiled->ok()) {
    return fail(ErrorKind::InvalidInput, fmt::format("invalid regular expression '{}': {}",
                                                     printable(expression), compiled->error()));
  }
  return Pattern(std::move(compiled));
}

bool Pattern::matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression_);
}

bool Pattern::has_group() const {
  return expression_->NumberOfCapturingGroups() > 0;
}

std::optional<std::string> Pattern::first_group(std::string_view text) const {
  std::string caught;
  if (!has_group() ||
      !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression_, &caught)) {
    return std::nullopt;
  }
  return caught;
}

Result<HostFilter> HostFilter::compile(const std::vector<std::string>& entries) {
  HostFilter filter;
  for (const std::string& entry : entries) {
    if (is_address(entry)) {
      filter.addresses_.push_back(entry);
    } else {
      ORCH_ASSIGN(Pattern pattern, Pattern::compile(entry));
      filter.patterns_.push_back(std::move(pattern));
    }
  }
  return filter;
}

bool HostFilter::matches(std::string_view hostname, std::uint16_t port) const {
  if (empty()) return false;
  if (std::find(addresses_.begin(), addresses_.end(), hostname) != addresses_.end()) return true;
  const std::string text = fmt::format("{}:{}", hostname, port);
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& pattern) { return pattern.matches(text); });
}

}  // namespace orch
