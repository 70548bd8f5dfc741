#include "keyd/engine/batch.h"

#include <optional>
#include <utility>

#include "keyd/base/assert.h"

namespace keypool::engine {
namespace {

// Nothing: it is held back.
std::optional<AcquireReply> AcquireOrHold(const LeaseCommand& command,
                                          const AcquireCommand& acquire, policy::Pool& pool,
                                          Holding* holding, const Now& now, absl::BitGenRef rng,
                                          policy::Mutations* mutations) {
  if (command.previous && !pool.Apply(*command.previous, now, rng, mutations).retryable) {
    return policy::Pool::NotRetryable();
  }
  if (command.waiter == nullptr || acquire.wait_up_to <= absl::ZeroDuration()) {
    return pool.Apply(acquire, now, rng, mutations);
  }
  std::optional<AcquireReply> reply =
      pool.ApplyOrHold(acquire, holding->NextTicket(), now, rng, mutations);
  if (!reply) holding->Add(command.waiter, command.tag);
  return reply;
}

LeaseReply ApplyOne(const LeaseCommand& command, policy::Pool& pool, Holding* holding,
                    const Now& now, absl::BitGenRef rng, policy::Mutations* mutations) {
  LeaseReply reply;
  reply.tag = command.tag;
  if (const auto* acquire = std::get_if<AcquireCommand>(&command.command)) {
    std::optional<AcquireReply> answer =
        AcquireOrHold(command, *acquire, pool, holding, now, rng, mutations);
    if (answer) {
      reply.reply = *std::move(answer);
    } else {
      reply.reply = HeldBack();
    }
    return reply;
  }
  if (command.previous) pool.Apply(*command.previous, now, rng, mutations);
  reply.reply = pool.Apply(std::get<ReportCommand>(command.command), now, rng, mutations);
  return reply;
}

}  // namespace

void Holding::Add(std::shared_ptr<Waiter> waiter, std::uint64_t tag) {
  ++last_ticket_;
  tickets_.emplace(waiter.get(), tag, last_ticket_);
  by_ticket_.emplace(last_ticket_, Entry{std::move(waiter), tag});
}

void Holding::Answer(policy::Pool::Answered answered, Batch* batch) {
  auto node = by_ticket_.extract(answered.ticket);
  KP_ASSERT(!node.empty());
  Entry& entry = node.mapped();
  tickets_.erase(Name(entry.waiter.get(), entry.tag, answered.ticket));
  batch->changed = true;
  batch->answers.push_back([waiter = std::move(entry.waiter), tag = entry.tag,
                            reply = std::move(answered.reply)](const absl::Status& status) {
    if (status.ok()) {
      waiter->OnAnswer(tag, reply);
    } else {
      waiter->OnAnswer(tag, status);
    }
  });
}

void Holding::Withdraw(const WithdrawCall& call, policy::Pool& pool) {
  auto at = tickets_.lower_bound(Name(call.waiter.get(), call.tag.value_or(0), 0));
  while (at != tickets_.end()) {
    const auto [waiter, tag, ticket] = *at;
    if (waiter != call.waiter.get() || (call.tag && tag != *call.tag)) return;
    pool.Withdraw(ticket);
    by_ticket_.erase(ticket);
    at = tickets_.erase(at);
  }
}

void Holding::RefuseAll(const absl::Status& why) {
  tickets_.clear();
  for (auto& [ticket, entry] : std::exchange(by_ticket_, {})) {
    entry.waiter->OnAnswer(entry.tag, why);
  }
}

void ApplyCall(LeaseCall call, policy::Pool& pool, Holding* holding, const Now& now,
               absl::BitGenRef rng, Batch* batch) {
  std::vector<LeaseReply> replies;
  replies.reserve(call.commands.size());
  for (const LeaseCommand& command : call.commands) {
    replies.push_back(ApplyOne(command, pool, holding, now, rng, &batch->mutations));
  }
  batch->changed = true;
  // Mutable: an answer runs once, and its replies move on.
  batch->answers.push_back([done = std::move(call.done),
                            replies = std::move(replies)](const absl::Status& status) mutable {
    if (!status.ok()) replies.clear();
    done(status, std::move(replies));
  });
}

void ApplyCall(AdminCall call, policy::Pool& pool, const Now& now, Batch* batch) {
  if (call.changes) {
    batch->durability = store::Durability::kPower;
    batch->changed = true;
  }
  batch->answers.push_back(call.apply(pool, now, &batch->mutations));
}

void RefuseCall(Call call, const absl::Status& why) {
  if (auto* lease = std::get_if<LeaseCall>(&call)) {
    lease->done(why, {});
  } else if (auto* admin = std::get_if<AdminCall>(&call)) {
    admin->refuse(why);
  }  // else nothing is held back any more
}

}  // namespace keypool::engine
