#pragma once

namespace orch {

/// A session at a server that is only kept to see it break. Closed when it is destroyed.
/// Implemented by core/mysql/idle_session.h.
class WatchedSession {
 public:
  virtual ~WatchedSession() = default;
  /// Readable as soon as the other end is gone; nothing else ever arrives.
  [[nodiscard]] virtual int socket() const = 0;
};

}  // namespace orch
