#include "keyd/rpc/admin_access.h"

#include <utility>

#include "keyd/wire/client_token_wire.h"

namespace keypool::rpc {

void AdminGate::Judge(const grpc::ServerContext& context,
                      std::function<void(absl::StatusOr<AdminCaller>)> done) const {
  const std::optional<wire::ShownAdminToken> shown = wire::ReadAdminToken(context);
  if (!shown) return done(AdminCaller{access_});
  engine_->NameOfAdminToken(shown->digest,
                            [done = std::move(done)](absl::StatusOr<std::string> name) {
                              if (!name.ok()) return done(name.status());
                              done(AdminCaller{AdminAccess::kChanges, *std::move(name)});
                            });
}

}  // namespace keypool::rpc
