#include "cmd/command/exchange.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

class HeardProgress final : public Progress {
 public:
  void show(std::string_view line) override { heard += "show " + std::string(line) + "\n"; }
  void say(std::string_view line) override { heard += "say " + std::string(line) + "\n"; }
  void note(std::string_view line) override { heard += "note " + std::string(line) + "\n"; }
  std::string heard{};
};

/// As it arrives at the other end.
Result<Reply> sent(const Result<Reply>& reply) {
  HeardProgress progress;
  std::string line = reply_line(reply);
  REQUIRE(line.back() == '\n');
  line.pop_back();
  REQUIRE(line.find('\n') == std::string::npos);
  auto read = read_answer_line(line, progress);
  REQUIRE(read);
  return *std::move(read);
}

}  // namespace

TEST_SUITE("exchange of commands") {
  TEST_CASE("what was typed arrives whole") {
    const Args args{.instance = "db1:3306",
                    .destination = "db2",
                    .owner = "me",
                    .reason = "a \"b\"\nc",
                    .duration = "3h",
                    .pattern = "p",
                    .alias = "shop",
                    .pool = "web",
                    .hostname = "h",
                    .binlog = "f:4",
                    .statement = "select 1",
                    .tag = "role=x",
                    .promotion_rule = PromotionRule::MustNot,
                    .dry_run = true,
                    .noop = true,
                    .skip_unresolve = true,
                    .skip_unresolve_check = true,
                    .legacy = true,
                    .host = "there"};
    const auto read = parse_command_request(
        to_text({.command = "relocate", .args = args, .user = "root", .colour = true}));
    REQUIRE(read);
    CHECK(read->command == "relocate");
    CHECK(read->user == "root");
    CHECK(read->colour);
    const Args& got = read->args;
    for (const auto field :
         {&Args::instance, &Args::destination, &Args::owner, &Args::reason, &Args::duration,
          &Args::pattern, &Args::alias, &Args::pool, &Args::hostname, &Args::binlog,
          &Args::statement, &Args::tag, &Args::host})
      CHECK(got.*field == args.*field);
    for (const auto field : {&Args::dry_run, &Args::noop, &Args::skip_unresolve,
                             &Args::skip_unresolve_check, &Args::legacy})
      CHECK(got.*field);
    CHECK(got.promotion_rule == PromotionRule::MustNot);
  }

  TEST_CASE("what was not typed is not made up") {
    const auto read = parse_command_request(to_text({.command = "clusters"}));
    REQUIRE(read);
    CHECK(read->args.instance.empty());
    CHECK_FALSE(read->args.dry_run);
    CHECK(read->args.promotion_rule == PromotionRule::Prefer);
  }

  TEST_CASE("a request that is not wholly understood is refused") {
    for (const char* text : {"", "[]", "{\"Command\":\"failover\",\"DryRunOnly\":true}",
                             "{\"Command\":\"failover\",\"DryRun\":\"yes\"}",
                             "{\"Command\":\"x\",\"PromotionRule\":\"often\"}"}) {
      CAPTURE(text);
      const auto read = parse_command_request(text);
      REQUIRE_FALSE(read);
      CHECK(read.error().kind == ErrorKind::InvalidInput);
    }
  }

  TEST_CASE("a reply arrives with all that is printed of it") {
    Reply reply;
    reply.lines = {"a", "", "b\nc"};
    reply.json = "{\"x\":1}";
    reply.text = "text\n";
    reply.table = {{"H1", "H2"}, {{"1", "2"}, {"3", ""}}};
    reply.notes = {"careful"};
    reply.failed = true;
    reply.refused = ErrorKind::Refused;
    const Result<Reply> got = sent(reply);
    REQUIRE(got);
    CHECK(got->lines == reply.lines);
    CHECK(got->json == reply.json);
    CHECK(got->text == reply.text);
    CHECK(got->table.heading == reply.table.heading);
    CHECK(got->table.rows == reply.table.rows);
    CHECK(got->notes == reply.notes);
    CHECK(got->failed);
    CHECK(got->refused == ErrorKind::Refused);
    const Result<Reply> nothing = sent(Reply{});
    REQUIRE(nothing);
    CHECK(nothing->lines.empty());
    CHECK_FALSE(nothing->failed);
    CHECK_FALSE(nothing->refused);
  }

  TEST_CASE("an error keeps its kind, and so its exit code") {
    for (const ErrorKind kind :
         {ErrorKind::InvalidInput, ErrorKind::NotFound, ErrorKind::Unreachable, ErrorKind::Denied,
          ErrorKind::Refused, ErrorKind::Conflict, ErrorKind::Broken}) {
      const Result<Reply> got = sent(fail(kind, "why"));
      REQUIRE_FALSE(got);
      CHECK(got.error().kind == kind);
      CHECK(got.error().message == "why");
    }
  }

  TEST_CASE("progress is handed on as it was meant; signs of life are not") {
    HeardProgress progress;
    for (const std::string& line :
         {progress_line(ProgressKind::Show, "1"), progress_line(ProgressKind::Say, "2"),
          progress_line(ProgressKind::Note, "3"), std::string("\n")})
      CHECK_FALSE(read_answer_line(line.substr(0, line.size() - 1), progress));
    CHECK(progress.heard == "show 1\nsay 2\nnote 3\n");
    const auto nonsense = read_answer_line("{\"Reply\":7}", progress);
    REQUIRE(nonsense);
    CHECK(nonsense->error().kind == ErrorKind::Broken);
  }
}

}  // namespace orch::cmd
