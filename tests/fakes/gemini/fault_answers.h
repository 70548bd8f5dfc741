// What each fault that answers answers.
#pragma once

#include <optional>

#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/faults.h"

namespace keypool::fake {

// The answer that a fault gives instead of the usual one; nothing for faults that only deliver
// badly.
std::optional<Reply> AnswerInstead(const Fault& fault, const Subject& subject);

}  // namespace keypool::fake
