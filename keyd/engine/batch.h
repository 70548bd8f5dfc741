// One round of the engine: what its commands changed, and the answers that wait for the commit.
#pragma once

#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
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

// What is held back, and for whom. Of the engine's thread.
class Holding {
 public:
  // The number by which the pool is to know what is held back next; it is, when Add follows.
  std::uint64_t NextTicket() const { return last_ticket_ + 1; }
  void Add(std::shared_ptr<Waiter> waiter, std::uint64_t tag);
  // `waiter` is told of the answer after the commit.
  void Answer(policy::Pool::Answered answered, Batch* batch);
  void Withdraw(const WithdrawCall& call, policy::Pool& pool);
  void RefuseAll(const absl::Status& why);
  bool empty() const { return by_ticket_.empty(); }

 private:
  // With the tag, and the ticket: a peer may use a tag twice.
  using Name = std::tuple<Waiter*, std::uint64_t, std::uint64_t>;
  struct Entry {
    std::shared_ptr<Waiter> waiter;
    std::uint64_t tag;
  };
  std::uint64_t last_ticket_ = 0;
  absl::flat_hash_map<std::uint64_t, Entry> by_ticket_;
  absl::btree_set<Name> tickets_;
};

// Applies every command of `call` in order, the report of the attempt before first, and adds the
// answer. Not thread-safe.
void ApplyCall(LeaseCall call, policy::Pool& pool, Holding* holding, const Now& now,
               absl::BitGenRef rng, Batch* batch);
// A change makes the whole batch kPower: an operator's word is on disk before its answer.
void ApplyCall(AdminCall call, policy::Pool& pool, const Now& now, Batch* batch);

// Answers without applying anything.
void RefuseCall(Call call, const absl::Status& why);

}  // namespace keypool::engine
