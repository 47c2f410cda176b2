#include "cmd/command/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/json/json.h"

namespace orch::cmd {

namespace {

constexpr std::array<std::pair<ErrorKind, std::string_view>, 7> kKinds = {{
    {ErrorKind::InvalidInput, "InvalidInput"},
    {ErrorKind::NotFound, "NotFound"},
    {ErrorKind::Unreachable, "Unreachable"},
    {ErrorKind::Denied, "Denied"},
    {ErrorKind::Refused, "Refused"},
    {ErrorKind::Conflict, "Conflict"},
    {ErrorKind::Broken, "Broken"},
}};

constexpr std::array<std::pair<ProgressKind, const char*>, 3> kProgress = {{
    {ProgressKind::Show, "Show"},
    {ProgressKind::Say, "Say"},
    {ProgressKind::Note, "Note"},
}};

constexpr std::array<std::pair<const char*, std::string Args::*>, 13> kTexts = {{
    {"Instance", &Args::instance},
    {"Destination", &Args::destination},
    {"Owner", &Args::owner},
    {"Reason", &Args::reason},
    {"Duration", &Args::duration},
    {"Pattern", &Args::pattern},
    {"Alias", &Args::alias},
    {"Pool", &Args::pool},
    {"Hostname", &Args::hostname},
    {"Binlog", &Args::binlog},
    {"Statement", &Args::statement},
    {"Tag", &Args::tag},
    {"Host", &Args::host},
}};

constexpr std::array<std::pair<const char*, bool Args::*>, 5> kSwitches = {{
    {"DryRun", &Args::dry_run},
    {"Noop", &Args::noop},
    {"SkipUnresolve", &Args::skip_unresolve},
    {"SkipUnresolveCheck", &Args::skip_unresolve_check},
    {"Legacy", &Args::legacy},
}};

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

bool switch_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> texts;
  for (const Json& each : json) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

std::vector<std::string> texts_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found == json.end() ? std::vector<std::string>() : texts_of(*found);
}

std::optional<ErrorKind> parse_kind(std::string_view name) {
  const auto* const found =
      std::ranges::find(kKinds, name, &std::pair<ErrorKind, std::string_view>::second);
  return found == kKinds.end() ? std::nullopt : std::optional(found->first);
}

Result<Reply> parse_reply(const Json& json) {
  if (const auto error = json.find("Error"); error != json.end() && error->is_object()) {
    return fail(parse_kind(text_of(*error, "Kind")).value_or(ErrorKind::Broken),
                text_of(*error, "Message"));
  }
  const auto found = json.find("Reply");
  if (found == json.end() || !found->is_object()) {
    return fail(ErrorKind::Broken, "the service's answer cannot be read");
  }
  Reply reply;
  reply.lines = texts_of(*found, "Lines");
  reply.json = text_of(*found, "Json");
  reply.text = text_of(*found, "Text");
  reply.table.heading = texts_of(*found, "Heading");
  if (const auto rows = found->find("Rows"); rows != found->end()) {
    for (const Json& row : *rows)
      reply.table.rows.push_back(texts_of(row));
  }
  reply.notes = texts_of(*found, "Notes");
  reply.failed = switch_of(*found, "Failed");
  reply.refused = parse_kind(text_of(*found, "Refused"));
  return reply;
}

}  // namespace

std::string_view kind_name(ErrorKind kind) {
  const auto* const found =
      std::ranges::find(kKinds, kind, &std::pair<ErrorKind, std::string_view>::first);
  return found == kKinds.end() ? "Broken" : found->second;
}

std::string to_text(const CommandRequest& request) {
  Json json = {{"Command", request.command}, {"User", request.user}, {"Colour", request.colour}};
  for (const auto& [name, field] : kTexts) {
    if (!(request.args.*field).empty()) json[name] = request.args.*field;
  }
  for (const auto& [name, field] : kSwitches) {
    if (request.args.*field) json[name] = true;
  }
  json["PromotionRule"] = to_string(request.args.promotion_rule);
  return dump(json);
}

Result<CommandRequest> parse_command_request(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail(ErrorKind::InvalidInput, "the request's body is no JSON object");
  }
  CommandRequest request{.command = text_of(json, "Command"),
                         .user = text_of(json, "User"),
                         .colour = switch_of(json, "Colour")};
  for (const auto& [name, value] : json.items()) {
    const auto named = [&name = name](const auto& each) {
      return name == each.first;
    };
    const auto* const words = std::ranges::find_if(kTexts, named);
    const auto* const flag = std::ranges::find_if(kSwitches, named);
    if (words != kTexts.end() && value.is_string()) {
      request.args.*(words->second) = value.get<std::string>();
    } else if (flag != kSwitches.end() && value.is_boolean()) {
      request.args.*(flag->second) = value.get<bool>();
    } else if (name != "Command" && name != "User" && name != "Colour" && name != "PromotionRule") {
      // What is not understood may be what makes it harmless.
      return fail(ErrorKind::InvalidInput,
                  "the request says what this version does not know: " + name);
    }
  }
  if (const std::string name = text_of(json, "PromotionRule"); !name.empty()) {
    const auto rule = parse_promotion_rule(name);
    if (!rule) return fail(ErrorKind::InvalidInput, "there is no such promotion rule");
    request.args.promotion_rule = *rule;
  }
  return request;
}

std::string progress_line(ProgressKind kind, std::string_view text) {
  const auto* const found =
      std::ranges::find(kProgress, kind, &std::pair<ProgressKind, const char*>::first);
  return dump({{found->second, text}}) + "\n";
}

std::string reply_line(const Result<Reply>& reply) {
  if (!reply) {
    return dump({{"Error",
                  {{"Kind", kind_name(reply.error().kind)}, {"Message", reply.error().message}}}}) +
           "\n";
  }
  Json json = {{"Lines", reply->lines},     {"Json", reply->json},
               {"Text", reply->text},       {"Heading", reply->table.heading},
               {"Rows", reply->table.rows}, {"Notes", reply->notes},
               {"Failed", reply->failed}};
  if (reply->refused) json["Refused"] = kind_name(*reply->refused);
  return dump({{"Reply", json}}) + "\n";
}

std::optional<Result<Reply>> read_answer_line(std::string_view line, Progress& progress) {
  if (line.empty()) return std::nullopt;
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) {
    return fail(ErrorKind::Broken, "the service's answer cannot be read");
  }
  for (const auto& [kind, name] : kProgress) {
    if (!json.contains(name)) continue;
    const std::string text = text_of(json, name);
    if (kind == ProgressKind::Show) progress.show(text);
    if (kind == ProgressKind::Say) progress.say(text);
    if (kind == ProgressKind::Note) progress.note(text);
    return std::nullopt;
  }
  return parse_reply(json);
}

}  // namespace orch::cmd
