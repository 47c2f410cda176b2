#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/model/instance.h"
#include "storage/database.h"

namespace orch::storage {

/// One field of an instance in the table database_instance.
struct InstanceColumn {
  std::string_view name{};
  SqlValue (*write)(const Instance& instance){nullptr};
  /// Nothing for a column that repeats what another one says.
  void (*read)(Instance& instance, const Row& row, std::size_t column){nullptr};
};

/// Every column but the times of checks (last_checked, last_attempted_check,
/// last_check_partial_success, last_seen), which no probe knows. The key comes first.
std::span<const InstanceColumn> instance_columns();

}  // namespace orch::storage
