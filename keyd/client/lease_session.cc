// The owner's half of a session: which acquires wait, for whom, and until when.
#include "keyd/client/lease_session.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "keyd/client/session_stream.h"

namespace keypool::client {
namespace {

// How exact timeouts are.
constexpr absl::Duration kSweepInterval = absl::Milliseconds(50);

class Session final : public LeaseSession {
 public:
  Session(LeaseSessionOptions options, const Clock& clock)
      : clock_(clock),
        acquires_max_(options.acquires_max),
        post_(std::move(options.post)),
        self_(std::make_shared<Session*>(this)),
        swept_at_(clock.MonoNow()),
        stream_(options.poller ? std::move(options.poller) : MakePoller(),
                std::move(options.address), options.reports_max,
                [this, self = self_] { PostDrain(self); }) {}

  ~Session() override {
    *self_ = nullptr;
    stream_.Close();
  }

  std::uint64_t Acquire(AcquireOptions options, Callback done) override;
  void Cancel(std::uint64_t acquire) override;
  void Report(ReportCommand report) override {
    stream_.Report(std::move(report), flush_coming_ ? SessionStream::NextFlush::kCertain
                                                    : SessionStream::NextFlush::kUnknown);
  }
  bool Connected() const override { return stream_.Connected(); }
  std::uint64_t ReportsDropped() const override { return stream_.ReportsDropped(); }

 private:
  struct Waiting {
    Callback done;
    MonoTime queued_at;
    MonoTime deadline;
    std::uint64_t generation;
    // The report that travels with it. Sent once more, by itself, when it may not have arrived.
    std::unique_ptr<ReportCommand> previous;
    bool patient = false;  // the answer may be held back
  };
  struct Failed {
    std::uint64_t acquire;
    Callback done;
    absl::Status status;
  };
  using Waitings = absl::flat_hash_map<std::uint64_t, Waiting>;
  // This session, or null when it is gone. Of the owner's thread.
  using Self = std::shared_ptr<Session*>;

  void PostDrain(const Self& self) const {
    post_([self] {
      if (*self != nullptr) (*self)->Drain(self);
    });
  }
  void FlushSoon();
  void FailSoon(std::uint64_t acquire, Callback done, absl::Status status);
  void Drain(const Self& self);
  void Answer(Inbox::Answer answer);
  void CollectBroken(const Inbox::Breakage& breakage);
  void CollectLate();
  void Fail(Waitings::iterator at, const absl::Status& status);
  AcquireResult Accept(wire::AcquireAnswer answer, MonoTime queued_at) const;
  void GiveBack(const wire::Granted& granted);

  const Clock& clock_;
  const std::size_t acquires_max_;
  const std::function<void(std::function<void()>)> post_;
  const Self self_;
  std::uint64_t last_acquire_ = 0;
  Waitings waiting_;
  std::deque<Failed> failed_;  // to be told by the next Drain
  bool drain_posted_ = false;  // for failed_
  MonoTime swept_at_;
  bool flush_coming_ = false;  // a Flush is posted, or ends the present Drain
  SessionStream stream_;       // the last member: its thread uses post_
};

std::uint64_t Session::Acquire(AcquireOptions options, Callback done) {
  const std::uint64_t id = ++last_acquire_;
  if (absl::Status check = wire::Check(options.command); !check.ok()) {
    FailSoon(id, std::move(done), std::move(check));
    return id;
  }
  if (waiting_.size() >= acquires_max_) {
    FailSoon(id, std::move(done),
             absl::ResourceExhaustedError(absl::StrCat(
                 acquires_max_, " requests wait for keyd already: it answers too slowly")));
    return id;
  }
  const absl::StatusOr<std::uint64_t> generation =
      stream_.Acquire(id, options.command, options.previous);
  if (!generation.ok()) {
    // What it says about the attempt before must not be lost with it.
    if (options.previous) Report(*std::move(options.previous));
    FailSoon(id, std::move(done), generation.status());
    return id;
  }
  const MonoTime now = clock_.MonoNow();
  const absl::Duration wait = options.command.wait_up_to;
  Waiting waiting{std::move(done), now,     now + options.timeout + wait,
                  *generation,     nullptr, wait > absl::ZeroDuration()};
  if (options.previous) {
    waiting.previous = std::make_unique<ReportCommand>(*std::move(options.previous));
  }
  waiting_.emplace(id, std::move(waiting));
  FlushSoon();
  return id;
}

void Session::Cancel(std::uint64_t acquire) {
  if (const auto at = waiting_.find(acquire); at != waiting_.end()) {
    if (at->second.patient) {
      stream_.Withdraw(acquire);
      FlushSoon();
    }
    if (at->second.previous) Report(std::move(*at->second.previous));
    waiting_.erase(at);
    return;
  }
  const auto failed = std::find_if(failed_.begin(), failed_.end(),
                                   [&](const Failed& f) { return f.acquire == acquire; });
  if (failed != failed_.end()) failed_.erase(failed);
}

// After what the owner has in hand now: requests that came together ask together.
void Session::FlushSoon() {
  if (std::exchange(flush_coming_, true)) return;
  post_([self = self_] {
    if (*self == nullptr) return;
    (*self)->flush_coming_ = false;
    (*self)->stream_.Flush();
  });
}

void Session::FailSoon(std::uint64_t acquire, Callback done, absl::Status status) {
  failed_.push_back({acquire, std::move(done), std::move(status)});
  if (!std::exchange(drain_posted_, true)) PostDrain(self_);
}

// Every callback may destroy this session: `self` tells. `self` is the caller's own.
void Session::Drain(const Self& self) {
  drain_posted_ = false;
  Inbox inbox = stream_.Take();
  flush_coming_ = true;  // what callbacks queue goes out as one message at the end
  for (Inbox::Answer& answer : inbox.answers) {
    Answer(std::move(answer));
    if (*self == nullptr) return;
  }
  if (inbox.breakage) CollectBroken(*inbox.breakage);
  if (clock_.MonoNow() - swept_at_ >= kSweepInterval) CollectLate();
  // Those that fail meanwhile come after `last`, and have to wait: a caller that asks again at once
  // would keep this going.
  const std::uint64_t last = last_acquire_;
  while (!failed_.empty() && failed_.front().acquire <= last) {
    const Failed failed = std::move(failed_.front());
    failed_.pop_front();
    failed.done(failed.status);
    if (*self == nullptr) return;
  }
  flush_coming_ = false;
  stream_.Flush();
}

void Session::Answer(Inbox::Answer answer) {
  const auto it = waiting_.find(answer.request_id);
  if (it == waiting_.end()) {
    if (!answer.answer.ok()) return;
    if (const auto* granted = std::get_if<wire::Granted>(&*answer.answer)) GiveBack(*granted);
    return;
  }
  const Callback done = std::move(it->second.done);
  const MonoTime queued_at = it->second.queued_at;
  waiting_.erase(it);
  if (!answer.answer.ok()) return done(answer.answer.status());
  done(Accept(*std::move(answer.answer), queued_at));
}

AcquireResult Session::Accept(wire::AcquireAnswer answer, MonoTime queued_at) const {
  if (Refusal* refusal = std::get_if<Refusal>(&answer)) return std::move(*refusal);
  wire::Granted& granted = *std::get_if<wire::Granted>(&answer);
  return LeaseGrant{granted.grant.lease,
                    granted.epoch,
                    granted.grant.key,
                    std::move(granted.grant.secret),
                    std::move(granted.grant.project),
                    queued_at + granted.grant.waited + granted.send_by,
                    granted.grant.owns,
                    granted.grant.client};
}

void Session::CollectBroken(const Inbox::Breakage& breakage) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto at = it++;
    if (at->second.generation <= breakage.generation) Fail(at, breakage.status);
  }
}

void Session::CollectLate() {
  const MonoTime now = clock_.MonoNow();
  swept_at_ = now;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto at = it++;
    if (at->second.deadline > now) continue;
    Fail(at, absl::DeadlineExceededError("keyd did not answer in time"));
  }
}

void Session::Fail(Waitings::iterator at, const absl::Status& status) {
  if (at->second.previous) Report(std::move(*at->second.previous));
  failed_.push_back({at->first, std::move(at->second.done), status});
  waiting_.erase(at);
}

void Session::GiveBack(const wire::Granted& granted) {
  ReportCommand report;
  report.lease = granted.grant.lease;
  report.epoch = granted.epoch;
  report.sent = false;
  report.key = granted.grant.key;
  Report(std::move(report));
}

}  // namespace

std::shared_ptr<Poller> MakePoller() { return std::make_shared<Poller>(); }

std::unique_ptr<LeaseSession> LeaseSession::Open(LeaseSessionOptions options, const Clock& clock) {
  return std::make_unique<Session>(std::move(options), clock);
}

}  // namespace keypool::client
