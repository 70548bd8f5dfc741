#include "keyd/rpc/session_call.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "keyd/base/log.h"
#include "keyd/base/status.h"
#include "keyd/rpc/status.h"
#include "keyd/wire/deadline.h"

namespace keypool::rpc {
namespace {

// Elements without a written answer beyond which nothing more is read. With one message on top,
// their answers fit into one message.
constexpr int kUnfinishedMax = wire::kSessionElementsMax;
// Acquires of one stream that may be held back at a time. Their answers too fit into that message.
constexpr std::size_t kPatientMax = 1'024;
// How soon a message is offered again to an engine whose mailbox was full.
constexpr absl::Duration kRetryAfter = absl::Milliseconds(5);

engine::LeaseCommand Unsent(LeaseId lease, Epoch epoch) {
  ReportCommand report;
  report.lease = lease;
  report.epoch = epoch;
  report.sent = false;
  return {0, std::move(report), std::nullopt};
}

}  // namespace

SessionCall::SessionCall(const SessionHome* home) : home_(home), membership_(home->calls, this) {}

void SessionCall::Await(const SessionHome* home) {
  const auto call = std::make_shared<SessionCall>(home);
  {
    MutexLock lock(&call->mutex_);
    call->self_ = call;
    call->operations_ = 1;
  }
  call->context_.AsyncNotifyWhenDone(call->done_.Tag());
  home->service->RequestSession(&call->context_, &call->stream_, home->queue, home->queue,
                                call->accepted_.Tag());
}

void SessionCall::OnAccepted(bool ok) {
  if (!ok)
    return EndOperation();  // the server stops; done_ does not come for a call that never was
  Await(home_);
  Next next;
  const bool draining = home_->calls->draining();
  {
    MutexLock lock(&mutex_);
    operations_ += 2;  // done_, greeted_
    if (draining) EndWith(Stopping());
  }
  // Tells the client that the stream is up.
  stream_.SendInitialMetadata(greeted_.Tag());
  {
    MutexLock lock(&mutex_);
    next = Decide();
  }
  Start(next);
  EndOperation();
}

void SessionCall::OnGreeted(bool) { EndOperation(); }

void SessionCall::OnRead(bool ok) {
  const int elements = ok ? request_->acquires_size() + request_->reports_size() : 0;
  Next next;
  bool post = false;
  {
    MutexLock lock(&mutex_);
    if (!ok) {
      EndWith(absl::OkStatus());
    } else if (std::max(elements, request_->withdrawn_request_ids_size()) >
               wire::kSessionElementsMax) {
      EndWith(absl::InvalidArgumentError(
          absl::StrCat("acquires, reports, withdrawn_request_ids: at most ",
                       wire::kSessionElementsMax, " together in one message")));
    } else if (!ended_ && !dead_) {
      post = true;
      unanswered_ += elements;
    }
    if (!post) {
      reading_ = false;
      next = Decide();
    }
  }
  if (post) {
    Post(Attempt::kFirst);
  } else {
    Start(next);
  }
  EndOperation();
}

void SessionCall::OnRetry(bool) {
  bool post = false;
  {
    MutexLock lock(&mutex_);
    retrying_ = false;
    post = !dead_;
    if (post) reading_ = true;
  }
  if (post) Post(Attempt::kAgain);
  EndOperation();
}

// Hands request_ to the engine as one command, and reads on.
void SessionCall::Post(Attempt attempt) {
  const int elements = request_->acquires_size() + request_->reports_size();
  const std::uint64_t through =
      request_->reports().empty() ? 0 : request_->reports().rbegin()->sequence();
  std::vector<engine::LeaseCommand> commands;
  {
    MutexLock lock(&mutex_);
    commands = TakeCommands(attempt);
    if (commands.empty()) {
      unanswered_ -= elements;
      unwritten_ += elements;
      applied_next_ = std::max(applied_next_, through);
      if (unanswered_ == 0) applied_ = std::max(applied_, applied_next_);
    }
  }
  if (!commands.empty()) {
    home_->engine->Post(std::move(commands),
                        [self = shared_from_this(), elements, through](
                            absl::Status status, std::vector<engine::LeaseReply> replies) {
                          self->OnReplies(status, std::move(replies), elements, through);
                        });
  }
  WithdrawWhatIsNotWanted();
  Next next;
  {
    MutexLock lock(&mutex_);
    reading_ = false;  // unless it has to be posted again (OnReplies), request_ is free
    next = Decide();
  }
  Start(next);
}

// Reports first. What is invalid is answered here, on the first attempt.
std::vector<engine::LeaseCommand> SessionCall::TakeCommands(Attempt attempt) {
  std::vector<engine::LeaseCommand> commands;
  commands.reserve(static_cast<std::size_t>(request_->acquires_size() + request_->reports_size()));
  for (const v1::SessionRequest::Report& report : request_->reports()) {
    absl::StatusOr<ReportCommand> command = wire::Decode(report.request());
    if (command.ok()) {
      commands.push_back({0, *std::move(command), std::nullopt});
    } else if (!std::exchange(told_invalid_, true)) {
      log::Warning("session_report_invalid", {{"error", ToStd(command.status().message())}});
    }
  }
  for (const v1::SessionRequest::Acquire& acquire : request_->acquires()) {
    absl::StatusOr<wire::AcquireCall> call = wire::Decode(acquire.request());
    if (call.ok()) {
      const bool patient =
          call->command.wait_up_to > absl::ZeroDuration() && patient_.size() < kPatientMax;
      if (patient) patient_[acquire.request_id()] = Patience::kAsked;
      commands.push_back({acquire.request_id(), std::move(call->command), std::move(call->previous),
                          patient ? shared_from_this() : nullptr});
    } else if (attempt == Attempt::kFirst) {
      v1::SessionResponse::Acquired* acquired = (*pending_)->add_acquired();
      acquired->set_request_id(acquire.request_id());
      acquired->set_error(std::string(call.status().message()));
    }
  }
  return commands;
}

// On the engine's or the store's thread; on the caller's own when the mailbox was full.
void SessionCall::OnReplies(const absl::Status& status, std::vector<engine::LeaseReply> replies,
                            int elements, std::uint64_t reports_through) {
  std::vector<engine::LeaseCommand> unsent;
  Next next;
  {
    MutexLock lock(&mutex_);
    if (status.code() == absl::StatusCode::kResourceExhausted && !dead_) {
      retrying_ = true;
      ++operations_;
      alarm_.Set(home_->queue, wire::After(kRetryAfter), retry_.Tag());
      return;
    }
    unanswered_ -= elements;
    unwritten_ += elements;
    if (!status.ok()) {
      EndWith(status);
    } else {
      AddReplies(replies, &unsent);
      applied_ = std::max(applied_, reports_through);
      if (unanswered_ == 0) applied_ = std::max(applied_, applied_next_);
    }
    next = Decide();
  }
  Start(next);
  GiveBack(std::move(unsent));
}

void SessionCall::AddReplies(const std::vector<engine::LeaseReply>& replies,
                             std::vector<engine::LeaseCommand>* unsent) {
  for (const engine::LeaseReply& reply : replies) {
    // A report is answered by reports_applied_through.
    if (std::holds_alternative<ReportReply>(reply.reply)) continue;
    const auto* answer = std::get_if<AcquireReply>(&reply.reply);
    const auto patient = patient_.find(reply.tag);
    const bool withdrawn = patient != patient_.end() && patient->second == Patience::kWithdrawn;
    if (answer == nullptr && !withdrawn && patient != patient_.end()) {
      patient->second = Patience::kHeld;
      --unwritten_;
      continue;
    }
    if (patient != patient_.end()) patient_.erase(patient);
    if (answer == nullptr) continue;
    if (withdrawn || dead_) {
      CollectUnsent(*answer, unsent);
    } else {
      AddAnswer(reply.tag, *answer);
    }
  }
}

void SessionCall::AddAnswer(std::uint64_t request_id, const AcquireReply& reply) {
  v1::SessionResponse::Acquired* acquired = (*pending_)->add_acquired();
  acquired->set_request_id(request_id);
  wire::Encode(reply, home_->terms, acquired->mutable_response());
}

void SessionCall::CollectUnsent(const AcquireReply& reply,
                                std::vector<engine::LeaseCommand>* unsent) const {
  const Grant* grant = std::get_if<Grant>(&reply);
  if (grant != nullptr) unsent->push_back(Unsent(grant->lease, home_->terms.epoch));
}

// One that was held back, on the engine's or the store's thread.
void SessionCall::OnAnswer(std::uint64_t request_id, const absl::StatusOr<AcquireReply>& reply) {
  std::vector<engine::LeaseCommand> unsent;
  Next next;
  {
    MutexLock lock(&mutex_);
    const bool wanted = patient_.erase(request_id) > 0 && !dead_;
    if (!reply.ok()) {
      EndWith(reply.status());
    } else if (wanted) {
      AddAnswer(request_id, *reply);
      ++unwritten_;
    } else {
      CollectUnsent(*reply, &unsent);
    }
    next = Decide();
  }
  Start(next);
  GiveBack(std::move(unsent));
}

// Behind the acquires of the same message.
void SessionCall::WithdrawWhatIsNotWanted() {
  for (const std::uint64_t request_id : request_->withdrawn_request_ids()) {
    {
      MutexLock lock(&mutex_);
      const auto patient = patient_.find(request_id);
      // Its answer is on its way, or it was never asked for.
      if (patient == patient_.end() || patient->second == Patience::kWithdrawn) continue;
      if (patient->second == Patience::kHeld) {
        patient_.erase(patient);
      } else {
        patient->second = Patience::kWithdrawn;
      }
      v1::SessionResponse::Acquired* acquired = (*pending_)->add_acquired();
      acquired->set_request_id(request_id);
      acquired->set_error("withdrawn");
      ++unwritten_;
    }
    home_->engine->Withdraw(shared_from_this(), request_id);
  }
}

// Leases that nobody will ever hear of need not stay charged until they expire.
void SessionCall::GiveBack(std::vector<engine::LeaseCommand> reports) const {
  if (reports.empty()) return;
  home_->engine->Post(std::move(reports), [](absl::Status, std::vector<engine::LeaseReply>) {
    // Not accepted: the leases expire by themselves.
  });
}

void SessionCall::OnWritten(bool ok) {
  Next next;
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    unwritten_ -= std::exchange(being_written_, 0);
    if (!ok) dead_ = true;
    next = Decide();
  }
  Start(next);
  EndOperation();
}

void SessionCall::OnFinished(bool) { EndOperation(); }

// The call is over for gRPC: finished, cancelled, or its connection is gone.
void SessionCall::OnDone(bool) {
  std::vector<engine::LeaseCommand> unsent;
  {
    MutexLock lock(&mutex_);
    dead_ = true;
    patient_.clear();
    if (retrying_) alarm_.Cancel();
    for (const v1::SessionResponse::Acquired& acquired : (*pending_)->acquired()) {
      if (!acquired.response().has_granted()) continue;
      unsent.push_back(
          Unsent(LeaseId(acquired.response().granted().lease_id()), home_->terms.epoch));
    }
    pending_->Clear();
  }
  GiveBack(std::move(unsent));
  home_->engine->Withdraw(shared_from_this(), std::nullopt);
  EndOperation();
}

void SessionCall::Drain() {
  Next next;
  {
    MutexLock lock(&mutex_);
    EndWith(Stopping());
    if (operations_ < 2) return;  // not accepted yet
    next = Decide();
  }
  Start(next);
}

void SessionCall::EndWith(absl::Status status) {
  if (std::exchange(ended_, true)) return;
  end_ = std::move(status);
}

bool SessionCall::Waiting() const {
  return (*pending_)->acquired_size() > 0 || applied_ > applied_told_;
}

SessionCall::Next SessionCall::Decide() {
  Next next;
  if (dead_ || finishing_) return next;
  if (!writing_ && Waiting()) {
    outgoing_->Clear();
    outgoing_.swap(pending_);
    (*outgoing_)->set_reports_applied_through(applied_);
    applied_told_ = applied_;
    being_written_ = unwritten_;
    writing_ = next.write = true;
  } else if (!writing_) {
    unwritten_ = 0;  // a message without anything to answer
  }
  if (!ended_ && !reading_ && !retrying_ && unanswered_ + unwritten_ < kUnfinishedMax) {
    reading_ = next.read = true;
  }
  if (ended_ && !writing_ && unanswered_ == 0) finishing_ = next.finish = true;
  operations_ += next.read + next.write + next.finish;
  return next;
}

void SessionCall::Start(Next next) {
  if (next.write) stream_.Write(**outgoing_, written_.Tag());
  if (next.read) {
    request_.Clear();
    stream_.Read(&*request_, read_.Tag());
  }
  if (!next.finish) return;
  grpc::Status status;
  {
    MutexLock lock(&mutex_);
    status = ToGrpc(end_);
  }
  stream_.Finish(status, finished_.Tag());
}

void SessionCall::EndOperation() {
  std::shared_ptr<SessionCall> last;  // outlives the lock
  MutexLock lock(&mutex_);
  if (--operations_ == 0) last = std::move(self_);
}

}  // namespace keypool::rpc
