#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/value.h"

namespace orch {

namespace {

/// Length of the number in JSON's grammar at the start of `text`; 0: there is none.
std::size_t number_length(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) {
      ++at;
    }
    return at > begin;
  };
  const auto skip = [&](std::string_view any_of) {
    if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
  };
  skip("-");
  if (!skip("0") && !digits()) return 0;
  if (skip(".") && !digits()) return 0;
  if (skip("eE")) {
    skip("+-");
    if (!digits()) return 0;
  }
  return at;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) {
    text += static_cast<char>(byte);
  };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

/// Reads one value and remembers where and why it could not. Messages never quote the file, as a
/// broken string may be a password.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  ParsedConfig read() {
    ParsedConfig parsed;
    skip_blanks();
    if (peek() == '{') {
      read_value(parsed.root, 0);
    } else {
      refuse("expected '{'");
    }
    if (reason_.empty()) return parsed;
    ConfigProblem problem{.message = "not valid JSON: " + reason_, .in_reading = true};
    const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
    problem.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    // npos + 1 is 0: on the first line the column counts from the start.
    problem.column = 1 + static_cast<int>(before.size() - (before.rfind('\n') + 1));
    return {{}, std::move(problem)};
  }

 private:
  /// The next character; a NUL at the end, which is no JSON in any place.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool refuse(std::string reason) {
    reason_ = at_ < text_.size() ? std::move(reason) : "the file ends too early, " + reason;
    return false;
  }

  bool expect(char c) {
    if (peek() != c) return refuse(fmt::format("expected '{}'", c));
    ++at_;
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
      ++at_;
    }
  }

  bool read_value(ConfigValue& value, int depth) {
    if (depth > kDeepestConfig) return refuse("nested too deeply");
    switch (peek()) {
      case '{':
        return read_object(value, depth);
      case '[':
        return read_list(value, depth);
      case '"':
        value.kind = ConfigValue::Kind::String;
        return read_string(value.text);
      case 't':
        return read_word(value, ConfigValue::Kind::Bool, "true");
      case 'f':
        return read_word(value, ConfigValue::Kind::Bool, "false");
      case 'n':
        return read_word(value, ConfigValue::Kind::Null, "null");
      default:
        return read_number(value);
    }
  }

  bool read_word(ConfigValue& value, ConfigValue::Kind kind, std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return refuse("expected a value");
    at_ += word.size();
    value.kind = kind;
    value.text = word;
    return true;
  }

  bool read_number(ConfigValue& value) {
    const std::size_t length = number_length(text_.substr(std::min(at_, text_.size())));
    if (length == 0) return refuse("expected a value");
    value.kind = ConfigValue::Kind::Number;
    value.text = text_.substr(at_, length);
    at_ += length;
    return true;
  }

  /// Whether another element follows; `close` ends them.
  bool read_separator(char close, bool& more) {
    skip_blanks();
    more = peek() == ',';
    if (!more && peek() != close) return refuse(fmt::format("expected ',' or '{}'", close));
    ++at_;
    skip_blanks();
    return true;
  }

  bool read_list(ConfigValue& value, int depth) {
    value.kind = ConfigValue::Kind::List;
    ++at_;
    skip_blanks();
    bool more = peek() != ']';
    if (!more) ++at_;
    while (more) {
      if (!read_value(value.items.emplace_back(), depth + 1)) return false;
      if (!read_separator(']', more)) return false;
    }
    return true;
  }

  bool read_object(ConfigValue& value, int depth) {
    value.kind = ConfigValue::Kind::Object;
    ++at_;
    skip_blanks();
    bool more = peek() != '}';
    if (!more) ++at_;
    while (more) {
      ConfigValue& member = value.items.emplace_back();
      member.line = line_;
      if (peek() != '"') return refuse("expected a key in double quotes");
      if (!read_string(member.key)) return false;
      skip_blanks();
      if (!expect(':')) return false;
      skip_blanks();
      if (!read_value(member, depth + 1)) return false;
      if (!read_separator('}', more)) return false;
    }
    return true;
  }

  bool read_string(std::string& out) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) {
        return refuse("a string ends with its line, or holds a control character");
      }
      if (c == '\\') {
        if (!read_escape(out)) return false;
      } else {
        out += c;
        ++at_;
      }
    }
    return expect('"');
  }

  bool read_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    const std::size_t known = peek() == '\0' ? std::string_view::npos : kNames.find(peek());
    if (known != std::string_view::npos) {
      out += kMeanings[known];
      ++at_;
      return true;
    }
    std::uint32_t code = 0;
    if (!read_code(code)) return refuse("unknown escape in a string");
    if (code >= 0xD800 && code < 0xDC00) {
      std::uint32_t low = 0;
      const std::size_t behind = at_;
      if (peek() == '\\' && (++at_, read_code(low)) && low >= 0xDC00 && low < 0xE000) {
        append_utf8(out, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
        return true;
      }
      at_ = behind;
    }
    // Half of a pair means nothing alone; it becomes the replacement character, as in orchestrator.
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return true;
  }

  /// Reads "uXXXX".
  bool read_code(std::uint32_t& code) {
    if (peek() != 'u' || text_.size() - at_ < 5) return false;
    for (std::size_t i = 1; i <= 4; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
      const std::size_t digit = kDigits.find(text_[at_ + i]);
      if (digit == std::string_view::npos) return false;
      code = code * 16 + static_cast<std::uint32_t>(digit < 16 ? digit : digit - 6);
    }
    at_ += 5;
    return true;
  }

  std::string_view text_;
  std::size_t at_{0};
  int line_{1};
  std::string reason_;
};

}  // namespace

bool is_json_number(std::string_view text) {
  return !text.empty() && number_length(text) == text.size();
}

ParsedConfig parse_json_config(std::string_view text) {
  return JsonReader(text).read();
}

}  // namespace orch
