// Certificates of a test's own, so that verification of the upstream can be tested without the
// internet.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/integration/harness/temp_dir.h"

namespace keypool::itest {

struct CertificateFiles {
  std::string authority;    // PEM of the authority that signed it
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// Signs certificates. `dir` must outlive it.
class TestAuthority {
 public:
  // Its own is written into `dir`, in a file whose name starts with `prefix`.
  TestAuthority(const TempDir& dir, const std::string& prefix);
  ~TestAuthority();
  // PEM of its own certificate.
  std::string file() const;
  // `alternatives` as OpenSSL's configuration writes them: "DNS:localhost", "URI:keypool://…";
  // empty: none. A negative `valid`: it has expired.
  CertificateFiles Issue(const std::string& common_name, const std::string& alternatives,
                         const std::string& prefix, absl::Duration valid = absl::Hours(24));

 private:
  struct Keys;
  const TempDir& dir_;
  const std::string prefix_;
  const std::unique_ptr<Keys> keys_;
};

// A fresh authority and a certificate by it for `name`: a DNS name, or an address when it is one.
// Written into `dir`, in files whose names start with `prefix`.
CertificateFiles MakeCertificate(const TempDir& dir, const std::string& name,
                                 const std::string& prefix = "");

}  // namespace keypool::itest
