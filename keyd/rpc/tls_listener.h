// keyd over TCP: mutual TLS 1.3, and a role by certificate. The bytes inside go to a gRPC server
// that has what the role may call, and nothing else: gRPC's own TLS can neither insist on 1.3 nor
// read its certificates again while connections last.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keypool::rpc {

// As the URI in a certificate's subject alternative name says it.
enum class Role {
  kProxy,  // keypool://role/proxy: may lease
  kAdmin,  // keypool://role/admin: may administer
};

struct TlsListenerOptions {
  std::string address;           // "host:port", "[::1]:port"; empty: no TCP
  std::string certificate_file;  // PEM, with those it was signed with
  std::string key_file;          // PEM, without a passphrase
  std::string client_ca_file;    // PEM: who signs the clients' certificates
  int connections_max = 256;     // beyond, new ones are closed at once
  absl::Duration handshake_max = absl::Seconds(10);
};

// Thread-safe.
class TlsListener {
 public:
  // Takes a connection of that role over: a non-blocking socket that carries what is inside of TLS.
  // `who`: NameOfPeer. Called on a thread of the connection's.
  using OnConnection = std::function<void(Role role, std::string who, int fd)>;

  // Listens. The files are read again when they have changed; wrong ones leave the old in force and
  // a warning in the log. Errors: INVALID_ARGUMENT, FAILED_PRECONDITION (the setting is named).
  static absl::StatusOr<std::unique_ptr<TlsListener>> Start(TlsListenerOptions options,
                                                            OnConnection on_connection);
  // Stop.
  virtual ~TlsListener() = default;

  // Ends every connection, and takes no more. Idempotent; blocks until done.
  virtual void Stop() = 0;
  // Where it listens; of use when port 0 was asked for.
  virtual std::uint16_t port() const = 0;
};

}  // namespace keypool::rpc
