// The owner's side of the stream, and what both threads share. The poller's side is in
// session_thread.cc.
#include "keyd/client/session_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "keyd/base/assert.h"
#include "keyd/client/channel.h"
#include "keyd/wire/deadline.h"

namespace keypool::client {
namespace {

// How long a report waits for an acquire, or for other reports, to travel with.
constexpr absl::Duration kCompanyWait = absl::Milliseconds(20);
constexpr absl::Duration kCloseMax = absl::Seconds(1);

}  // namespace

SessionStream::SessionStream(std::shared_ptr<Poller> poller, const KeydAddress& address,
                             std::size_t reports_max, std::function<void()> notify)
    : poller_(std::move(poller)),
      address_(address.text),
      notify_(std::move(notify)),
      channel_(OpenChannel(address)),
      stub_(v1::Lease::NewStub(channel_)),
      down_since_(SystemClock().MonoNow()),
      outbox_(reports_max) {
  Open();
  poller_->Add(this);
}

SessionStream::~SessionStream() {
  MutexLock lock(&mutex_);
  KP_ASSERT(stopping_ && Resting());
}

absl::StatusOr<std::uint64_t> SessionStream::Acquire(std::uint64_t request_id,
                                                     const AcquireCommand& command,
                                                     const std::optional<ReportCommand>& previous) {
  MutexLock lock(&mutex_);
  if (refusing_) return last_error_;
  outbox_.AddAcquire(request_id, command, previous);
  ++unanswered_;
  return generation_;
}

void SessionStream::Report(ReportCommand report, NextFlush next_flush) {
  MutexLock lock(&mutex_);
  outbox_.AddReport(std::move(report));
  if (next_flush == NextFlush::kUnknown && phase_ == Phase::kUp && !writing_) SetCompanyTimer();
}

void SessionStream::Withdraw(std::uint64_t request_id) {
  MutexLock lock(&mutex_);
  outbox_.AddWithdrawal(request_id);
}

void SessionStream::Flush() {
  {
    MutexLock lock(&mutex_);
    if (writing_ || !NextWrite()) return;
  }
  Write();
}

Inbox SessionStream::Take() {
  MutexLock lock(&mutex_);
  notified_ = false;
  return std::exchange(inbox_, Inbox());
}

void SessionStream::Close() {
  bool write = false;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    for (const Inbox::Answer& answer : std::exchange(inbox_, Inbox()).answers) GiveBack(answer);
    write = !writing_ && NextWrite();
  }
  if (write) Write();
  const MonoTime deadline = SystemClock().MonoNow() + kCloseMax;
  {
    MutexLock lock(&mutex_);
    while (!Settled()) {
      const absl::Duration left = deadline - SystemClock().MonoNow();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
    }
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    if (alarm_set_) alarm_.Cancel();
    while (!Resting()) changed_.Wait(&mutex_);
  }
  // What told us so may still be running.
  poller_->Remove(this);
}

bool SessionStream::Connected() const {
  MutexLock lock(&mutex_);
  return phase_ == Phase::kUp;
}

std::uint64_t SessionStream::ReportsDropped() const {
  MutexLock lock(&mutex_);
  return outbox_.Dropped();
}

// Takes the right to write and fills the message; true: the caller is to Write, without the lock.
bool SessionStream::TakeWrite() {
  if (phase_ != Phase::kUp || writing_ || !outbox_.Fill(&outgoing_)) return false;
  writing_ = true;
  ++writes_;
  reports_due_ = reports_due_ && outbox_.HasUnsentReports();
  return true;
}

// As TakeWrite, but reports that are alone wait for company a little.
bool SessionStream::NextWrite() {
  if (phase_ != Phase::kUp) return false;
  if (outbox_.HasAcquires() || outbox_.HasWithdrawals() || reports_due_ || closing_)
    return TakeWrite();
  if (outbox_.HasUnsentReports()) SetCompanyTimer();
  return false;
}

void SessionStream::SetCompanyTimer() {
  if (std::exchange(alarm_set_, true)) return;
  writes_at_alarm_ = writes_;
  alarm_.Set(poller_->queue(), wire::After(kCompanyWait), company_.Tag());
}

// True: the caller is to call notify_, without the lock.
bool SessionStream::WantsNotify() {
  if (notified_ || closing_) return false;
  notified_ = true;
  return true;
}

// gRPC owes no event.
bool SessionStream::Resting() const { return phase_ == Phase::kDown && !alarm_set_; }

// Nothing that matters is under way or waiting.
bool SessionStream::Settled() const {
  if (outbox_.Unconfirmed() > 0) return false;
  return unanswered_ == 0 || phase_ != Phase::kUp;
}

bool SessionStream::Stopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

void SessionStream::GiveBack(const Inbox::Answer& answer) {
  if (!answer.answer.ok()) return;
  const wire::Granted* granted = std::get_if<wire::Granted>(&*answer.answer);
  if (granted == nullptr) return;
  ReportCommand report;
  report.lease = granted->grant.lease;
  report.epoch = granted->epoch;
  report.sent = false;
  report.key = granted->grant.key;
  outbox_.AddReport(std::move(report));
}

}  // namespace keypool::client
