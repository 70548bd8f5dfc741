// The stream under a LeaseSession: what goes out and what came in.
//
// Two threads meet here. The owner queues and, when no write is under way, writes; the poller's
// thread handles everything that gRPC completes. A write belongs to whoever set `writing_`.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/base/lease.h"
#include "keyd/base/mutex.h"
#include "keyd/client/keyd_address.h"
#include "keyd/client/outbox.h"
#include "keyd/client/poller.h"
#include "keyd/wire/arena_message.h"
#include "keyd/wire/event.h"
#include "keyd/wire/lease_wire.h"
#include "keypool/v1/lease.grpc.pb.h"

namespace keypool::client {

// What came for the owner since it last looked.
struct Inbox {
  struct Answer {
    std::uint64_t request_id;
    absl::StatusOr<wire::AcquireAnswer> answer;
  };
  // Acquires queued in a generation up to this one will not be answered any more.
  struct Breakage {
    std::uint64_t generation;
    absl::Status status;
  };
  std::vector<Answer> answers;
  std::optional<Breakage> breakage;  // after the answers
};

class SessionStream final : public Poller::Ticking {
 public:
  // `notify` runs on the poller's thread when the inbox has something, and every 50 ms while
  // acquires wait, so that the owner sees which are out of time; not again before Take.
  SessionStream(std::shared_ptr<Poller> poller, const KeydAddress& address, std::size_t reports_max,
                std::function<void()> notify);
  // After Close.
  ~SessionStream() override;

  // The owner's thread from here on. An acquire waits for Flush, which its caller sees to. Returns
  // the generation; UNAVAILABLE when there is no stream and none is about to be. REQUIRES:
  // wire::Check(command).ok().
  absl::StatusOr<std::uint64_t> Acquire(std::uint64_t request_id, const AcquireCommand& command,
                                        const std::optional<ReportCommand>& previous);
  // Goes along with the next flush. Unless that is certain to come, it follows by itself a little
  // later: reports can wait for company.
  enum class NextFlush { kCertain, kUnknown };
  void Report(ReportCommand report, NextFlush next_flush);
  // The answer of an acquire is not wanted any more; one comes all the same. Goes with a flush.
  void Withdraw(std::uint64_t request_id);
  void Flush();
  Inbox Take();
  // Gives back what is granted from now on, sends what is queued, for at most a second, and ends.
  void Close();

  bool Connected() const;
  std::uint64_t ReportsDropped() const;

 private:
  using Rpc = grpc::ClientAsyncReaderWriter<v1::SessionRequest, v1::SessionResponse>;
  enum class Phase { kDown, kOpening, kUp, kEnding };

  bool Tick() override;
  void Open();
  void OnStart(bool ok);
  void OnMetadata(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnCompanyTimer(bool ok);
  void OnFinish(bool ok);
  void EndStream();
  void FinishIfIdle();
  void GiveUpWaiting();

  void Read();
  void Receive();
  bool Deliver(std::vector<Inbox::Answer> answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBack(const Inbox::Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetCompanyTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NextWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WantsNotify() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Resting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Settled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Stopping();
  void Write() { rpc_->Write(outgoing_, written_.Tag()); }

  const std::shared_ptr<Poller> poller_;
  const std::string address_;
  const std::function<void()> notify_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Lease::Stub> stub_;

  // Of the poller's thread; rpc_ also of the writer, while `writing_` is set.
  std::unique_ptr<Rpc> rpc_;
  wire::ArenaMessage<v1::SessionResponse> response_;
  grpc::Status end_;
  bool reading_ = false;
  bool was_useful_ = false;  // a message came: the next stream may be tried at once
  MonoTime down_since_;

  wire::MemberEvent<SessionStream, &SessionStream::OnStart> started_{this};
  wire::MemberEvent<SessionStream, &SessionStream::OnMetadata> metadata_{this};
  wire::MemberEvent<SessionStream, &SessionStream::OnRead> read_{this};
  wire::MemberEvent<SessionStream, &SessionStream::OnWritten> written_{this};
  wire::MemberEvent<SessionStream, &SessionStream::OnCompanyTimer> company_{this};
  wire::MemberEvent<SessionStream, &SessionStream::OnFinish> finished_{this};

  // Of the writer: whoever set `writing_`.
  v1::SessionRequest outgoing_;

  mutable Mutex mutex_;
  CondVar changed_;  // Settled or Resting may hold now
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool alarm_set_ ABSL_GUARDED_BY(mutex_) = false;
  bool reports_due_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t writes_at_alarm_ ABSL_GUARDED_BY(mutex_) = 0;  // when it was set
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kDown;
  // No stream for longer than an acquire should wait for one: refuse at once.
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;   // answers belong to nobody any more
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;  // no other stream follows
  std::uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
  std::int64_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::client
