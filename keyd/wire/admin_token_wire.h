// admin_tokens.proto ⇄ base/admin_tokens.h. Decoding validates; the error names the field and its
// bound. Pure; thread-safe.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "keyd/base/admin_tokens.h"
#include "keypool/v1/admin_tokens.pb.h"

namespace keypool::wire {

// Requests, encoded by the client and decoded by keyd; tokens are not in them. Errors of Decode:
// INVALID_ARGUMENT (the field is named).
void Encode(const AddAdminTokenCommand& command, v1::AddAdminTokenRequest* out);
absl::StatusOr<AddAdminTokenCommand> Decode(const v1::AddAdminTokenRequest& in);
void Encode(const RotateAdminTokenCommand& command, v1::RotateAdminTokenRequest* out);
absl::StatusOr<RotateAdminTokenCommand> Decode(const v1::RotateAdminTokenRequest& in);
void Encode(const RevokeAdminTokenCommand& command, v1::RevokeAdminTokenRequest* out);
absl::StatusOr<RevokeAdminTokenCommand> Decode(const v1::RevokeAdminTokenRequest& in);

// Answers. Errors of Decode: INTERNAL (keyd said something that this version does not understand).
void Encode(const AdminTokenStatus& status, v1::AdminToken* out);
absl::StatusOr<AdminTokenStatus> Decode(const v1::AdminToken& in);
void Encode(const IssuedAdminToken& issued, v1::IssuedAdminToken* out);
absl::StatusOr<IssuedAdminToken> Decode(const v1::IssuedAdminToken& in);
void Encode(const std::vector<AdminTokenStatus>& all, v1::ListAdminTokensResponse* out);
absl::StatusOr<std::vector<AdminTokenStatus>> Decode(const v1::ListAdminTokensResponse& in);

}  // namespace keypool::wire
