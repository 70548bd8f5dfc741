// One Session stream: many acquires and reports to a message, in both directions.
//
// A message becomes one command of the engine. Answers that are ready while a message is being
// written travel together in the next one. Nothing more is read while too much is unanswered.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/mutex.h"
#include "keyd/engine/engine.h"
#include "keyd/rpc/calls.h"
#include "keyd/wire/arena_message.h"
#include "keyd/wire/event.h"
#include "keyd/wire/lease_wire.h"
#include "keypool/v1/lease.grpc.pb.h"

namespace keypool::rpc {

// What all sessions of a server use; outlives them.
struct SessionHome {
  engine::Engine* engine;
  wire::GrantTerms terms;
  v1::Lease::AsyncService* service;
  grpc::ServerCompletionQueue* queue;
  Calls* calls;
};

// Thread-safe: the queue's thread and the engine's meet here. Lives while gRPC or the engine still
// owes it an event.
class SessionCall final : public Calls::Endless,
                          public engine::Waiter,
                          public std::enable_shared_from_this<SessionCall> {
 public:
  // Waits for one stream; when it comes, also for the next.
  static void Await(const SessionHome* home);

  explicit SessionCall(const SessionHome* home);  // Await makes them
  void Drain() override;
  void OnAnswer(std::uint64_t request_id, const absl::StatusOr<AcquireReply>& reply) override;

 private:
  // Operations to start, decided under the lock and started without it.
  struct Next {
    bool read = false;
    bool write = false;
    bool finish = false;
  };
  using Response = std::unique_ptr<wire::ArenaMessage<v1::SessionResponse>>;
  enum class Attempt { kFirst, kAgain };

  void OnAccepted(bool ok);
  void OnGreeted(bool ok);
  void OnRead(bool ok);
  void OnRetry(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnDone(bool ok);

  void Post(Attempt attempt);
  std::vector<engine::LeaseCommand> TakeCommands(Attempt attempt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnReplies(const absl::Status& status, std::vector<engine::LeaseReply> replies, int elements,
                 std::uint64_t reports_through);
  // Adds to `unsent` what nobody waits for.
  void AddReplies(const std::vector<engine::LeaseReply>& replies,
                  std::vector<engine::LeaseCommand>* unsent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddAnswer(std::uint64_t request_id, const AcquireReply& reply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CollectUnsent(const AcquireReply& reply, std::vector<engine::LeaseCommand>* unsent) const;
  void WithdrawWhatIsNotWanted();
  void GiveBack(std::vector<engine::LeaseCommand> reports) const;
  void EndWith(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Next Decide() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Start(Next next);
  void EndOperation();

  const SessionHome* const home_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::SessionResponse, v1::SessionRequest> stream_{&context_};
  wire::MemberEvent<SessionCall, &SessionCall::OnAccepted> accepted_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnGreeted> greeted_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnRead> read_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnRetry> retry_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnWritten> written_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnFinished> finished_{this};
  wire::MemberEvent<SessionCall, &SessionCall::OnDone> done_{this};

  // While `reading_`: of gRPC until it has come, then of the queue's thread until it is posted.
  // While `retrying_`: of nobody. Else of whoever starts the next read.
  wire::ArenaMessage<v1::SessionRequest> request_;
  // Of the writer, while `writing_`.
  Response outgoing_ = std::make_unique<wire::ArenaMessage<v1::SessionResponse>>();

  Mutex mutex_;
  std::shared_ptr<SessionCall> self_ ABSL_GUARDED_BY(mutex_);  // while `operations_` > 0
  int operations_ ABSL_GUARDED_BY(mutex_) = 0;                 // events that gRPC owes
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;               // or not yet posted
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool retrying_ ABSL_GUARDED_BY(mutex_) = false;  // request_ could not be posted yet
  bool dead_ ABSL_GUARDED_BY(mutex_) = false;      // nobody is there to answer
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;     // no more is read; `end_` follows the answers
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool told_invalid_ ABSL_GUARDED_BY(mutex_) = false;
  // Acquires that may be held back, by request_id.
  enum class Patience { kAsked, kHeld, kWithdrawn };
  absl::flat_hash_map<std::uint64_t, Patience> patient_ ABSL_GUARDED_BY(mutex_);

  // Counted in elements of messages. With the engine, and answered but not yet written:
  int unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  int unwritten_ ABSL_GUARDED_BY(mutex_) = 0;
  int being_written_ ABSL_GUARDED_BY(mutex_) = 0;
  Response pending_ ABSL_GUARDED_BY(mutex_) =
      std::make_unique<wire::ArenaMessage<v1::SessionResponse>>();
  std::uint64_t applied_ ABSL_GUARDED_BY(mutex_) = 0;       // reports, by sequence
  std::uint64_t applied_next_ ABSL_GUARDED_BY(mutex_) = 0;  // … once the engine owes nothing
  std::uint64_t applied_told_ ABSL_GUARDED_BY(mutex_) = 0;

  Calls::Membership membership_;  // the last member
};

}  // namespace keypool::rpc
