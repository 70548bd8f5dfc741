#include "tests/integration/harness/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>

#include "keyd/base/assert.h"

namespace keypool::itest {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<std::FILE, Free>;

constexpr absl::Duration kValid = absl::Hours(24);

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  KP_ASSERT(extension != nullptr);
  KP_ASSERT(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

Certificate MakeUnsigned(const std::string& common_name, EVP_PKEY* key, long serial,
                         absl::Duration valid) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  static_cast<long>(absl::ToInt64Seconds(valid)));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

void WriteCertificate(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"));
  KP_ASSERT(file != nullptr && PEM_write_X509(file.get(), certificate) == 1);
}

bool IsAddress(const std::string& name) {
  return name.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

struct TestAuthority::Keys {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate;
  long last_serial = 1;
};

TestAuthority::TestAuthority(const TempDir& dir, const std::string& prefix)
    : dir_(dir), prefix_(prefix), keys_(std::make_unique<Keys>()) {
  keys_->certificate = MakeUnsigned("keypool test authority", keys_->key.get(), 1, kValid);
  X509* authority = keys_->certificate.get();
  X509_set_issuer_name(authority, X509_get_subject_name(authority));
  AddExtension(authority, authority, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(authority, authority, NID_key_usage, "critical,keyCertSign");
  KP_ASSERT(X509_sign(authority, keys_->key.get(), EVP_sha256()) > 0);
  WriteCertificate(file(), authority);
}

TestAuthority::~TestAuthority() = default;

std::string TestAuthority::file() const { return dir_.File(prefix_ + "authority.pem"); }

CertificateFiles TestAuthority::Issue(const std::string& common_name,
                                      const std::string& alternatives, const std::string& prefix,
                                      absl::Duration valid) {
  X509* authority = keys_->certificate.get();
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = MakeUnsigned(common_name, key.get(), ++keys_->last_serial, valid);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority));
  if (!alternatives.empty()) {
    AddExtension(certificate.get(), authority, NID_subject_alt_name, alternatives);
  }
  KP_ASSERT(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) > 0);

  const CertificateFiles files{file(), dir_.File(prefix + "certificate.pem"),
                               dir_.File(prefix + "key.pem")};
  WriteCertificate(files.certificate, certificate.get());
  const File key_file(std::fopen(files.key.c_str(), "w"));
  KP_ASSERT(key_file != nullptr && PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr,
                                                        0, nullptr, nullptr) == 1);
  return files;
}

CertificateFiles MakeCertificate(const TempDir& dir, const std::string& name,
                                 const std::string& prefix) {
  return TestAuthority(dir, prefix)
      .Issue(name, (IsAddress(name) ? "IP:" : "DNS:") + name, prefix, kValid);
}

}  // namespace keypool::itest
