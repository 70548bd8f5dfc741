// The certificates that the proxy shows its clients, chosen by the name that they ask for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/mutex.h"
#include "proxy/ssl_ptr.h"

namespace keypool::proxy {

// PEM files. The certificate may be followed by those that it was signed with.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

// TLS 1.2 or later, HTTP/1.1 by ALPN. Thread-safe.
class Certificates {
 public:
  // `files` is not empty; the first certificate is shown to those who ask for no name, or for one
  // that no certificate has. Errors: INVALID_ARGUMENT (every file that is wrong, with its setting).
  static absl::StatusOr<std::unique_ptr<Certificates>> Load(std::vector<CertificateFiles> files);
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates();

  // Reads the files again, for connections that come from now on. Errors: those of Load; then all
  // stays as it was.
  absl::Status Reload();

  // A server's side over `descriptor`, ready for the handshake; null when OpenSSL has no memory.
  SslPtr Accept(int descriptor) const;

  // Whose certificate a client would get that asks for `name`: its place in the list.
  std::size_t Choose(std::string_view name) const;

 private:
  struct Set;

  explicit Certificates(std::vector<CertificateFiles> files);
  static absl::StatusOr<std::shared_ptr<const Set>> Read(
      const std::vector<CertificateFiles>& files);
  static int OnName(SSL* ssl, int* alert, void* unused);
  static int SetIndex();
  std::shared_ptr<const Set> Present() const;

  const std::vector<CertificateFiles> files_;
  mutable Mutex mutex_;
  std::shared_ptr<const Set> set_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::proxy
