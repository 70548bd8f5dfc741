// Carries bytes between a TLS connection and a socket.
#pragma once

#include <openssl/ssl.h>

#include <memory>

namespace keypool::rpc {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;

// Until one side ends, or somebody shuts a socket down. `tls` has finished its handshake on
// `tls_fd`. Both sockets are non-blocking, and stay open. Blocks.
void RelayTls(SSL* tls, int tls_fd, int plain_fd);

}  // namespace keypool::rpc
