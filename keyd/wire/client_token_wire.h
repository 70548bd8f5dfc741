// Tokens of clients on the wire. The only file of this room that reveals one.
#pragma once

#include "absl/status/status.h"
#include "keyd/base/clients.h"
#include "keyd/base/lease.h"
#include "keypool/v1/clients.pb.h"
#include "keypool/v1/lease.pb.h"

namespace keypool::wire {

inline constexpr std::size_t kClientTokenBytesMax = 64;

// What an Acquire shows.
void EncodeCredential(const AcquireCommand& command, v1::AcquireRequest* out);
// To a digest: behind the decoder nobody needs the token. Bytes that are no token are as good as
// none. Errors: INVALID_ARGUMENT (the field is named).
absl::Status DecodeCredential(const v1::AcquireRequest& in, AcquireCommand* command);

// What an operator is shown once.
void EncodeToken(const Secret& token, v1::IssuedClient* out);

}  // namespace keypool::wire
