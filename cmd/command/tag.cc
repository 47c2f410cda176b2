#include "core/model/tag.h"

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "storage/tag_store.h"

namespace orch::cmd {

namespace {

Result<Reply> run_tags(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const std::vector<Tag> tags, services.store<storage::TagStore>().list(key));
  std::vector<std::string> lines;
  lines.reserve(tags.size());
  for (const Tag& tag : tags)
    lines.push_back(to_string(tag));
  return lines_reply(std::move(lines));
}

Result<Reply> run_tag_value(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const TagExpression expression, parse_tag_expression(args.tag));
  ORCH_ASSIGN(const std::optional<Tag> tag,
              services.store<storage::TagStore>().find(key, expression.tag.name));
  if (tag) return line_reply(tag->value);
  if (args.legacy) return Reply{};
  return fail(ErrorKind::NotFound,
              fmt::format("{} has no tag {}", to_string(key), printable(expression.tag.name)));
}

Result<Reply> run_tagged(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::vector<TagExpression> expressions, parse_tag_expressions(args.tag));
  ORCH_ASSIGN(const std::vector<InstanceKey> keys,
              services.store<storage::TagStore>().list_tagged(expressions));
  Reply reply = keys_reply(keys);
  std::sort(reply.lines.begin(), reply.lines.end());  // as text: the contract
  return reply;
}

Result<Reply> run_tag(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const TagExpression expression, parse_tag_expression(args.tag));
  ORCH_TRY(check_name("the tag's name", expression.tag.name));
  ORCH_TRY(check_name("the tag's value", expression.tag.value));
  ORCH_TRY(services.store<storage::TagStore>().save(key, expression.tag));
  audit(services, "tag", key, to_string(expression.tag));
  return key_reply(key);
}

Result<Reply> run_untag(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const TagExpression expression, parse_tag_expression(args.tag));
  if (expression.negated) {
    return fail(ErrorKind::InvalidInput, "Untag: does not support negation");
  }
  ORCH_ASSIGN(const bool removed, services.store<storage::TagStore>().forget(key, expression));
  if (!removed) return no_key_reply();
  audit(services, "untag", key, to_string(expression.tag));
  return key_reply(key);
}

Result<Reply> run_untag_all(Services& services, const Args& args) {
  ORCH_ASSIGN(const TagExpression expression, parse_tag_expression(args.tag));
  if (expression.negated) {
    return fail(ErrorKind::InvalidInput, "Untag: does not support negation");
  }
  if (!expression.has_value) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("Untag: either indicate an instance or a tag value. Will not delete on "
                            "valueless tag ({}) across all instances",
                            printable(expression.tag.name)));
  }
  ORCH_ASSIGN(const std::vector<InstanceKey> keys,
              services.store<storage::TagStore>().forget_everywhere(expression.tag));
  for (const InstanceKey& key : keys)
    audit(services, "untag", key, to_string(expression.tag));
  return keys_reply(keys);
}

}  // namespace

std::vector<Command> tag_commands() {
  return {
      {.name = "tags",
       .section = "tags",
       .help = "List the tags of an instance",
       .example = "db1.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_tags},
      {.name = "tag-value",
       .section = "tags",
       .help = "Get the value of one tag of an instance",
       .example = "db1.example role",
       .words = {Word::Instance, Word::Tag},
       .required = 2,
       .options = Option::Tag,
       .run = run_tag_value},
      {.name = "tagged",
       .section = "tags",
       .help = "List the instances for which all tag expressions hold",
       .example = "role=backup,~retired",
       .words = {Word::Tag},
       .required = 1,
       .options = Option::Tag,
       .run = run_tagged},
      {.name = "tag",
       .section = "tags",
       .help = "Add a tag to an instance, or change its value",
       .example = "db1.example role=backup",
       .words = {Word::Instance, Word::Tag},
       .required = 2,
       .options = Option::Tag,
       .access = Access::Write,
       .run = run_tag},
      {.name = "untag",
       .section = "tags",
       .help = "Remove a tag from an instance",
       .example = "db1.example role",
       .words = {Word::Instance, Word::Tag},
       .required = 2,
       .options = Option::Tag,
       .access = Access::Write,
       .run = run_untag},
      {.name = "untag-all",
       .section = "tags",
       .help = "Remove a tag with this value from all instances",
       .example = "role=backup",
       .words = {Word::Tag},
       .required = 1,
       .options = Option::Tag,
       .access = Access::Write,
       .run = run_untag_all},
  };
}

}  // namespace orch::cmd
