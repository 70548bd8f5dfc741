#include "keyd/rpc/grpc_part.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <unistd.h>

#include <utility>

#include "keyd/wire/deadline.h"
#include "keyd/wire/event.h"

namespace keypool::rpc {
namespace {

constexpr int kStreamsMax = 1024;  // calls under way on one connection
constexpr int kMetadataBytesMax = 16 * 1024;
constexpr std::size_t kMemoryBytesMax = 512 * 1024 * 1024;  // what gRPC may buffer
constexpr int kGrpcThreadsMax = 8;                          // for reflection, the only service with
                                                            // gRPC's own threads
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

void SetLimits(grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("keyd");
  quota.Resize(kMemoryBytesMax);
  quota.SetMaxThreads(kGrpcThreadsMax);
  builder->SetResourceQuota(quota);
  builder->SetMaxReceiveMessageSize(wire::kMessageBytesMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Meaningless, or only a cost, on a unix socket.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  using Option = grpc::ServerBuilder::SyncServerOption;
  builder->SetSyncServerOption(Option::NUM_CQS, 1);
  builder->SetSyncServerOption(Option::MIN_POLLERS, 1);
  builder->SetSyncServerOption(Option::MAX_POLLERS, 1);
}

}  // namespace

GrpcPart::GrpcPart(Serves serves, engine::Engine* engine, const wire::GrantTerms& terms,
                   const ServerOptions& options)
    : serves_(serves),
      drain_max_(options.drain_max),
      lease_(engine, terms, &calls_),
      admin_(serves == Serves::kProxy ? AdminAccess::kReadsOnly : AdminAccess::kChanges, engine,
             options.parse_limits, options.rotate_master_key, &callers_, &calls_),
      health_(engine, &calls_) {}

absl::Status GrpcPart::Start(int threads) {
  grpc::ServerBuilder builder;
  SetLimits(&builder);
  if (serves_ != Serves::kAdmin) builder.RegisterService(lease_.service());
  builder.RegisterService(admin_.service());
  builder.RegisterService(health_.service());
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("gRPC cannot start its server");
  if (serves_ != Serves::kAdmin) lease_.Serve(queue_.get());
  admin_.Serve(queue_.get());
  health_.Serve(queue_.get());
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  const MutexLock lock(&adding_);
  takes_ = true;
  return absl::OkStatus();
}

void GrpcPart::AddConnection(std::string who, int fd) {
  const MutexLock lock(&adding_);
  if (takes_) {
    callers_.Remember(fd, std::move(who));
    grpc::AddInsecureChannelFromFd(server_.get(), fd);
  } else {
    close(fd);
  }
}

void GrpcPart::Run() const {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) wire::Event::Dispatch(tag, ok);
}

void GrpcPart::Stop() {
  std::call_once(stopped_, [this] {
    {
      const MutexLock lock(&adding_);
      takes_ = false;
    }
    // Refuses new calls at once; returns when all are over, or cancels them at the deadline. So the
    // streams must be told to end meanwhile.
    std::thread shutdown([this] {
      if (server_ != nullptr) server_->Shutdown(wire::After(drain_max_));
    });
    calls_.DrainAll();
    shutdown.join();
    // Also for those calls that the engine still owes an answer.
    calls_.WaitForNone();
    if (queue_ != nullptr) queue_->Shutdown();
    if (threads_.empty() && queue_ != nullptr) Run();
    for (std::thread& thread : threads_) thread.join();
    server_ = nullptr;
  });
}

}  // namespace keypool::rpc
