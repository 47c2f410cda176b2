#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace orch {

/// TLS options of a replica's link, verbatim, as CHANGE SOURCE must repeat them. Not stored.
struct SourceTls {
  std::string ca_file{};
  std::string ca_path{};
  std::string cert{};
  std::string cipher{};
  std::string crl_file{};
  std::string crl_path{};
  std::string key{};
  std::optional<bool> verify_server_cert{};
  std::string tls_version{};
  std::string tls_ciphersuites{};
  std::string public_key_path{};
  std::optional<bool> get_public_key{};
};

/// Options of a replica's link that CHANGE SOURCE keeps by itself, so that only a new link is told
/// of them. Not stored. The address that a link is bound to is not among them: it is the replica's
/// own.
struct KeptOptions {
  std::chrono::seconds connect_retry{0};       ///< 0 = not known
  std::optional<std::uint64_t> retry_count{};  ///< MySQL; 0 = for ever
  std::string compression{};                   ///< MySQL's algorithms; "" = none
  unsigned zstd_level{0};
};

}  // namespace orch
