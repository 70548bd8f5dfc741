// Who makes a call, as the audit shows it.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/container/flat_hash_map.h"
#include "keyd/base/mutex.h"

namespace keypool::rpc {

// Knows of every connection of a server who is at the other end. Thread-safe.
class Callers {
 public:
  // Of the connection that `fd` is, before gRPC gets it. A later one may have the same number.
  void Remember(int fd, std::string who);
  // kAuditNobody when the call came on a connection that was not remembered.
  std::string Of(const grpc::ServerContext& context) const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> by_peer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::rpc
