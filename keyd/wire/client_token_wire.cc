#include "keyd/wire/client_token_wire.h"

#include <string_view>

#include "keyd/wire/errors.h"

namespace keypool::wire {

void EncodeCredential(const AcquireCommand& command, v1::AcquireRequest* out) {
  if (command.token != nullptr) {
    const std::string_view token = command.token->Reveal();
    out->set_client_token(token.data(), token.size());
  }
  out->set_client_token_required(command.token_required);
}

absl::Status DecodeCredential(const v1::AcquireRequest& in, AcquireCommand* command) {
  command->token_required = in.client_token_required();
  if (in.client_token().empty()) return absl::OkStatus();
  if (in.client_token().size() > kClientTokenBytesMax) {
    return Invalid("client_token", "at most 64 bytes");
  }
  command->token_digest = DigestOfClientToken(in.client_token());
  return absl::OkStatus();
}

void EncodeToken(const Secret& token, v1::IssuedClient* out) {
  const std::string_view bytes = token.Reveal();
  out->set_token(bytes.data(), bytes.size());
}

}  // namespace keypool::wire
