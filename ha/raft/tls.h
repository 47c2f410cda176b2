#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/secret.h"

struct ssl_ctx_st;
struct ssl_st;

namespace orch::ha::raft {

/// How nodes know each other. With nothing of it set, anybody may speak and listen.
struct Security {
  Secret secret{};  ///< the same on all nodes
  /// PEM files of a certificate and its key, and of whoever must have signed the others'. Where
  /// they are set, the secret does not count.
  std::string certificate{};
  std::string key{};
  std::string authority{};
  /// Whether the certificate of a node must name the host or address that it is reached by.
  bool names_matter{true};

  [[nodiscard]] bool certified() const { return !certificate.empty() || !authority.empty(); }
  [[nodiscard]] bool any() const { return certified() || !secret.empty(); }
};

/// Enciphers what goes over one connection, and knows the other side; does no input or output of
/// its own. TLS 1.3 either by certificates on both sides, or by a key made of the secret.
class TlsSession {
 public:
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Takes what came from the network, and appends what it says to `plain`; with `bytes` empty it
  /// begins. Errors: Denied.
  Result<> receive(std::string_view bytes, std::string& plain);
  /// Only after is_ready(). Errors: Broken.
  Result<> send(std::string_view plain);
  /// What must go to the network now.
  [[nodiscard]] std::string take_output();
  /// Each side has proved itself.
  [[nodiscard]] bool is_ready() const { return ready_; }
  /// Whether the other side's certificate names that host or address; by the secret, all are alike.
  [[nodiscard]] bool shows(const std::string& host) const;

 private:
  friend class TlsContext;
  TlsSession(ssl_st* ssl, bool by_secret) : ssl_(ssl), by_secret_(by_secret) {}
  Result<> shake_hands();

  ssl_st* ssl_;
  bool by_secret_;
  bool ready_{false};
};

/// What all connections of a node share. It outlives each session that it made.
class TlsContext {
 public:
  /// Nothing when `security` is empty. Errors: InvalidInput names the file that is of no use.
  static Result<std::shared_ptr<const TlsContext>> make(const Security& security);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// `host`: where we connect to; empty when the other side connected. Nothing without memory.
  [[nodiscard]] std::unique_ptr<TlsSession> session(const std::string& host) const;

 private:
  TlsContext() = default;

  ssl_ctx_st* context_{nullptr};
  std::string shared_key_;  ///< of the secret, in hexadecimal digits
  bool names_matter_{true};
};

}  // namespace orch::ha::raft
