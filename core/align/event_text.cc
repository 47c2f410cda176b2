#include "core/align/event_text.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace orch {

namespace {

/// A comment after a blank becomes that blank: MySQL notes the number of the transaction in it.
std::string without_comments(std::string_view text) {
  std::string result;
  while (true) {
    const std::size_t begin = text.find(" /*");
    const std::size_t end = begin == std::string_view::npos ? begin : text.find("*/", begin + 3);
    if (end == std::string_view::npos) return result.append(text);
    result.append(text.substr(0, begin + 1));
    text.remove_prefix(end + 2);
  }
}

/// Replaces the digits behind each `mark`.
std::string with_masked_number(std::string_view text, std::string_view mark) {
  std::string result;
  while (true) {
    const std::size_t found = text.find(mark);
    if (found == std::string_view::npos) return result.append(text);
    result.append(text.substr(0, found + mark.size())).append("#");
    text.remove_prefix(found + mark.size());
    while (!text.empty() && is_digit(text.front()))
      text.remove_prefix(1);
  }
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// X'4142' COLLATE -> 0x4142 COLLATE: versions write the values of variables in either form.
std::string with_one_kind_of_hex(std::string_view text) {
  constexpr std::string_view kCollate = "' COLLATE";
  std::string result;
  while (true) {
    const std::size_t begin = text.find("X'");
    if (begin == std::string_view::npos) return result.append(text);
    std::size_t end = begin + 2;
    while (end < text.size() && is_hex(text[end]))
      ++end;
    const bool fits = text.substr(end).starts_with(kCollate);
    result.append(text.substr(0, begin)).append(fits ? "0x" : "X'");
    result.append(text.substr(begin + 2, end - begin - 2));
    text.remove_prefix(fits ? end + 1 : end);
  }
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return equals_ignoring_case(text.substr(0, word.size()), word) &&
         (text.size() == word.size() || text[word.size()] == ' ' || text[word.size()] == ';');
}

bool is_any_of(std::string_view type, const auto& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return equals_ignoring_case(type, name); });
}

/// A payload is as each server packed it: what it holds is compared.
constexpr std::array<std::string_view, 10> kOfTheLogItself = {
    "Format_desc",        "Stop",      "Rotate",
    "Previous_gtids",     "Gtid_list", "Binlog_checkpoint",
    "Start_encryption",   "Heartbeat", "Anonymous_Gtid",
    "Transaction_payload"};
constexpr std::array<std::string_view, 4> kBeforeStatement = {"Gtid", "Intvar", "RAND", "User var"};

}  // namespace

std::string normalised(std::string_view info) {
  std::string text = without_comments(info);
  if (text.starts_with("COMMIT")) return "COMMIT";
  text = with_masked_number(text, "table_id: ");
  text = with_one_kind_of_hex(text);
  if (const std::size_t cid = text.find(" cid="); cid != std::string::npos) {
    if (text.starts_with("BEGIN GTID ") || text.starts_with("GTID ")) text.resize(cid);
  }
  return std::string(trim(text));
}

Result<EntryRules> EntryRules::compile(Texts texts) {
  if (texts.pattern.empty()) {
    return fail(ErrorKind::Refused, "PseudoGTIDPattern not configured; cannot use Pseudo-GTID");
  }
  EntryRules rules(std::move(texts));
  if (!rules.texts_.is_fixed) {
    ORCH_ASSIGN(rules.pattern_, Pattern::compile(rules.texts_.pattern));
  }
  std::erase(rules.texts_.skipped, "");
  return rules;
}

bool EntryRules::is_entry(const BinlogEvent& event) const {
  if (pattern_) return pattern_->matches(event.info);
  return event.info.find(texts_.pattern) != std::string::npos;
}

bool EntryRules::is_monotonic(std::string_view text) const {
  return !texts_.monotonic_hint.empty() &&
         text.find(texts_.monotonic_hint) != std::string_view::npos;
}

bool EntryRules::is_passed_over(const BinlogEvent& event) const {
  if (is_any_of(event.type, kOfTheLogItself)) return true;
  const auto has = [&](const std::string& text) {
    return event.info.find(text) != std::string::npos;
  };
  return has("GTID_NEXT= 'ANONYMOUS'") ||
         std::any_of(texts_.skipped.begin(), texts_.skipped.end(), has);
}

void TransactionWatch::see(const BinlogEvent& event) {
  const std::string_view info = event.info;
  const bool begins = starts_with_word(info, "BEGIN") || starts_with_word(info, "XA START");
  const bool ends = starts_with_word(info, "COMMIT") ||
                    equals_ignoring_case(event.type, "XA_prepare") ||
                    starts_with_word(info, "XA PREPARE") || starts_with_word(info, "XA COMMIT") ||
                    starts_with_word(info, "XA ROLLBACK") ||
                    (starts_with_word(info, "ROLLBACK") && !starts_with_word(info, "ROLLBACK TO"));
  if (begins) {
    state_ = State::Open;
  } else if (ends) {
    state_ = State::Outside;
  } else if (state_ != State::Open) {
    state_ = is_any_of(event.type, kBeforeStatement) ? State::Named : State::Outside;
  }
}

}  // namespace orch
