#include "cmd/api/figures.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

namespace orch::cmd {

namespace {

/// RFC 3339 with nanoseconds.
std::string rfc3339(TimePoint time) {
  std::string text = format_time(time);
  text[10] = 'T';
  const auto micros = time.time_since_epoch().count() % 1'000'000;
  return fmt::format("{}.{:06}000Z", text, micros);
}

double mean(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

/// The value below which that part of the sorted values lies.
double percentile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[at];
}

double seconds_of(std::chrono::nanoseconds took) {
  return std::chrono::duration<double>(took).count();
}

void add_times(Json& json, const std::string& prefix, std::vector<double> values) {
  std::ranges::sort(values);
  const double most = values.empty() ? 0 : values.back();
  const std::pair<const char*, double> figures[] = {{"Mean", mean(values)},
                                                    {"Max", most},
                                                    {"Median", percentile(values, 0.5)},
                                                    {"P95", percentile(values, 0.95)}};
  for (const auto& [name, value] : figures) {
    // All of it is the server's: the backend is written to behind the probe's back.
    json[fmt::format("{}{}TotalSeconds", prefix, name)] = value;
    json[fmt::format("{}{}BackendSeconds", prefix, name)] = 0;
    json[fmt::format("{}{}InstanceSeconds", prefix, name)] = value;
  }
}

}  // namespace

Json raw_discoveries(const std::vector<ProbeSample>& samples) {
  Json list = Json::array();
  for (const ProbeSample& sample : samples) {
    list.push_back({{"Timestamp", rfc3339(sample.at)},
                    {"Hostname", sample.key.hostname},
                    {"Port", sample.key.port},
                    {"BackendLatencySeconds", 0},
                    {"InstanceLatencySeconds", seconds_of(sample.took)},
                    {"TotalLatencySeconds", seconds_of(sample.took)},
                    {"Err", sample.error ? Json(*sample.error) : Json(nullptr)}});
  }
  return list;
}

Json aggregated_discoveries(const std::vector<ProbeSample>& samples) {
  std::set<InstanceKey> keys;
  std::set<InstanceKey> good;
  std::set<InstanceKey> bad;
  std::vector<double> all;
  std::vector<double> failed;
  for (const ProbeSample& sample : samples) {
    keys.insert(sample.key);
    (sample.error ? bad : good).insert(sample.key);
    all.push_back(seconds_of(sample.took));
    if (sample.error) failed.push_back(all.back());
  }
  constexpr const char* kNever = "0001-01-01T00:00:00Z";
  Json json = {{"FirstSeen", samples.empty() ? kNever : rfc3339(samples.front().at)},
               {"LastSeen", samples.empty() ? kNever : rfc3339(samples.back().at)},
               {"CountDistinctInstanceKeys", keys.size()},
               {"CountDistinctOkInstanceKeys", good.size()},
               {"CountDistinctFailedInstanceKeys", bad.size()},
               {"FailedDiscoveries", failed.size()},
               {"SuccessfulDiscoveries", all.size() - failed.size()}};
  add_times(json, "", all);
  add_times(json, "Failed", failed);
  return json;
}

Json raw_queue(const std::vector<QueueSample>& samples) {
  Json list = Json::array();
  for (const QueueSample& sample : samples)
    list.push_back({{"Active", sample.active}, {"Queued", sample.queued}});
  return list;
}

Json aggregated_queue(const std::vector<QueueSample>& samples) {
  Json json;
  const auto add = [&](const std::string& name, std::size_t QueueSample::*field) {
    std::vector<double> values;
    for (const QueueSample& sample : samples)
      values.push_back(static_cast<double>(sample.*field));
    std::ranges::sort(values);
    json[name + "MinEntries"] = values.empty() ? 9e9 : values.front();
    json[name + "MeanEntries"] = mean(values);
    json[name + "MedianEntries"] = percentile(values, 0.5);
    json[name + "P95Entries"] = percentile(values, 0.95);
    json[name + "MaxEntries"] = values.empty() ? 0 : values.back();
  };
  add("Active", &QueueSample::active);
  add("Queued", &QueueSample::queued);
  return json;
}

}  // namespace orch::cmd
