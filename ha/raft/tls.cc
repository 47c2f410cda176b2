#include "ha/raft/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace orch::ha::raft {

namespace {

constexpr const char* kKeyName = "orch-raft";

/// Why OpenSSL refused the last call; empties its queue.
std::string tls_reason() {
  std::string reason;
  while (const unsigned long code = ERR_get_error()) {
    const char* text = ERR_reason_error_string(code);
    if (text != nullptr) reason = text;
  }
  return reason.empty() ? "connection ended" : reason;
}

/// 32 bytes that tell nothing of the secret itself.
std::string key_of(const Secret& secret) {
  const std::string text = "orch raft shared secret\n" + secret.reveal();
  std::string key(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  ::EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(key.data()), &size,
               EVP_sha256(), nullptr);
  key.resize(size);
  return key;
}

const std::string* shared_key(const SSL* ssl) {
  return static_cast<const std::string*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
}

unsigned copy_key(const std::string& key, unsigned char* to, unsigned size) {
  if (key.size() > size) return 0;
  std::memcpy(to, key.data(), key.size());
  return static_cast<unsigned>(key.size());
}

unsigned key_for_server(SSL* ssl, const char*, char* identity, unsigned identity_size,
                        unsigned char* to, unsigned size) {
  if (std::strlen(kKeyName) + 1 > identity_size) return 0;
  std::memcpy(identity, kKeyName, std::strlen(kKeyName) + 1);
  return copy_key(*shared_key(ssl), to, size);
}

unsigned key_for_client(SSL* ssl, const char* identity, unsigned char* to, unsigned size) {
  if (identity == nullptr || std::strcmp(identity, kKeyName) != 0) return 0;
  return copy_key(*shared_key(ssl), to, size);
}

Failure unusable(const std::string& what, const std::string& file) {
  return fail(ErrorKind::InvalidInput, what + " " + file + ": " + tls_reason());
}

Result<> load_certificates(SSL_CTX* context, const Security& security) {
  if (security.certificate.empty() || security.key.empty() || security.authority.empty()) {
    return fail(ErrorKind::InvalidInput,
                "raft with certificates needs a certificate, its key and an authority");
  }
  if (::SSL_CTX_use_certificate_chain_file(context, security.certificate.c_str()) != 1) {
    return unusable("certificate", security.certificate);
  }
  if (::SSL_CTX_use_PrivateKey_file(context, security.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return unusable("key", security.key);
  }
  if (::SSL_CTX_load_verify_locations(context, security.authority.c_str(), nullptr) != 1) {
    return unusable("authority", security.authority);
  }
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Security& security) {
  if (!security.any()) return std::shared_ptr<const TlsContext>();
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->names_matter_ = security.names_matter;
  made->context_ = ::SSL_CTX_new(TLS_method());
  SSL_CTX* context = made->context_;
  if (context == nullptr) return fail(ErrorKind::Broken, "TLS cannot be had: " + tls_reason());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  ::SSL_CTX_set_num_tickets(context, 0);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
  if (security.certified()) {
    ORCH_TRY(load_certificates(context, security));
    return std::shared_ptr<const TlsContext>(std::move(made));
  }
  made->shared_key_ = key_of(security.secret);
  SSL_CTX_set_app_data(context, &made->shared_key_);
  // The suite that a key of this size goes with.
  if (::SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) {
    return fail(ErrorKind::Broken, "TLS cannot be had: " + tls_reason());
  }
  ::SSL_CTX_set_psk_client_callback(context, &key_for_server);
  ::SSL_CTX_set_psk_server_callback(context, &key_for_client);
  // No certificate is believed, so that a server without the secret cannot show one instead.
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

TlsContext::~TlsContext() {
  ::SSL_CTX_free(context_);
}

std::unique_ptr<TlsSession> TlsContext::session(const std::string& host) const {
  SSL* ssl = ::SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  std::unique_ptr<TlsSession> made(new TlsSession(ssl, !shared_key_.empty()));
  BIO* in = ::BIO_new(BIO_s_mem());
  BIO* out = ::BIO_new(BIO_s_mem());
  if (in == nullptr || out == nullptr) {
    ::BIO_free(in);
    ::BIO_free(out);
    return nullptr;
  }
  ::SSL_set_bio(ssl, in, out);
  if (host.empty()) {
    ::SSL_set_accept_state(ssl);
    // By the secret no certificates are asked for; where they may be, no shared key is taken.
    if (made->by_secret_) ::SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    return made;
  }
  ::SSL_set_connect_state(ssl);
  if (names_matter_ && shared_key_.empty()) {
    // An address is not a host name to a certificate.
    X509_VERIFY_PARAM* names = ::SSL_get0_param(ssl);
    if (::X509_VERIFY_PARAM_set1_ip_asc(names, host.c_str()) != 1) {
      ::ERR_clear_error();
      ::SSL_set1_host(ssl, host.c_str());
    }
  }
  return made;
}

TlsSession::~TlsSession() {
  ::SSL_free(ssl_);
}

Result<> TlsSession::shake_hands() {
  ::ERR_clear_error();
  const int done = ::SSL_do_handshake(ssl_);
  if (done != 1) {
    const int why = ::SSL_get_error(ssl_, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {};
    const long verdict = ::SSL_get_verify_result(ssl_);
    if (verdict != X509_V_OK && !by_secret_) {
      return fail(ErrorKind::Denied, std::string("the other side's certificate: ") +
                                         ::X509_verify_cert_error_string(verdict));
    }
    return fail(ErrorKind::Denied, (by_secret_ ? "not the same secret, or not a node: "
                                               : "no certificates that both believe: ") +
                                       tls_reason());
  }
  // Only a session by the shared key counts as one that goes on.
  if (by_secret_ && ::SSL_session_reused(ssl_) != 1) {
    return fail(ErrorKind::Denied, "the other side does not know the secret");
  }
  ready_ = true;
  return {};
}

bool TlsSession::shows(const std::string& host) const {
  if (by_secret_) return true;
  X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return false;
  // An address is not a host name to a certificate.
  const int as_address = ::X509_check_ip_asc(certificate, host.c_str(), 0);
  if (as_address >= 0) return as_address == 1;
  return ::X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1;
}

Result<> TlsSession::receive(std::string_view bytes, std::string& plain) {
  while (!bytes.empty()) {
    const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20));
    if (::BIO_write(::SSL_get_rbio(ssl_), bytes.data(), size) != size) {
      return fail(ErrorKind::Broken, "out of memory");
    }
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  if (!ready_) {
    ORCH_TRY(shake_hands());
    if (!ready_) return {};
  }
  std::array<char, 16384> part;
  while (true) {
    ::ERR_clear_error();
    const int size = ::SSL_read(ssl_, part.data(), static_cast<int>(part.size()));
    if (size > 0) {
      plain.append(part.data(), static_cast<std::size_t>(size));
      continue;
    }
    const int why = ::SSL_get_error(ssl_, size);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {};
    return fail(ErrorKind::Denied, tls_reason());
  }
}

Result<> TlsSession::send(std::string_view plain) {
  while (!plain.empty()) {
    ::ERR_clear_error();
    const int size = static_cast<int>(std::min<std::size_t>(plain.size(), 1U << 20));
    const int written = ::SSL_write(ssl_, plain.data(), size);
    if (written <= 0) return fail(ErrorKind::Broken, tls_reason());
    plain.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::string TlsSession::take_output() {
  BIO* out = ::SSL_get_wbio(ssl_);
  std::string bytes(::BIO_ctrl_pending(out), '\0');
  if (bytes.empty()) return bytes;
  const int size = ::BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return bytes;
}

}  // namespace orch::ha::raft
