#include "core/base/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace orch {

namespace {

std::string time_text(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  if (!text || ASN1_TIME_print(text.get(), time) != 1) return "an unknown day";
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);  // NOLINT(google-runtime-int)
  return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace

std::string why_not_valid_today(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  if (!text) return "";
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free);
  if (!certificate) return "";
  const ASN1_TIME* begins = X509_get0_notBefore(certificate.get());
  const ASN1_TIME* ends = X509_get0_notAfter(certificate.get());
  if (X509_cmp_current_time(ends) < 0) return "ended on " + time_text(ends);
  if (X509_cmp_current_time(begins) > 0) return "begins on " + time_text(begins);
  return "";
}

}  // namespace orch
