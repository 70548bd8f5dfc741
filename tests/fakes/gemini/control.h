// What is not Gemini's: the control pages under /__fake/, and /echo/, which tells what reached the
// fake.
#pragma once

#include <optional>
#include <string>

#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/shared.h"

namespace keypool::fake {

// GET /__fake/counts, GET /__fake/requests[?after=N], POST /__fake/faults (see ParseFault), DELETE
// /__fake/faults, POST /__fake/keys {"key":…,"project":…}, POST /__fake/step[?pieces=N], POST
// /__fake/reset; 404 for other paths.
Reply AnswerControl(const ApiRequest& request, Shared& shared);
bool IsControl(std::string_view target);

// /echo/bytes?n=N[&framing=chunked]: EchoBytes(N). /echo/…: {"head": base64, "body_bytes": …,
// "body_sha256": …}.
std::optional<Reply> AnswerEcho(const ApiRequest& request);

// The same `n` bytes of every value for everybody.
std::string EchoBytes(std::size_t n);

}  // namespace keypool::fake
