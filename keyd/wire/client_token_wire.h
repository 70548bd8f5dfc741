// Tokens on the wire, of clients and of administrators. The only file of this room that reveals
// one.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/base/clients.h"
#include "keyd/base/lease.h"
#include "keypool/v1/lease.pb.h"

namespace keypool::wire {

inline constexpr std::size_t kClientTokenBytesMax = 64;

// What an Acquire shows.
void EncodeCredential(const AcquireCommand& command, v1::AcquireRequest* out);
// To a digest: behind the decoder nobody needs the token. Bytes that are no token are as good as
// none. Errors: INVALID_ARGUMENT (the field is named).
absl::Status DecodeCredential(const v1::AcquireRequest& in, AcquireCommand* command);

// What an operator is shown once.
void EncodeToken(const Secret& token, std::string* out);

// Says in the metadata of a call of Admin that it is made for somebody who came over HTTP, with the
// admin token that was shown. `token` may be nullptr; what has not the form of one is as good as
// none.
void ShowAdminToken(const SecretPtr& token, grpc::ClientContext* context);
// What such a call shows; no digest: nothing that could be a token. Nothing at all: nobody came
// over HTTP.
struct ShownAdminToken {
  std::optional<TokenDigest> digest = std::nullopt;
};
std::optional<ShownAdminToken> ReadAdminToken(const grpc::ServerContext& context);

}  // namespace keypool::wire
