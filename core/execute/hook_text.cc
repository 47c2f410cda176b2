#include "core/execute/hook_text.h"

#include <algorithm>

#include "core/base/text.h"

namespace orch {

namespace {

// Linux refuses a variable of more than 128 KiB.
constexpr std::size_t kLongestValue = 100'000;

struct Value {
  std::string_view placeholder{};
  std::string_view variable{};
  std::string text{};
};

std::string joined(std::vector<InstanceKey> keys) {
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> texts;
  texts.reserve(keys.size());
  for (const InstanceKey& key : keys)
    texts.push_back(to_string(key));
  return join(texts, ",");
}

std::string yes_or_no(bool value) {
  return value ? "true" : "false";
}

/// What an environment can hold.
std::string tame(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  if (text.size() <= kLongestValue) return text;
  const std::size_t comma = text.rfind(',', kLongestValue);
  text.resize(comma == std::string::npos ? kLongestValue : comma);
  return text;
}

std::vector<Value> values_of(const HookContext& context) {
  std::vector<Value> values = {
      {"failureType", "ORC_FAILURE_TYPE", context.failure_type},
      {"instanceType", "ORC_INSTANCE_TYPE", context.instance_type},
      {"isMaster", "ORC_IS_MASTER", yes_or_no(context.is_master)},
      {"isCoMaster", "ORC_IS_CO_MASTER", yes_or_no(context.is_co_master)},
      {"failureDescription", "ORC_FAILURE_DESCRIPTION", context.failure_description},
      {"command", "ORC_COMMAND", context.command},
      {"failedHost", "ORC_FAILED_HOST", context.failed.hostname},
      {"failedPort", "ORC_FAILED_PORT", std::to_string(context.failed.port)},
      {"failureCluster", "ORC_FAILURE_CLUSTER", context.cluster},
      {"failureClusterAlias", "ORC_FAILURE_CLUSTER_ALIAS", context.cluster_alias},
      {"failureClusterDomain", "ORC_FAILURE_CLUSTER_DOMAIN", context.cluster_domain},
      {"countReplicas", "ORC_COUNT_REPLICAS", std::to_string(context.replica_count)},
      {"countSlaves", "", std::to_string(context.replica_count)},
      {"isDowntimed", "ORC_IS_DOWNTIMED", yes_or_no(context.is_downtimed)},
      {"autoMasterRecovery", "ORC_AUTO_MASTER_RECOVERY", yes_or_no(context.auto_master_recovery)},
      {"autoIntermediateMasterRecovery", "ORC_AUTO_INTERMEDIATE_MASTER_RECOVERY",
       yes_or_no(context.auto_intermediate_master_recovery)},
      {"orchestratorHost", "ORC_ORCHESTRATOR_HOST", context.orchestrator_host},
      {"recoveryUID", "ORC_RECOVERY_UID", context.recovery_uid},
      {"isSuccessful", "ORC_IS_SUCCESSFUL", yes_or_no(context.successor.has_value())},
      {"lostReplicas", "ORC_LOST_REPLICAS", joined(context.lost_replicas)},
      {"lostSlaves", "ORC_LOST_REPLICAS", joined(context.lost_replicas)},
      {"countLostReplicas", "", std::to_string(context.lost_replicas.size())},
      {"replicaHosts", "ORC_REPLICA_HOSTS", joined(context.replicas)},
      {"slaveHosts", "ORC_REPLICA_HOSTS", joined(context.replicas)},
  };
  if (context.successor) {
    values.push_back({"successorHost", "ORC_SUCCESSOR_HOST", context.successor->hostname});
    values.push_back(
        {"successorPort", "ORC_SUCCESSOR_PORT", std::to_string(context.successor->port)});
    values.push_back({"successorAlias", "ORC_SUCCESSOR_ALIAS", context.successor_alias});
    if (!context.successor_coordinates.empty()) {
      values.push_back({"successorBinlogCoordinates", "ORC_SUCCESSOR_BINLOG_COORDINATES",
                        to_string(context.successor_coordinates)});
    }
  }
  for (Value& value : values)
    value.text = tame(std::move(value.text));
  return values;
}

/// The characters that mean nothing but themselves to a shell, letters of all languages among them;
/// brackets, as in [::1], could only ever be taken for a file's name.
bool is_harmless(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("_.,:/@%+=-[]").find(c) != std::string_view::npos;
}

std::string harmless(const Value& value) {
  // Of its words none comes from outside.
  const bool is_prose = value.variable == "ORC_FAILURE_DESCRIPTION";
  std::string text = value.text;
  for (char& c : text) {
    if (is_prose && (c == ' ' || c == '(' || c == ')')) continue;
    if (!is_harmless(c)) c = '_';
  }
  return text;
}

/// How the shell reads the text at a place, as far as quoting goes.
class QuoteReader {
 public:
  enum class Place { Plain, Single, Double, Comment };

  [[nodiscard]] Place place() const { return places_.back(); }

  void read(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (place() == Place::Single) {
      if (c == '\'') places_.pop_back();
    } else if (place() == Place::Comment) {
      if (c == '\n') places_.pop_back();
    } else {
      read_outside_single(c);
    }
    previous_ = c;
  }

 private:
  void read_outside_single(char c) {
    const bool plain = place() == Place::Plain;
    const bool word_begins = previous_ == ' ' || previous_ == '\t' || previous_ == '\n' ||
                             previous_ == ';' || previous_ == '&' || previous_ == '|' ||
                             previous_ == '\0';
    if (c == '\\') {
      escaped_ = true;
    } else if (c == '(' && (plain || previous_ == '$')) {
      places_.push_back(Place::Plain);  // "$(...)" in double quotes is a text of its own
    } else if (c == ')' && plain && places_.size() > 1) {
      places_.pop_back();
    } else if (c == '"' && plain) {
      places_.push_back(Place::Double);
    } else if (c == '"') {
      places_.pop_back();
    } else if (c == '\'' && plain) {
      places_.push_back(Place::Single);
    } else if (c == '#' && plain && word_begins) {
      places_.push_back(Place::Comment);
    }
  }

  std::vector<Place> places_{Place::Plain};
  bool escaped_{false};
  char previous_{'\0'};
};

std::string in_place(const Value& value, QuoteReader::Place place) {
  std::string text = harmless(value);
  const bool needs_quotes = text.find_first_of(" ()[]") != std::string::npos;
  return needs_quotes && place == QuoteReader::Place::Plain ? '"' + text + '"' : text;
}

}  // namespace

HookVariables hook_environment(const HookContext& context) {
  HookVariables variables;
  for (Value& value : values_of(context)) {
    const bool synonym = value.placeholder == "lostSlaves" || value.placeholder == "slaveHosts";
    if (value.variable.empty() || synonym) continue;
    variables.emplace_back(value.variable, std::move(value.text));
  }
  return variables;
}

std::string hook_command(std::string_view text, const HookContext& context) {
  const std::vector<Value> values = values_of(context);
  std::string command;
  QuoteReader reader;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::find_if(values.begin(), values.end(), [&](const Value& value) {
      const std::size_t length = value.placeholder.size();
      return text[at] == '{' && text.substr(at + 1, length) == value.placeholder &&
             text.substr(at + 1 + length, 1) == "}";
    });
    if (found == values.end()) {
      reader.read(text[at]);
      command += text[at++];
    } else {
      command += in_place(*found, reader.place());
      at += found->placeholder.size() + 2;
    }
  }
  return command;
}

std::string_view without_last_comment(std::string_view text) {
  QuoteReader reader;
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    reader.read(text[i]);
    const bool says_something = std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos;
    if (says_something && reader.place() != QuoteReader::Place::Comment) end = i + 1;
  }
  return trim(text.substr(0, end));
}

bool ends_in_ampersand(std::string_view text) {
  return without_last_comment(text).ends_with('&');
}

}  // namespace orch
