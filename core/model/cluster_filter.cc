#include "core/model/cluster_filter.h"

#include <algorithm>
#include <utility>

namespace orch {

namespace {

constexpr std::string_view kIsAlias = "alias=";
constexpr std::string_view kMatchesAlias = "alias~=";

}  // namespace

Result<ClusterFilter> ClusterFilter::compile(const std::vector<std::string>& entries) {
  ClusterFilter filter;
  for (const std::string& text : entries) {
    // An empty expression is found everywhere; an empty entry is meant for nobody.
    if (text.empty()) continue;
    Entry entry{.text = text};
    if (text.starts_with(kMatchesAlias)) {
      ORCH_ASSIGN(Pattern pattern,
                  Pattern::compile(std::string_view(text).substr(kMatchesAlias.size())));
      entry.of_alias.push_back(std::move(pattern));
    } else if (text != "*" && !text.starts_with(kIsAlias)) {
      // What is no expression can be a name all the same.
      if (Result<Pattern> pattern = Pattern::compile(text)) entry.of_name.push_back(*pattern);
    }
    filter.entries_.push_back(std::move(entry));
  }
  return filter;
}

bool ClusterFilter::matches(std::string_view name, std::string_view alias) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    const std::string_view text = entry.text;
    if (text == "*" || text == name || (!alias.empty() && text == alias)) return true;
    if (!entry.of_alias.empty()) return entry.of_alias.front().matches(alias);
    if (!entry.of_name.empty()) return entry.of_name.front().matches(name);
    return text.starts_with(kIsAlias) && !alias.empty() && text.substr(kIsAlias.size()) == alias;
  });
}

bool names_cluster(const std::vector<std::string>& entries, std::string_view name,
                   std::string_view alias) {
  const Result<ClusterFilter> filter = ClusterFilter::compile(entries);
  return filter && filter->matches(name, alias);
}

}  // namespace orch
