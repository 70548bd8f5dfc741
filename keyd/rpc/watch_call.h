// One server stream on the completion queue that sends what there is to tell, at intervals, until
// its caller ends it or keyd stops.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <any>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/mutex.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/status.h"
#include "keyd/wire/deadline.h"
#include "keyd/wire/event.h"

namespace keypool::rpc {

// One step is under way at a time: asking (`produce`), writing, or waiting. Deletes itself.
template <class Request, class Response>
class WatchCall final : public Calls::Endless {
 public:
  using Writer = grpc::ServerAsyncWriter<Response>;
  struct Method {
    Calls* calls;
    grpc::ServerCompletionQueue* queue;
    std::size_t watchers_max;
    std::function<void(grpc::ServerContext*, Request*, Writer*, void* tag)> accept;
    // Looks at the request once: how often to ask, and what `produce` wants to remember.
    struct Plan {
      absl::Duration interval;
      std::any memory;
    };
    std::function<absl::StatusOr<Plan>(const Request&)> begin;
    // Ends in exactly one Send, Skip or End, on any thread.
    std::function<void(WatchCall*)> produce;
    std::atomic<std::size_t> watchers = 0;
  };

  // `method` must outlive the server.
  static void Await(Method* method) {
    auto* call = new WatchCall(method);
    call->context_.AsyncNotifyWhenDone(call->done_.Tag());
    method->accept(&call->context_, &call->request_, &call->writer_, call->accepted_.Tag());
  }

  const grpc::ServerContext& context() const { return context_; }
  // What `produce` remembers; only inside `produce`, or before its end.
  std::any& memory() { return plan_.memory; }

  void Send(const Response& response) { writer_.Write(response, written_.Tag()); }
  void Skip() { Sleep(); }
  void End(const absl::Status& status) { writer_.Finish(ToGrpc(status), finished_.Tag()); }

  void Drain() override {
    MutexLock lock(&mutex_);
    draining_ = true;
    alarm_.Cancel();
  }

 private:
  explicit WatchCall(Method* method)
      : method_(method), writer_(&context_), membership_(method->calls, this) {}

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    ++method_->watchers;
    Await(method_);
    if (method_->watchers > method_->watchers_max) {
      return End(absl::ResourceExhaustedError("too many callers watch already"));
    }
    absl::StatusOr<typename Method::Plan> plan = method_->begin(request_);
    if (!plan.ok()) return End(plan.status());
    plan_ = *std::move(plan);
    Step();
  }

  void Step() {
    bool over = false;
    bool stop = method_->calls->draining();
    {
      MutexLock lock(&mutex_);
      over = cancelled_;
      stop = stop || draining_;
    }
    if (over) return Over();
    if (stop) return End(Stopping());
    method_->produce(this);
  }

  void OnWritten(bool ok) { ok ? Sleep() : Over(); }

  void Sleep() {
    MutexLock lock(&mutex_);
    const bool now = cancelled_ || draining_;
    alarm_.Set(method_->queue, wire::After(now ? absl::ZeroDuration() : plan_.interval),
               awake_.Tag());
  }
  void OnAwake(bool) { Step(); }
  void OnFinished(bool) { Over(); }

  void OnDone(bool) {
    bool last = false;
    {
      MutexLock lock(&mutex_);
      cancelled_ = true;
      alarm_.Cancel();
      last = over_;
    }
    if (last) Delete();
  }

  // No step is under way and none follows; gRPC's own last word may still be to come.
  void Over() {
    bool last = false;
    {
      MutexLock lock(&mutex_);
      over_ = true;
      last = cancelled_;
    }
    if (last) Delete();
  }

  void Delete() {
    --method_->watchers;
    delete this;
  }

  Method* const method_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_;
  typename Method::Plan plan_;
  wire::MemberEvent<WatchCall, &WatchCall::OnAccepted> accepted_{this};
  wire::MemberEvent<WatchCall, &WatchCall::OnWritten> written_{this};
  wire::MemberEvent<WatchCall, &WatchCall::OnAwake> awake_{this};
  wire::MemberEvent<WatchCall, &WatchCall::OnFinished> finished_{this};
  wire::MemberEvent<WatchCall, &WatchCall::OnDone> done_{this};

  Mutex mutex_;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;  // the call is over for gRPC
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;

  Calls::Membership membership_;
};

}  // namespace keypool::rpc
