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

void add_spread(Json& json, const std::string& name, std::vector<double> values) {
  std::ranges::sort(values);
  json["Max" + name] = values.empty() ? 0 : values.back();
  json["Mean" + name] = mean(values);
  json["Median" + name] = percentile(values, 0.5);
  json["P95" + name] = percentile(values, 0.95);
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

Json raw_queries(const std::vector<QuerySample>& samples) {
  Json list = Json::array();
  for (const QuerySample& sample : samples) {
    const std::string& error = sample.times.error;
    list.push_back({{"Timestamp", rfc3339(sample.at)},
                    {"WaitLatency", sample.times.waited.count()},
                    {"ExecuteLatency", sample.times.took.count()},
                    {"Err", error.empty() ? Json(nullptr) : Json(error)}});
  }
  return list;
}

Json aggregated_queries(const std::vector<QuerySample>& samples) {
  std::vector<double> times;
  std::vector<double> waits;
  for (const QuerySample& sample : samples) {
    times.push_back(seconds_of(sample.times.took));
    waits.push_back(seconds_of(sample.times.waited));
  }
  Json json = {{"Count", samples.size()}};
  add_spread(json, "LatencySeconds", std::move(times));
  add_spread(json, "WaitSeconds", std::move(waits));
  return json;
}

Json raw_writes(const std::vector<WriteSample>& samples) {
  Json list = Json::array();
  for (const WriteSample& sample : samples) {
    list.push_back({{"Timestamp", rfc3339(sample.at)},
                    {"Instances", sample.batch.records},
                    {"WaitLatency", sample.batch.waited.count()},
                    {"WriteLatency", sample.batch.took.count()}});
  }
  return list;
}

Json aggregated_writes(const std::vector<WriteSample>& samples, const BackendSettings& settings) {
  std::vector<double> records;
  std::vector<double> waits;
  std::vector<double> writes;
  for (const WriteSample& sample : samples) {
    records.push_back(static_cast<double>(sample.batch.records));
    waits.push_back(seconds_of(sample.batch.waited));
    writes.push_back(seconds_of(sample.batch.took));
  }
  Json json = {
      {"InstanceWriteBufferSize", settings.instance_write_buffer_size},
      {"InstanceFlushIntervalMilliseconds", settings.instance_flush_interval_milliseconds.count()},
      {"CountInstances",
       static_cast<std::int64_t>(std::accumulate(records.begin(), records.end(), 0.0))}};
  add_spread(json, "Instances", std::move(records));
  add_spread(json, "WaitSeconds", std::move(waits));
  add_spread(json, "WriteSeconds", std::move(writes));
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
