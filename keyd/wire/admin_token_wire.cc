#include "keyd/wire/admin_token_wire.h"

#include <memory>
#include <optional>
#include <utility>

#include "keyd/base/status.h"
#include "keyd/wire/client_token_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"
#include "keyd/wire/timestamp.h"
#include "keyd/wire/token_terms.h"

namespace keypool::wire {

void Encode(const AddAdminTokenCommand& command, v1::AddAdminTokenRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
  EncodeExpiry(command.expires_in, out);
}

absl::StatusOr<AddAdminTokenCommand> Decode(const v1::AddAdminTokenRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  std::optional<absl::Duration> expires_in;
  KP_RETURN_IF_ERROR(DecodeExpiry(in, "expires_in_seconds", &expires_in));
  return AddAdminTokenCommand{in.name(), expires_in.value_or(absl::InfiniteDuration())};
}

void Encode(const RotateAdminTokenCommand& command, v1::RotateAdminTokenRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
  out->set_overlap_seconds(WholeSeconds(command.overlap));
  EncodeExpiry(command.expires_in, out);
}

absl::StatusOr<RotateAdminTokenCommand> Decode(const v1::RotateAdminTokenRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  RotateAdminTokenCommand command;
  command.name = in.name();
  KP_RETURN_IF_ERROR(DecodeOverlap(in, &command.overlap));
  KP_RETURN_IF_ERROR(DecodeExpiry(in, "expires_in_seconds", &command.expires_in));
  return command;
}

void Encode(const RevokeAdminTokenCommand& command, v1::RevokeAdminTokenRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
}

absl::StatusOr<RevokeAdminTokenCommand> Decode(const v1::RevokeAdminTokenRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  return RevokeAdminTokenCommand{in.name()};
}

void Encode(const AdminTokenStatus& status, v1::AdminToken* out) {
  out->set_name(status.name);
  out->set_expired(status.expired);
  EncodeTime(status.added_at, out->mutable_added_at());
  if (status.expires != absl::InfiniteFuture()) {
    EncodeTime(status.expires, out->mutable_expires_at());
  }
  EncodeTokens(status.tokens, out);
}

absl::StatusOr<AdminTokenStatus> Decode(const v1::AdminToken& in) {
  if (in.name().empty()) return NotUnderstood("admin_token.name");
  AdminTokenStatus status;
  status.name = in.name();
  status.expired = in.expired();
  status.added_at = DecodeTime(in.added_at());
  if (in.has_expires_at()) status.expires = DecodeTime(in.expires_at());
  status.tokens = DecodeTokens(in);
  return status;
}

void Encode(const IssuedAdminToken& issued, v1::IssuedAdminToken* out) {
  Encode(issued.status, out->mutable_admin_token());
  EncodeToken(*issued.token, out->mutable_token());
}

absl::StatusOr<IssuedAdminToken> Decode(const v1::IssuedAdminToken& in) {
  absl::StatusOr<AdminTokenStatus> status = Decode(in.admin_token());
  if (!status.ok()) return status.status();
  if (in.token().empty()) return NotUnderstood("token");
  return IssuedAdminToken{*std::move(status), std::make_shared<const Secret>(in.token())};
}

void Encode(const std::vector<AdminTokenStatus>& all, v1::ListAdminTokensResponse* out) {
  for (const AdminTokenStatus& status : all) Encode(status, out->add_admin_tokens());
}

absl::StatusOr<std::vector<AdminTokenStatus>> Decode(const v1::ListAdminTokensResponse& in) {
  std::vector<AdminTokenStatus> all;
  for (const v1::AdminToken& token : in.admin_tokens()) {
    absl::StatusOr<AdminTokenStatus> status = Decode(token);
    if (!status.ok()) return status.status();
    all.push_back(*std::move(status));
  }
  return all;
}

}  // namespace keypool::wire
