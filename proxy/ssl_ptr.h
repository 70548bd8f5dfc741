// Ownership of OpenSSL's objects.
#pragma once

#include <openssl/ssl.h>

#include <memory>

namespace keypool::proxy {

struct FreeSsl {
  // Without a shutdown OpenSSL would take the session for broken and not resume it.
  void operator()(SSL* ssl) const {
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
  }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeSsl>;

}  // namespace keypool::proxy
