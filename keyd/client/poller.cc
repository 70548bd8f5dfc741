#include "keyd/client/poller.h"

#include "keyd/base/assert.h"
#include "keyd/base/clock.h"
#include "keyd/wire/deadline.h"
#include "keyd/wire/library.h"

namespace keypool::client {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);
constexpr absl::Duration kIdle = absl::Seconds(5);

}  // namespace

Poller::Poller()
    : thread_([this] {
        wire::SetUpGrpc();
        Run();
      }) {}

Poller::~Poller() {
  {
    MutexLock lock(&running_);
    KP_ASSERT(ticking_.empty());
  }
  {
    MutexLock lock(&mutex_);
    alarm_.Cancel();
    queue_.Shutdown();
  }
  thread_.join();
}

void Poller::Add(Ticking* ticking) {
  {
    MutexLock lock(&running_);
    ticking_.insert(ticking);
  }
  // It may be asleep for long, with nobody to tick for.
  MutexLock lock(&mutex_);
  if (waking_) return;
  waking_ = true;
  alarm_.Set(&queue_, wire::After(absl::ZeroDuration()), wake_.Tag());
}

void Poller::Remove(Ticking* ticking) {
  MutexLock lock(&running_);
  ticking_.erase(ticking);
}

void Poller::OnWake(bool) {
  MutexLock lock(&mutex_);
  waking_ = false;
}

bool Poller::TickAll() {
  MutexLock lock(&running_);
  bool again = false;
  for (Ticking* ticking : ticking_) again = ticking->Tick() || again;
  return again;
}

void Poller::Run() {
  MonoTime ticked_at = SystemClock().MonoNow();
  bool idle = false;
  while (true) {
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_.AsyncNext(&tag, &ok, wire::After(idle ? kIdle : kTick));
    if (next == grpc::CompletionQueue::SHUTDOWN) return;
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      MutexLock lock(&running_);
      wire::Event::Dispatch(tag, ok);
      idle = false;
    }
    const MonoTime now = SystemClock().MonoNow();
    if (now - ticked_at < kTick) continue;
    ticked_at = now;
    idle = !TickAll();
  }
}

}  // namespace keypool::client
