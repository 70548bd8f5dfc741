// What keyd's TLS is made of, and who is at the other end.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "keyd/rpc/tls_listener.h"

namespace keypool::rpc {

using SslContext = std::shared_ptr<SSL_CTX>;

// TLS 1.3 and nothing older, for gRPC, with clients that must show a certificate. Errors:
// FAILED_PRECONDITION (the setting, the file and what is wrong with it).
absl::StatusOr<SslContext> MakeSslContext(const TlsListenerOptions& options);

// By the URIs in the certificate that the client has shown. None: it names no role, one that is not
// known, or two.
std::optional<Role> RoleOfPeer(const SSL* tls);

// The certificate that the client has shown, by the name of its subject, or another one that is in
// it, and its serial number: "certificate ada, serial 7F03".
std::string NameOfPeer(const SSL* tls);

}  // namespace keypool::rpc
