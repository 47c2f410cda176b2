#include <algorithm>
#include <exception>
#include <sstream>
#include <string_view>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/base/text.h"
#include "core/config/value.h"

namespace orch {

namespace {

ConfigProblem problem_at(const YAML::Mark& mark, std::string_view reason) {
  ConfigProblem problem{.message = "not valid YAML: " + printable(reason), .in_reading = true};
  if (!mark.is_null()) {
    problem.line = mark.line + 1;
    problem.column = mark.column + 1;
  }
  return problem;
}

/// A comment after the end of every text. yaml-cpp takes the end for a closing quote, and for the
/// colon after a key: then a value has swallowed the comment, or it is in the way.
constexpr std::string_view kEnd = "#\x01\x02\x03\n";

/// Builds the value from the parser's events. After the first problem it takes no more.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(ParsedConfig& parsed) : parsed_(parsed) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor != 0) return refuse(mark, "anchors are not supported");
    add_scalar(mark, ConfigValue::Kind::Null, {});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases are not supported");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (anchor != 0) return refuse(mark, "anchors are not supported");
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") {
      return refuse(mark, "tags are not supported");
    }
    if (text.find(trim(kEnd)) != text.npos) {
      return refuse(mark, "the quote is not closed");
    }
    add_scalar(mark, tag == "?" ? ConfigValue::Kind::Plain : ConfigValue::Kind::String, text);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigValue::Kind::List);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigValue::Kind::Object);
  }
  void OnMapEnd() override { close(); }

 private:
  void refuse(const YAML::Mark& mark, std::string_view reason) {
    if (!parsed_.problem) parsed_.problem = problem_at(mark, reason);
  }

  /// The place of the next value. In a mapping it is nullptr for a key.
  ConfigValue* next_value() {
    if (open_.empty()) return &parsed_.root;
    ConfigValue& parent = *open_.back();
    if (parent.kind == ConfigValue::Kind::List) return &parent.items.emplace_back();
    if (!key_read_) return nullptr;
    key_read_ = false;
    return &parent.items.back();
  }

  void add_scalar(const YAML::Mark& mark, ConfigValue::Kind kind, const std::string& text) {
    if (parsed_.problem) return;
    ConfigValue* value = next_value();
    if (value != nullptr) {
      value->kind = kind;
      value->text = text;
    } else if (kind == ConfigValue::Kind::Null) {
      refuse(mark, "a key must be a string");
    } else {
      ConfigValue& member = open_.back()->items.emplace_back();
      member.key = text;
      member.line = mark.line + 1;
      key_read_ = true;
    }
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            ConfigValue::Kind kind) {
    if (parsed_.problem) return;
    if (anchor != 0) return refuse(mark, "anchors are not supported");
    if (!tag.empty() && tag != "?" && tag != "!") return refuse(mark, "tags are not supported");
    if (open_.size() >= kDeepestConfig) return refuse(mark, "nested too deeply");
    ConfigValue* value = next_value();
    if (value == nullptr) return refuse(mark, "a key must be a string");
    value->kind = kind;
    // The pointer holds: a list or mapping does not grow while an element of it is open.
    open_.push_back(value);
  }

  void close() {
    if (!parsed_.problem) open_.pop_back();
  }

  ParsedConfig& parsed_;
  std::vector<ConfigValue*> open_;
  bool key_read_{false};
};

/// yaml-cpp takes some control characters for the end of the file; YAML allows none of them.
std::optional<ConfigProblem> find_control_character(std::string_view text) {
  const auto found = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
  });
  if (found == text.end()) return std::nullopt;
  const auto line = static_cast<int>(std::count(text.begin(), found, '\n')) + 1;
  return ConfigProblem{
      .line = line, .message = "not valid YAML: it holds a control character", .in_reading = true};
}

void parse_into(ParsedConfig& parsed, std::string_view text) {
  std::istringstream stream{std::string(text).append("\n").append(kEnd)};
  YAML::Parser parser(stream);
  TreeBuilder builder(parsed);
  if (!parser.HandleNextDocument(builder) || parsed.problem) return;
  ParsedConfig second;
  TreeBuilder ignored(second);
  if (parser.HandleNextDocument(ignored)) {
    parsed.problem = ConfigProblem{.message = "more than one YAML document", .in_reading = true};
  }
}

}  // namespace

ParsedConfig parse_yaml_config(std::string_view text) {
  ParsedConfig parsed;
  parsed.problem = find_control_character(text);
  if (parsed.problem) return parsed;
  try {
    parse_into(parsed, text);
  } catch (const YAML::Exception& error) {
    if (!parsed.problem) parsed.problem = problem_at(error.mark, error.msg);
  } catch (const std::exception& error) {
    parsed.problem = problem_at(YAML::Mark::null_mark(), error.what());
  }
  if (parsed.problem) return parsed;
  if (parsed.root.kind != ConfigValue::Kind::Object) {
    const bool empty = parsed.root.kind == ConfigValue::Kind::Null;
    parsed.problem =
        ConfigProblem{.line = 1,
                      .message = empty ? "it holds no settings" : "expected a mapping of keys",
                      .in_reading = true};
  }
  return parsed;
}

}  // namespace orch
