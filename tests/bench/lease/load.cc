#include "tests/bench/lease/load.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/async_unary_call.h>

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"
#include "keyd/client/lease_session.h"
#include "keyd/wire/deadline.h"
#include "keypool/v1/lease.grpc.pb.h"

namespace keypool::bench {
namespace {

constexpr absl::Duration kConnectMax = absl::Seconds(20);
constexpr char kModel[] = "gemini-2.5-flash";

// The thread of one session.
class Owner {
 public:
  Owner(const std::string& address, const Load& load, std::shared_ptr<client::Poller> poller)
      : load_(load),
        session_(client::LeaseSession::Open(
            {.address = address,
             .post = [this](std::function<void()> job) { Post(std::move(job)); },
             .poller = std::move(poller)},
            SystemClock())) {}

  Result Run() {
    while (!session_->Connected()) RunJobs(std::chrono::milliseconds(1));
    const MonoTime start = SystemClock().MonoNow();
    for (int i = 0; i < load_.in_flight; ++i) Acquire();
    while (!stopping_ || open_ > 0) {
      RunJobs(std::chrono::milliseconds(50));
      if (SystemClock().MonoNow() - start >= load_.time) stopping_ = true;
    }
    result_.wall = SystemClock().MonoNow() - start;
    return result_;
  }

 private:
  void Post(std::function<void()> job) {
    MutexLock lock(&mutex_);
    jobs_.push_back(std::move(job));
    changed_.NotifyOne();
  }

  void RunJobs(std::chrono::nanoseconds wait) {
    std::deque<std::function<void()>> jobs;
    {
      MutexLock lock(&mutex_);
      if (jobs_.empty()) changed_.WaitFor(&mutex_, wait);
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
  }

  void Acquire() {
    ++open_;
    client::AcquireOptions options;
    options.command.model = kModel;
    session_->Acquire(std::move(options),
                      [this](absl::StatusOr<client::AcquireResult> result) { Done(result); });
  }

  void Done(const absl::StatusOr<client::AcquireResult>& result) {
    --open_;
    const auto* grant = result.ok() ? std::get_if<client::LeaseGrant>(&*result) : nullptr;
    if (grant == nullptr) {
      ++result_.failures;
    } else {
      ++result_.leases;
      ReportCommand report;
      report.lease = grant->lease;
      report.epoch = grant->epoch;
      report.key = grant->key;
      report.facts.http_status = 200;
      session_->Report(std::move(report));
    }
    if (!stopping_) Acquire();
  }

  const Load load_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ = false;
  int open_ = 0;
  Result result_;
  std::unique_ptr<client::LeaseSession> session_;
};

// One lease at a time by unary calls.
class UnaryLoop {
 public:
  UnaryLoop(v1::Lease::Stub* stub, grpc::CompletionQueue* queue) : stub_(stub), queue_(queue) {
    acquire_.set_kind(v1::KIND_METERED);
    acquire_.set_model(kModel);
  }

  void Acquire() {
    context_ = std::make_unique<grpc::ClientContext>();
    reporting_ = false;
    acquiring_ = stub_->AsyncAcquire(context_.get(), acquire_, queue_);
    acquiring_->Finish(&acquired_, &status_, this);
  }

  // After an event. True when a lease is done; then Acquire begins the next one.
  bool Next(Result* result) {
    if (reporting_) {
      ++result->leases;
      return true;
    }
    if (!status_.ok() || !acquired_.has_granted()) {
      ++result->failures;
      return true;
    }
    report_.set_lease_id(acquired_.granted().lease_id());
    report_.set_epoch(acquired_.granted().epoch());
    report_.set_key_id(acquired_.granted().key_id());
    report_.set_sent(true);
    report_.mutable_facts()->set_http_status(200);
    acquiring_ = nullptr;
    context_ = std::make_unique<grpc::ClientContext>();
    reporting_ = true;
    reported_ = stub_->AsyncReport(context_.get(), report_, queue_);
    reported_->Finish(&settled_, &status_, this);
    return false;
  }

 private:
  v1::Lease::Stub* const stub_;
  grpc::CompletionQueue* const queue_;
  std::unique_ptr<grpc::ClientContext> context_;
  v1::AcquireRequest acquire_;
  v1::AcquireResponse acquired_;
  v1::ReportRequest report_;
  v1::ReportResponse settled_;
  grpc::Status status_;
  bool reporting_ = false;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::AcquireResponse>> acquiring_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ReportResponse>> reported_;
};

}  // namespace

Result RunSessions(const std::string& address, const Load& load) {
  std::vector<Result> results(static_cast<std::size_t>(load.sessions));
  std::vector<std::thread> threads;
  const std::shared_ptr<client::Poller> poller = client::MakePoller();
  for (Result& result : results) {
    threads.emplace_back([&] { result = Owner(address, load, poller).Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  Result total;
  for (const Result& result : results) {
    total.leases += result.leases;
    total.failures += result.failures;
    total.wall = std::max(total.wall, result.wall);
  }
  return total;
}

Result RunUnary(const std::string& address, const Load& load) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(wire::After(kConnectMax))) return {0, 1, {}};
  const auto stub = v1::Lease::NewStub(channel);
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<UnaryLoop>> loops;
  Result result;
  const MonoTime start = SystemClock().MonoNow();
  for (int i = 0; i < load.in_flight; ++i) {
    loops.push_back(std::make_unique<UnaryLoop>(stub.get(), &queue));
    loops.back()->Acquire();
  }
  int open = load.in_flight;
  void* tag = nullptr;
  bool ok = false;
  while (open > 0 && queue.Next(&tag, &ok)) {
    auto* loop = static_cast<UnaryLoop*>(tag);
    if (!loop->Next(&result)) continue;
    if (SystemClock().MonoNow() - start >= load.time) {
      --open;
    } else {
      loop->Acquire();
    }
  }
  result.wall = SystemClock().MonoNow() - start;
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return result;
}

}  // namespace keypool::bench
