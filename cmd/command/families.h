#pragma once

#include <vector>

#include "cmd/command/command.h"

namespace orch::cmd {

// The rows of the catalog, one function per file.
std::vector<Command> relocation_commands();   // relocation.cc
std::vector<Command> pseudo_gtid_commands();  // pseudo_gtid.cc
std::vector<Command> replication_commands();  // replication.cc
std::vector<Command> pool_commands();         // pool.cc
std::vector<Command> information_commands();  // information.cc
std::vector<Command> selection_commands();    // selection.cc
std::vector<Command> cluster_commands();      // cluster.cc
std::vector<Command> topology_commands();     // topology.cc
std::vector<Command> tag_commands();          // tag.cc
std::vector<Command> kv_commands();           // kv.cc
std::vector<Command> discovery_commands();    // discovery.cc
std::vector<Command> management_commands();   // management.cc
std::vector<Command> recovery_commands();     // recovery.cc
std::vector<Command> analysis_commands();     // analysis.cc
std::vector<Command> doctor_commands();       // doctor.cc
std::vector<Command> journal_commands();      // journal.cc
std::vector<Command> quarantine_commands();   // quarantine.cc
std::vector<Command> raft_commands();         // raft.cc
std::vector<Command> acknowledge_commands();  // acknowledge.cc
std::vector<Command> meta_commands();         // meta.cc
std::vector<Command> config_commands();       // config_check.cc

}  // namespace orch::cmd
