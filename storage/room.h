#pragma once

#include <string_view>

#include "core/base/error.h"

namespace orch::storage {

/// What a backend's error says when its disk is full.
inline constexpr std::string_view kNoRoom = "cannot grow: the disk is full; free some space";

/// Whether it passes as soon as somebody makes room on the disk.
inline bool is_for_want_of_room(const Error& error) {
  return error.message.find(kNoRoom) != std::string_view::npos;
}

}  // namespace orch::storage
