#include "core/analysis/codes.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/analysis/codes") {
  TEST_CASE("every code stands at its place in the table and is read back from its name") {
    std::size_t place = 0;
    for (const CodeTraits& row : analysis_codes()) {
      CAPTURE(row.name);
      CHECK(static_cast<std::size_t>(row.code) == place++);
      CHECK(parse_analysis_code(row.name) == row.code);
      CHECK_FALSE(row.description.empty());
    }
    CHECK(place == static_cast<std::size_t>(AnalysisCode::RecordsTooOld) + 1);
    CHECK_FALSE(parse_analysis_code("deadmaster"));
    place = 0;
    for (const StructureTraits& row : structure_codes()) {
      CAPTURE(row.name);
      CHECK(static_cast<std::size_t>(row.code) == place++);
      CHECK(row.badness != Badness::Fine);
    }
    CHECK(place == static_cast<std::size_t>(StructureCode::WritesStall) + 1);
  }

  TEST_CASE("a code either has a recovery or says why it has none") {
    for (const CodeTraits& row : analysis_codes()) {
      CAPTURE(row.name);
      if (row.code == AnalysisCode::NoProblem) continue;
      CHECK(row.recovery.has_value() == row.no_recovery.empty());
    }
  }

  TEST_CASE("of a dead master with dead replicas the master itself is read anew (ANA-13)") {
    CHECK(traits(AnalysisCode::DeadMasterAndReplicas).emergent == Emergent::ReadServer);
    CHECK(traits(AnalysisCode::UnreachableMaster).emergent == Emergent::ReadServerAndReplicas);
    CHECK(traits(AnalysisCode::FirstTierReplicaFailingToConnectToMaster).emergent ==
          Emergent::ReadSource);
  }

  TEST_CASE("failures that nothing is done about are announced, too (ANA-14)") {
    for (const AnalysisCode code :
         {AnalysisCode::DeadMasterWithoutReplicas, AnalysisCode::UnreachableCoMaster,
          AnalysisCode::DeadIntermediateMasterWithSingleReplica,
          AnalysisCode::AllIntermediateMasterReplicasNotReplicating,
          AnalysisCode::BinlogServerFailingToConnectToMaster}) {
      CAPTURE(to_string(code));
      CHECK(traits(code).announced);
    }
    // What is not certain yet is not.
    CHECK_FALSE(traits(AnalysisCode::LockedSemiSyncMasterHypothesis).announced);
    CHECK_FALSE(traits(AnalysisCode::RecordsTooOld).announced);
  }
}

}  // namespace orch
