#include "core/analysis/symptoms.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/base/text.h"

namespace orch {

namespace {

// Who says it. A replica that cannot connect speaks of its source, but its full disk is its own.
constexpr unsigned kProbe = 1;           // the server, to our latest probe
constexpr unsigned kOwnReplication = 2;  // the server, of its own replication
constexpr unsigned kReplica = 4;         // a replica that tried to connect to the server

struct Sign {
  StructureCode code{};
  unsigned voices{0};
  std::string_view words{};  ///< in small letters
};

// Texts of servers, and of our own probe.
constexpr Sign kSigns[] = {
    {StructureCode::TooManyConnections, kProbe | kReplica, "too many connections"},
    {StructureCode::TooManyConnections, kProbe, "takes no more connections"},
    {StructureCode::TooManyConnections, kProbe | kReplica, "max_user_connections"},
    {StructureCode::DiskFull, kProbe | kOwnReplication, "no space left on device"},
    {StructureCode::DiskFull, kProbe | kOwnReplication, "disk full"},
    {StructureCode::DiskFull, kProbe | kOwnReplication, "disk is full"},
    {StructureCode::ReadOnlyFileSystem, kProbe | kOwnReplication, "read-only file system"},
    {StructureCode::LostPrivileges, kProbe, "access denied"},
    {StructureCode::LostPrivileges, kProbe, "command denied to user"},
    {StructureCode::ServerHangs, kProbe, "no answer in time while"},
    {StructureCode::ServerHangs, kProbe, "login not answered in time"},
    {StructureCode::WritesStall, kProbe, "write probe: "},
};

void look_for(std::string_view error, unsigned voice, std::vector<StructureCode>& found) {
  if (error.empty()) return;
  const std::string text = to_lower(error);
  for (const Sign& sign : kSigns) {
    if ((sign.voices & voice) != 0 && text.find(sign.words) != std::string::npos)
      found.push_back(sign.code);
  }
}

}  // namespace

std::vector<StructureCode> symptoms_of(const Census& census, std::size_t place,
                                       const Circumstances& circumstances) {
  const Instance& instance = census.instances()[place];
  std::vector<StructureCode> found;
  if (!circumstances.probe_errors.empty()) {
    const auto error = circumstances.probe_errors.find(instance.key);
    if (error != circumstances.probe_errors.end()) look_for(error->second, kProbe, found);
  }
  const Replication& own = instance.replication;
  if (!own.io_running) look_for(own.last_io_error, kOwnReplication, found);
  if (!own.sql_running) look_for(own.last_sql_error, kOwnReplication, found);
  for (const std::uint32_t replica : census.replicas_of(place)) {
    const Replication& link = census.instances()[replica].replication;
    if (!link.io_running) look_for(link.last_io_error, kReplica, found);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace orch
