// A client of HTTPS that shows what it was shown: certificate, protocol, and whether the end was
// one.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "tests/integration/harness/process.h"

namespace keypool::itest {

struct TlsOptions {
  std::string authority = {};             // PEM file of what it trusts; empty: takes anything
  std::string server_name = "localhost";  // asked for, and checked; empty: asks for none
  int version_max = TLS1_3_VERSION;
  int version_min = TLS1_VERSION;
  std::string alpn = {};  // as it goes over the wire: "\x08http/1.1"
};

// One connection to 127.0.0.1. Every call waits for at most kDeadline. Not thread-safe.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const TlsOptions& options);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // The handshake succeeded.
  bool connected() const { return connected_; }
  std::string Alpn() const;
  std::string Version() const;
  std::string PeerName() const;  // the common name of the certificate

  bool Send(std::string_view bytes);
  // All up to and with `end`; what came until then when it does not come.
  std::string ReadUntil(std::string_view end);
  // All that still comes. `clean`: it ended as TLS ends.
  std::string ReadToEnd(bool* clean);

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  // Nothing more came: the result of SSL_get_error.
  int Fill();

  int fd_ = -1;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace keypool::itest
