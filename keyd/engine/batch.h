// One round of the engine: what its commands changed, and the answers that wait for the commit.
#pragma once

#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "keyd/engine/mailbox.h"
#include "keyd/policy/pool.h"
#include "keyd/store/store.h"

namespace keypool::engine {

struct Batch {
  policy::Mutations mutations;
  store::Durability durability = store::Durability::kProcess;
  std::vector<Answer> answers;
  bool changed = false;  // a status taken now would differ
};

// Applies every command of `call` in order, the report of the attempt before first, and adds the
// answer. Not thread-safe.
void ApplyCall(LeaseCall call, policy::Pool& pool, const Now& now, absl::BitGenRef rng,
               Batch* batch);
// A change makes the whole batch kPower: an operator's word is on disk before its answer.
void ApplyCall(AdminCall call, policy::Pool& pool, const Now& now, Batch* batch);

// Answers without applying anything.
void RefuseCall(Call call, const absl::Status& why);

}  // namespace keypool::engine
