// The poller's side of the stream: opens it, reads it, keeps it written, and opens the next one.
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"
#include "keyd/client/channel.h"
#include "keyd/client/session_stream.h"
#include "keyd/wire/deadline.h"

namespace keypool::client {
namespace {

// How long acquires wait for a stream that is not there.
constexpr absl::Duration kGrace = absl::Milliseconds(250);
// The same when it is not known yet that nobody is there: a machine under load connects slowly.
constexpr absl::Duration kGraceMax = absl::Seconds(1);

}  // namespace

void SessionStream::Open() {
  auto context = std::make_unique<grpc::ClientContext>();
  // Waits in the channel, which connects by itself, instead of failing while nobody is there.
  context->set_wait_for_ready(true);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    rpc_ = stub_->PrepareAsyncSession(context.get(), poller_->queue());
    context_ = std::move(context);
    phase_ = Phase::kOpening;
  }
  was_useful_ = false;
  rpc_->StartCall(started_.Tag());
}

void SessionStream::OnStart(bool ok) {
  if (!ok) return EndStream();
  rpc_->ReadInitialMetadata(metadata_.Tag());
}

void SessionStream::OnMetadata(bool ok) {
  if (!ok) return EndStream();
  bool write = false;
  {
    MutexLock lock(&mutex_);
    phase_ = Phase::kUp;
    refusing_ = false;
    reports_due_ = true;
    write = TakeWrite();
  }
  Read();
  if (write) Write();
}

void SessionStream::OnRead(bool ok) {
  reading_ = false;
  if (!ok) return EndStream();
  was_useful_ = true;
  Receive();
  Read();
}

void SessionStream::Read() {
  reading_ = true;
  response_.Clear();
  rpc_->Read(&*response_, read_.Tag());
}

void SessionStream::Receive() {
  std::vector<Inbox::Answer> answers;
  answers.reserve(static_cast<std::size_t>(response_->acquired_size()));
  for (const v1::SessionResponse::Acquired& acquired : response_->acquired()) {
    if (acquired.error().empty()) {
      answers.push_back({acquired.request_id(), wire::Decode(acquired.response())});
    } else {
      answers.push_back({acquired.request_id(), absl::InvalidArgumentError(acquired.error())});
    }
  }
  bool notify = false;
  bool write = false;
  {
    MutexLock lock(&mutex_);
    outbox_.Confirm(response_->reports_applied_through());
    unanswered_ -= static_cast<std::int64_t>(answers.size());
    if (!answers.empty()) notify = Deliver(std::move(answers));
    if (closing_) {
      write = !writing_ && NextWrite();
      if (Settled()) changed_.NotifyAll();
    }
  }
  if (notify) notify_();
  if (write) Write();
}

// True: the caller is to notify the owner.
bool SessionStream::Deliver(std::vector<Inbox::Answer> answers) {
  if (closing_) {
    for (const Inbox::Answer& answer : answers) GiveBack(answer);
    return false;
  }
  if (inbox_.answers.empty()) {
    inbox_.answers = std::move(answers);
  } else {
    for (Inbox::Answer& answer : answers) inbox_.answers.push_back(std::move(answer));
  }
  return WantsNotify();
}

void SessionStream::OnWritten(bool ok) {
  bool write = false;
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    write = ok && NextWrite();
  }
  if (write) return Write();
  FinishIfIdle();
}

void SessionStream::OnCompanyTimer(bool) {
  bool write = false;
  {
    MutexLock lock(&mutex_);
    alarm_set_ = false;
    if (stopping_) changed_.NotifyAll();
    if (outbox_.HasUnsentReports() && !stopping_) {
      // What waited when the timer was set has gone with a later write; what waits now is younger.
      if (writes_ != writes_at_alarm_) {
        SetCompanyTimer();
      } else {
        reports_due_ = true;
        write = TakeWrite();
      }
    }
  }
  if (write) Write();
}

// The stream is of no use any more; its status comes when nothing is under way on it.
void SessionStream::EndStream() {
  {
    MutexLock lock(&mutex_);
    phase_ = Phase::kEnding;
    if (writing_) context_->TryCancel();
  }
  FinishIfIdle();
}

void SessionStream::FinishIfIdle() {
  {
    MutexLock lock(&mutex_);
    if (phase_ != Phase::kEnding || writing_) return;
  }
  if (!reading_) rpc_->Finish(&end_, finished_.Tag());
}

void SessionStream::OnFinish(bool) {
  bool notify = false;
  {
    MutexLock lock(&mutex_);
    last_error_ = FromGrpc(end_, address_);
    if (last_error_.code() != absl::StatusCode::kUnavailable) {
      last_error_ = absl::UnavailableError(
          absl::StrCat("keyd at ", address_, " ended the stream: ", last_error_.ToString()));
    }
    outbox_.Restart();
    unanswered_ = 0;
    reports_due_ = false;
    inbox_.breakage = Inbox::Breakage{generation_++, last_error_};
    notify = WantsNotify();
    phase_ = Phase::kDown;
    rpc_ = nullptr;  // lives in memory of the call, which goes with the context
    context_ = nullptr;
    changed_.NotifyAll();
  }
  end_ = grpc::Status();
  down_since_ = SystemClock().MonoNow();
  if (notify) notify_();
  if (was_useful_ && !Stopping()) Open();
}

// Acquires out of time are for the owner to find; a lost stream is tried again.
bool SessionStream::Tick() {
  bool notify = false;
  bool open = false;
  bool again = false;
  {
    MutexLock lock(&mutex_);
    open = phase_ == Phase::kDown && !stopping_;
    again = phase_ != Phase::kUp || unanswered_ > 0;
    if (unanswered_ > 0) notify = WantsNotify();
  }
  if (notify) notify_();
  if (open) Open();
  if (again) GiveUpWaiting();
  return again;
}

// Acquires wait for a lost stream only a moment: their callers have a client that waits too.
void SessionStream::GiveUpWaiting() {
  const absl::Duration down = SystemClock().MonoNow() - down_since_;
  if (down < kGrace) return;
  const bool nobody_there = channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  if (!nobody_there && down < kGraceMax) return;
  bool notify = false;
  {
    MutexLock lock(&mutex_);
    if (phase_ == Phase::kUp || refusing_) return;
    refusing_ = true;
    if (last_error_.ok() || nobody_there) {
      last_error_ = FromGrpc(
          grpc::Status(grpc::StatusCode::UNAVAILABLE, "nobody there to connect to"), address_);
    }
    outbox_.DropAcquires();
    unanswered_ = 0;
    inbox_.breakage = Inbox::Breakage{generation_++, last_error_};
    notify = WantsNotify();
  }
  if (notify) notify_();
}

}  // namespace keypool::client
