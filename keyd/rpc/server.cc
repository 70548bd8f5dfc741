#include "keyd/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/health_service.h"
#include "keyd/rpc/lease_service.h"
#include "keyd/rpc/socket_path.h"
#include "keyd/wire/deadline.h"
#include "keyd/wire/event.h"
#include "keyd/wire/library.h"
#include "keyd/wire/unix_address.h"

namespace keypool::rpc {
namespace {

constexpr int kStreamsMax = 1024;  // calls under way on one connection
constexpr int kMetadataBytesMax = 16 * 1024;
constexpr std::size_t kMemoryBytesMax = 512 * 1024 * 1024;  // what gRPC may buffer
constexpr int kGrpcThreadsMax = 8;                          // for reflection, the only service with
                                                            // gRPC's own threads
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

class GrpcServer final : public Server {
 public:
  GrpcServer(engine::Engine* engine, const wire::GrantTerms& terms, const ServerOptions& options)
      : drain_max_(options.drain_max),
        lease_(engine, terms, &calls_),
        admin_(engine, options.parse_limits, options.rotate_master_key, &calls_),
        health_(engine, &calls_) {}
  ~GrpcServer() override { Stop(); }

  absl::Status Listen(const std::string& path);
  void Serve(int threads);
  void Stop() override;

 private:
  void Run() const;

  const absl::Duration drain_max_;
  Calls calls_;
  LeaseService lease_;
  AdminService admin_;
  HealthService health_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::thread> threads_;
  std::once_flag stopped_;
};

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

absl::Status GrpcServer::Listen(const std::string& path) {
  grpc::ServerBuilder builder;
  SetLimits(&builder);
  int bound = 0;
  builder.AddListeningPort(wire::GrpcTarget(path), grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(lease_.service());
  builder.RegisterService(admin_.service());
  builder.RegisterService(health_.service());
  queue_ = builder.AddCompletionQueue();
  const PrivateUmask umask;  // from the first moment on, others cannot connect
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || bound == 0) {
    return absl::UnavailableError(absl::StrCat("KEYD_LISTEN: cannot listen on ", path));
  }
  return RestrictSocket(path);
}

void GrpcServer::Serve(int threads) {
  lease_.Serve(queue_.get());
  admin_.Serve(queue_.get());
  health_.Serve(queue_.get());
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void GrpcServer::Run() const {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) wire::Event::Dispatch(tag, ok);
}

void GrpcServer::Stop() {
  std::call_once(stopped_, [this] {
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

// The reign, which every grant names, never changes while the engine runs.
absl::StatusOr<Epoch> AskEpoch(engine::Engine* engine) {
  auto answer = std::make_shared<std::promise<absl::StatusOr<PoolStatus>>>();
  std::future<absl::StatusOr<PoolStatus>> status = answer->get_future();
  engine->Status({.model = "", .after = KeyId(), .keys_max = 1},
                 [answer](absl::StatusOr<PoolStatus> s) { answer->set_value(std::move(s)); });
  absl::StatusOr<PoolStatus> got = status.get();
  if (!got.ok()) return got.status();
  return got->summary.epoch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      engine::Engine* engine) {
  const absl::StatusOr<std::string> path = wire::ParseUnixAddress(options.listen);
  if (!path.ok()) return Annotate(path.status(), "KEYD_LISTEN");
  KP_RETURN_IF_ERROR(ClearSocketPath(*path));
  const absl::StatusOr<Epoch> epoch = AskEpoch(engine);
  if (!epoch.ok()) return epoch.status();
  wire::KeepGrpcLoaded();
  static std::once_flag reflection;
  std::call_once(reflection, [] { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); });
  auto server = std::make_unique<GrpcServer>(
      engine, wire::GrantTerms{*epoch, options.send_by, options.lease_time_to_live}, options);
  KP_RETURN_IF_ERROR(server->Listen(*path));
  server->Serve(options.threads);
  return server;
}

}  // namespace keypool::rpc
