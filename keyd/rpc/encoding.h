// The usual way from what the engine says to the answer of a call.
#pragma once

#include "absl/status/statusor.h"
#include "keyd/engine/engine.h"
#include "keyd/wire/admin_token_wire.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/audit_wire.h"
#include "keyd/wire/client_wire.h"

namespace keypool::rpc {

// Answers `call` with what the engine says, as `Response` has it.
template <class Response, class T, class Call>
engine::Engine::Done<T> Encoding(Call* call) {
  return [call](absl::StatusOr<T> answer) {
    if (!answer.ok()) return call->Fail(answer.status());
    Response response;
    wire::Encode(*answer, &response);
    call->Reply(response);
  };
}

}  // namespace keypool::rpc
