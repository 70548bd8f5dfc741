// What waits for the engine: bounded, one lock for a whole call, one wake for many.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "keyd/base/mutex.h"
#include "keyd/engine/engine.h"
#include "keyd/policy/pool.h"

namespace keypool::engine {

// One Engine::Post.
struct LeaseCall {
  std::vector<LeaseCommand> commands;
  Engine::LeaseDone done;
};

// What is left to do once the commits that an answer depends on are done; handed their status.
using Answer = std::function<void(const absl::Status&)>;

// One command of an operator, or a question.
struct AdminCall {
  // Applies it to the pool. Not run when the engine cannot serve; `refuse` is, then.
  std::function<Answer(policy::Pool&, const Now&, policy::Mutations*)> apply;
  Answer refuse;
  bool changes = false;  // false: only a question
};

// Engine::Withdraw. Always has room: what waits would stay for nobody.
struct WithdrawCall {
  std::shared_ptr<Waiter> waiter;
  std::optional<std::uint64_t> tag;
};

using Call = std::variant<LeaseCall, AdminCall, WithdrawCall>;

// Commands in a call, as the mailbox counts them.
std::size_t WeightOf(const Call& call);

// Thread-safe; one thread takes.
class Mailbox {
 public:
  explicit Mailbox(std::size_t commands_max) : commands_max_(commands_max) {}

  // Takes `*call` over when OK. Errors: RESOURCE_EXHAUSTED (full), UNAVAILABLE (closed).
  absl::Status Push(Call* call);

  // Moves everything that waits to `*calls`, which must be empty. With nothing there, waits for a
  // call, a Wake, Close, or `wait` to pass. False: closed, and nothing is left.
  bool Take(std::vector<Call>* calls, std::chrono::nanoseconds wait);
  // Ends a Take that waits, or the next one.
  void Wake();
  // Nothing more goes in; what is in can still be taken.
  void Close();

 private:
  const std::size_t commands_max_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::size_t commands_ ABSL_GUARDED_BY(mutex_) = 0;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;  // the taker waits for `changed_`
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keypool::engine
