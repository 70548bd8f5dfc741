#include "keyd/rpc/caller.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/audit.h"

namespace keypool::rpc {

// gRPC calls the peer of a connection that it was given by the number of its descriptor, and keeps
// that open as long as there is a call on it: until then the number is nobody else's.
void Callers::Remember(int fd, std::string who) {
  const MutexLock lock(&mutex_);
  by_peer_[absl::StrCat("fd:", fd)] = std::move(who);
}

std::string Callers::Of(const grpc::ServerContext& context) const {
  const std::string peer = context.peer();
  const MutexLock lock(&mutex_);
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() ? std::string(kAuditNobody) : found->second;
}

}  // namespace keypool::rpc
