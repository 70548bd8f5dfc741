#include "keyd/wire/client_token_wire.h"

#include <iterator>
#include <string>
#include <string_view>

#include "keyd/wire/errors.h"

namespace keypool::wire {
namespace {

constexpr char kAdminTokenKey[] = "keypool-admin-token";

}  // namespace

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

void EncodeToken(const Secret& token, std::string* out) {
  const std::string_view bytes = token.Reveal();
  out->assign(bytes.data(), bytes.size());
}

void ShowAdminToken(const SecretPtr& token, grpc::ClientContext* context) {
  std::string text;
  if (token != nullptr && DigestOfToken(kAdminToken, *token)) EncodeToken(*token, &text);
  context->AddMetadata(kAdminTokenKey, text);
}

std::optional<ShownAdminToken> ReadAdminToken(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto [begin, end] = metadata.equal_range(kAdminTokenKey);
  if (begin == end) return std::nullopt;
  ShownAdminToken shown;
  if (std::next(begin) == end) {
    const grpc::string_ref text = begin->second;
    shown.digest = DigestOfToken(kAdminToken, std::string_view(text.data(), text.size()));
  }
  return shown;
}

}  // namespace keypool::wire
