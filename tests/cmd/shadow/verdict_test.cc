#include "cmd/shadow/verdict.h"

#include <doctest/doctest.h>

#include "core/json/analysis_json.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

const InstanceKey kOne{"db1", 3306};
const InstanceKey kTwo{"db2", 3306};

Analysis analysis_of(const InstanceKey& key, AnalysisCode code, bool filtered) {
  Analysis analysis;
  analysis.key = key;
  analysis.cluster = {.name = "db1:3306", .alias = "shop", .recovers_masters = filtered};
  analysis.code = code;
  return analysis;
}

std::string instances_json(const std::vector<InstanceKey>& keys) {
  Json list = Json::array();
  for (const InstanceKey& key : keys)
    list.push_back({{"Key", to_json(key)}, {"ClusterName", "db1:3306"}});
  return dump(list);
}

std::string analysis_json(const std::vector<Analysis>& analyses) {
  Json list = Json::array();
  for (const Analysis& each : analyses)
    list.push_back(to_json(each, {}));
  return dump({{"Code", "OK"}, {"Message", "Analysis"}, {"Details", list}});
}

/// As a service of orchestrator's API says it.
Verdicts told(const std::vector<Analysis>& analyses, const std::vector<InstanceKey>& keys,
              bool recovers = true) {
  auto verdicts = verdicts_of_api(analysis_json(analyses), instances_json(keys), recovers);
  REQUIRE_MESSAGE(verdicts.has_value(), verdicts.error().message);
  return *std::move(verdicts);
}

Topology topology_of(const std::vector<InstanceKey>& keys) {
  std::vector<Instance> instances;
  for (const InstanceKey& key : keys) {
    Instance instance;
    instance.key = key;
    instance.cluster_name = "db1:3306";
    instances.push_back(std::move(instance));
  }
  return Topology(std::move(instances));
}

}  // namespace

TEST_SUITE("verdicts of two managers") {
  TEST_CASE("the same verdicts differ in nothing") {
    Analysis dead = analysis_of(kOne, AnalysisCode::DeadMaster, true);
    dead.structure = {StructureCode::ErrantGTIDStructureWarning};
    const Verdicts theirs = told({dead}, {kOne, kTwo});
    dead.actionable = true;
    CHECK(differences(theirs, verdicts_of({dead}, topology_of({kOne, kTwo}))).empty());
  }

  TEST_CASE("another code, another decision and a server unknown to one differ") {
    const Analysis dead = analysis_of(kOne, AnalysisCode::DeadMaster, true);
    Analysis unreachable = analysis_of(kOne, AnalysisCode::UnreachableMaster, true);
    const auto codes =
        differences(told({dead}, {kOne}), verdicts_of({unreachable}, topology_of({kOne})));
    REQUIRE(codes.size() == 1);
    CHECK(describe(codes.front()) ==
          "db1:3306 (cluster db1:3306): there DeadMaster, would be recovered; here "
          "UnreachableMaster");

    Analysis left = dead;
    left.why_not = "db1 is\ncursed";
    const auto decision =
        differences(told({dead}, {kOne}), verdicts_of({left}, topology_of({kOne})));
    REQUIRE(decision.size() == 1);
    CHECK(decision.front().theirs.recovers);
    CHECK(describe(decision.front())
              .ends_with("here DeadMaster, would be left alone: db1 is cursed"));

    const auto known = differences(told({}, {kOne}), verdicts_of({}, topology_of({kOne, kTwo})));
    REQUIRE(known.size() == 1);
    CHECK(known.front().key == kTwo);
    CHECK(describe(known.front()) ==
          "db2:3306 (cluster db1:3306): there it is not known; here no problem");
  }

  TEST_CASE("what they would do depends on the code, the filters, downtime and the global switch") {
    const auto recovers = [](const Analysis& analysis, bool enabled = true) {
      return told({analysis}, {kOne}, enabled).at(kOne).recovers;
    };
    const Analysis dead = analysis_of(kOne, AnalysisCode::DeadMaster, true);
    CHECK(recovers(dead));
    CHECK_FALSE(recovers(dead, false));
    CHECK_FALSE(recovers(analysis_of(kOne, AnalysisCode::DeadMaster, false)));
    CHECK_FALSE(recovers(analysis_of(kOne, AnalysisCode::UnreachableMaster, true)));
    CHECK_FALSE(recovers(analysis_of(kOne, AnalysisCode::DeadIntermediateMaster, true)));
    Analysis lower = analysis_of(kOne, AnalysisCode::DeadIntermediateMaster, false);
    lower.cluster.recovers_intermediates = true;
    CHECK(recovers(lower));
    Analysis downtimed = dead;
    downtimed.downtime.active = true;
    CHECK_FALSE(recovers(downtimed));
  }

  TEST_CASE("a difference counts when two looks in a row see one about the same server") {
    const Difference one{.key = kOne, .theirs = {.codes = {"A"}}, .ours = {.codes = {"B"}}};
    const Difference later{.key = kOne, .theirs = {.codes = {"A"}}, .ours = {.codes = {"C"}}};
    const Difference other{.key = kTwo, .theirs = {.codes = {"A"}}, .ours = {}};
    CHECK(lasting({one}, {later, other}) == std::vector<Difference>{later});
    CHECK(lasting({}, {one}).empty());
    CHECK(lasting({one}, {}).empty());
  }

  TEST_CASE("what is not the API's answer is an error, whatever it is") {
    const std::string good = analysis_json({});
    for (const char* bad : {"", "null", "[]", "{}", "{\"Code\":\"ERROR\",\"Details\":[]}",
                            "{\"Code\":\"OK\",\"Details\":[1]}",
                            "{\"Code\":\"OK\",\"Details\":[{\"Analysis\":\"DeadMaster\"}]}"}) {
      CAPTURE(bad);
      CHECK_FALSE(verdicts_of_api(bad, "[]", true));
    }
    for (const char* bad :
         {"", "{}", "[1]", "[{}]", "[{\"Key\":{\"Hostname\":\"a\",\"Port\":-1}}]"}) {
      CAPTURE(bad);
      CHECK_FALSE(verdicts_of_api(good, bad, true));
    }
    CHECK(verdicts_of_api("{\"Code\":\"OK\",\"Message\":\"\",\"Details\":null}", "[]", true)
              ->empty());
  }
}

}  // namespace orch::cmd
