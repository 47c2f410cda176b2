#pragma once

#include <filesystem>
#include <string>

#include "ha/raft/shared_database.h"
#include "ha/raft/state.h"
#include "tests/ha/raft/fake_group.h"
#include "tests/storage/memory_backend.h"

namespace orch::ha::raft {

/// One node of a group, on a backend of its own.
struct RaftNode : storage::MemoryBackend {
  RaftNode(FakeGroup& all, std::size_t number)
      : group(all, number), shared(database(), group, std::chrono::seconds(1)) {
    all.join(state);
  }

  State state{database(), clock};
  FakeGroup::Node group;
  SharedDatabase shared;
};

struct ThreeNodes {
  FakeGroup group;
  RaftNode one{group, 0};
  RaftNode two{group, 1};
  RaftNode three{group, 2};

  /// What all of them say; "different" when they do not say the same.
  std::string value(std::string_view sql) {
    const std::string first = one.value(sql);
    return two.value(sql) == first && three.value(sql) == first ? first : "different";
  }
};

/// A folder that is gone at the end.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "orch-raft-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

}  // namespace orch::ha::raft
