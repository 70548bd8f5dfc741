#include "keyd/engine/mailbox.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::engine {

std::size_t WeightOf(const Call& call) {
  if (std::holds_alternative<WithdrawCall>(call)) return 0;
  const auto* lease = std::get_if<LeaseCall>(&call);
  return lease ? std::max<std::size_t>(lease->commands.size(), 1) : 1;
}

absl::Status Mailbox::Push(Call* call) {
  const std::size_t weight = WeightOf(*call);
  MutexLock lock(&mutex_);
  if (closed_) return absl::UnavailableError("keyd is stopping; ask again when it is back");
  if (weight > commands_max_ - commands_) {
    return absl::ResourceExhaustedError(absl::StrCat("keyd is overloaded: ", commands_,
                                                     " commands wait and ", commands_max_,
                                                     " may; ask again a little later"));
  }
  commands_ += weight;
  calls_.push_back(std::move(*call));
  // A busy engine looks again by itself: no wake for each call.
  if (idle_) {
    idle_ = false;
    changed_.NotifyOne();
  }
  return absl::OkStatus();
}

bool Mailbox::Take(std::vector<Call>* calls, std::chrono::nanoseconds wait) {
  KP_ASSERT(calls->empty());
  MutexLock lock(&mutex_);
  // One wait only: whether it was long enough is for the engine's clock to say.
  if (calls_.empty() && !woken_ && !closed_ && wait > std::chrono::nanoseconds::zero()) {
    idle_ = true;
    changed_.WaitFor(&mutex_, wait);
    idle_ = false;
  }
  woken_ = false;
  commands_ = 0;
  calls->swap(calls_);
  return !closed_ || !calls->empty();
}

void Mailbox::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
  changed_.NotifyOne();
}

void Mailbox::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  changed_.NotifyOne();
}

}  // namespace keypool::engine
