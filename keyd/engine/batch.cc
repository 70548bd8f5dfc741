#include "keyd/engine/batch.h"

#include <utility>

namespace keypool::engine {
namespace {

AcquireReply AcquireOrRefuse(const AcquireCommand& acquire,
                             const std::optional<ReportCommand>& previous, policy::Pool& pool,
                             const Now& now, absl::BitGenRef rng, policy::Mutations* mutations) {
  if (previous && !pool.Apply(*previous, now, rng, mutations).retryable) {
    Refusal refusal;
    refusal.reason = RefusalReason::kNotRetryable;
    refusal.message =
        "Another key would not help: the answer to the attempt before is the caller's to see.";
    return refusal;
  }
  return pool.Apply(acquire, now, rng, mutations);
}

LeaseReply ApplyOne(const LeaseCommand& command, policy::Pool& pool, const Now& now,
                    absl::BitGenRef rng, policy::Mutations* mutations) {
  LeaseReply reply;
  reply.tag = command.tag;
  if (const auto* acquire = std::get_if<AcquireCommand>(&command.command)) {
    reply.reply = AcquireOrRefuse(*acquire, command.previous, pool, now, rng, mutations);
    return reply;
  }
  if (command.previous) pool.Apply(*command.previous, now, rng, mutations);
  reply.reply = pool.Apply(std::get<ReportCommand>(command.command), now, rng, mutations);
  return reply;
}

}  // namespace

void ApplyCall(LeaseCall call, policy::Pool& pool, const Now& now, absl::BitGenRef rng,
               Batch* batch) {
  std::vector<LeaseReply> replies;
  replies.reserve(call.commands.size());
  for (const LeaseCommand& command : call.commands) {
    replies.push_back(ApplyOne(command, pool, now, rng, &batch->mutations));
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
  } else {
    std::get<AdminCall>(call).refuse(why);
  }
}

}  // namespace keypool::engine
