#include "core/config/credentials.h"

#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch {

namespace {

/// Walks through the text; only what belongs to `user` and `password` is parsed, all else skipped.
class CredentialsReader {
 public:
  explicit CredentialsReader(std::string_view text) : text_(text) {}

  Result<Credentials> read() {
    Credentials credentials;
    bool in_client = false;
    bool in_section = false;
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      const std::string_view line = trim(rest_of_line());
      if (line.starts_with('[')) {
        ORCH_ASSIGN(in_client, is_client(line));
        in_section = true;
      } else if (in_client || !in_section) {
        const std::size_t equals = line.find('=');
        const std::string name = to_lower(trim(line.substr(0, equals)));
        if (equals != std::string_view::npos && (name == "user" || name == "password")) {
          // Left out, it would be an account without a name.
          if (!in_section) return failure("an account outside of all sections; add [client] above");
          at_ = text_.find('=', begin) + 1;
          ORCH_ASSIGN(std::string value, read_value());
          if (name == "user") {
            credentials.user = std::move(value);
          } else {
            credentials.password = Secret(std::move(value));
          }
          continue;
        }
      }
      next_line();
    }
    return credentials;
  }

 private:
  [[nodiscard]] std::string_view rest_of_line() const {
    const std::size_t end = text_.find('\n', at_);
    return text_.substr(at_, end == std::string_view::npos ? end : end - at_);
  }

  void next_line() {
    at_ += rest_of_line().size() + 1;
    ++line_;
  }

  [[nodiscard]] Failure failure(std::string_view reason) const {
    return fail(ErrorKind::InvalidInput, fmt::format("line {}: {}", line_, reason));
  }

  [[nodiscard]] Result<bool> is_client(std::string_view line) const {
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) return failure("a section without ']'");
    return equals_ignoring_case(trim(line.substr(1, close - 1)), "client");
  }

  /// Reads to the end of the value's line, and past it.
  Result<std::string> read_value() {
    std::string value;
    std::string blanks;  // seen outside quotes; they count when more of the value follows
    bool quoted = false;
    bool started = false;
    while (at_ < text_.size() && text_[at_] != '\n') {
      const char c = text_[at_++];
      if (!quoted && (c == '#' || c == ';')) break;
      if (!quoted && (c == ' ' || c == '\t' || c == '\r')) {
        blanks += c;
        continue;
      }
      if (started) value += blanks;
      blanks.clear();
      started = true;
      if (c == '"') {
        quoted = !quoted;
      } else if (c == '\\') {
        ORCH_TRY(read_escape(value, quoted));
      } else {
        value += c;
      }
    }
    if (quoted) return failure("a quote is not closed");
    next_line();
    return value;
  }

  /// Behind a backslash.
  Result<> read_escape(std::string& value, bool quoted) {
    const std::string_view rest = text_.substr(at_);
    const std::size_t line_end = rest.starts_with("\r\n") ? 2 : rest.starts_with('\n') ? 1 : 0;
    if (!quoted && line_end > 0) {
      at_ += line_end;
      ++line_;
      return {};
    }
    const char c = rest.empty() ? '\0' : rest.front();
    if (c != '"' && !(quoted && (c == '\\' || c == 'n' || c == 't'))) {
      return failure("a backslash before a character that cannot be escaped here");
    }
    value += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    ++at_;
    return {};
  }

  std::string_view text_;
  std::size_t at_{0};
  int line_{1};
};

}  // namespace

Result<Credentials> parse_credentials(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return CredentialsReader(text).read();
}

std::optional<std::string> variable_in(std::string_view text) {
  const std::size_t open = text.find("${");
  const std::size_t close = text.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
    return std::nullopt;
  }
  return std::string(text.substr(open + 2, close - open - 2));
}

}  // namespace orch
