// Certificates of a test's own, so that verification of the upstream can be tested without the
// internet.
#pragma once

#include <string>

#include "tests/integration/harness/temp_dir.h"

namespace keypool::itest {

struct CertificateFiles {
  std::string authority;    // PEM of the authority that signed it
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// A fresh authority and a certificate by it for `name`: a DNS name, or an address when it is one.
// Written into `dir`, in files whose names start with `prefix`.
CertificateFiles MakeCertificate(const TempDir& dir, const std::string& name,
                                 const std::string& prefix = "");

}  // namespace keypool::itest
