// Tokens are made here, and go no further than the answer: the engine and all behind it know their
// digests.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "keyd/base/token.h"
#include "keyd/wire/admin_token_wire.h"
#include "keyd/wire/client_wire.h"

namespace keypool::rpc {

// Has `command` carried out with a new token, and shows it. `change(command, done)`; what it
// answers and the token make an Issued.
template <class Response, class Issued, class Command, class Call, class Change>
void IssueToken(const TokenKind& kind, Command command, Call* call, Change change) {
  absl::StatusOr<SecretPtr> token = MakeToken(kind);
  if (!token.ok()) return call->Fail(token.status());
  command.token = DigestOfToken(kind, **token).value_or(TokenDigest{});
  change(std::move(command), [call, token = *std::move(token)](auto status) {
    if (!status.ok()) return call->Fail(status.status());
    Response response;
    wire::Encode(Issued{*std::move(status), token}, &response);
    call->Reply(response);
  });
}

}  // namespace keypool::rpc
