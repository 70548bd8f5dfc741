// Who calls Admin, and what he may do: decided here, and nowhere else.
#pragma once

#include <grpcpp/server_context.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "keyd/engine/engine.h"

namespace keypool::rpc {

enum class AdminAccess { kChanges, kReadsOnly };

struct AdminCaller {
  AdminAccess access = AdminAccess::kReadsOnly;
  // The name of the admin token that the call came with over HTTP. Nothing: it came from a program
  // at the socket, or by a certificate.
  std::optional<std::string> token = std::nullopt;
};

// Thread-safe.
class AdminGate {
 public:
  // `access`: what whoever reaches this server may do without an admin token. `engine` must outlive
  // it.
  AdminGate(AdminAccess access, engine::Engine* engine) : access_(access), engine_(engine) {}

  // A call that is made for somebody who came over HTTP needs a good admin token, and may then
  // change the pool. `done` runs once, at once or on a thread of the engine's. Errors:
  // UNAUTHENTICATED, those of Engine.
  void Judge(const grpc::ServerContext& context,
             std::function<void(absl::StatusOr<AdminCaller>)> done) const;

 private:
  const AdminAccess access_;
  engine::Engine* const engine_;
};

}  // namespace keypool::rpc
