// TLS towards upstream: verified, at least 1.2, HTTP/1.1 by ALPN, with sessions that are resumed.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/origin.h"
#include "proxy/ssl_ptr.h"

namespace keypool::proxy {

// Used by one thread; must outlive its connections.
class TlsContext {
 public:
  // `ca_file` is empty for the machine's authorities. Errors: INVALID_ARGUMENT (the file holds no
  // certificate), INTERNAL.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Create(const Origin& origin,
                                                            const std::string& ca_file);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A client side over `descriptor`, ready for SSL_connect; null when OpenSSL has no memory.
  SslPtr Connect(int descriptor);
  // Why the handshake or the last operation of this thread failed, for people.
  static std::string Problem(const SSL* ssl);

 private:
  struct FreeSession {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  using SessionPtr = std::unique_ptr<SSL_SESSION, FreeSession>;
  // Tickets of TLS 1.3 are used once; a few wait for connections that are made at the same time.
  static constexpr std::size_t kSessionsMax = 8;

  explicit TlsContext(const Origin& origin) : host_(origin.host) {}
  static int OnSession(SSL* ssl, SSL_SESSION* session);
  SessionPtr TakeSession();

  std::string host_;
  bool host_is_address_ = false;
  std::vector<SessionPtr> sessions_;
  SslContextPtr context_;
};

}  // namespace keypool::proxy
