#include "core/plan/filters.h"

#include "core/base/text.h"
#include "core/model/left_out.h"

namespace orch {

namespace {

/// What people say of it, or orch before it was moved: not what holds for `source`, too.
std::set<std::string> told_of(const Topology& topology, const InstanceKey& source,
                              const Instance& replica) {
  std::set<std::string> names;
  for (std::string& name : words(replica.incomplete, ","))
    names.insert(std::move(name));
  const Instance* above = topology.find(source);
  for (const std::string& name : words(above == nullptr ? "" : above->incomplete, ","))
    names.erase(name);
  return names;
}

}  // namespace

const Instance* filter_between(const Topology& topology, const InstanceKey& source,
                               const Instance& replica) {
  const auto found = leaving_out(topology, source, replica);
  return found.empty() ? nullptr : found.back();
}

std::set<std::string> left_out(const Topology& topology, const InstanceKey& source,
                               const Instance& replica) {
  std::set<std::string> names = told_of(topology, source, replica);
  for (const Instance* one : leaving_out(topology, source, replica))
    names.insert(to_string(one->key));
  return names;
}

std::string filter_text(const Topology& topology, const InstanceKey& source,
                        const Instance& replica) {
  const std::string key = to_string(replica.key);
  if (const Instance* filter = filter_between(topology, source, replica); filter != nullptr) {
    const bool is_own = filter->key == replica.key;
    const std::string by_way =
        is_own ? "" : "replicates by way of " + to_string(filter->key) + ", which ";
    const bool by_link = applies_part(*filter) && filter->key != source;
    const char* how = !by_link ? "leaves databases out of its binary log"
                      : filter->replication.has_filters
                          ? "filters what it replicates"
                          : "skips errors when it applies (slave_skip_errors)";
    return by_way + how + ", so that rows may be missing";
  }
  if (told_of(topology, source, replica).empty()) return "";
  const std::string tag(kIncompleteTag);
  return "may lack rows, by its tag " + tag + "=" + replica.incomplete +
         " (once it has them all: orch untag " + key + " " + tag + ")";
}

std::string binlog_filter_text(const Instance& server) {
  if (!server.server.filters_binlog) return "";
  return "leaves databases out of its binary log (binlog_do_db, binlog_ignore_db): whoever "
         "follows it does not get their rows";
}

}  // namespace orch
