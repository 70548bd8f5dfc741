// One gRPC server with what a role may call of keyd's services.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "keyd/engine/engine.h"
#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/caller.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/health_service.h"
#include "keyd/rpc/lease_service.h"
#include "keyd/rpc/server.h"

namespace keypool::rpc {

enum class Serves {
  kEverything,
  kProxy,  // leases; of the pool's state it may read what its pages show
  kAdmin,  // no leases, which hand out secrets
};

// Health is always served. Thread-safe after Start.
class GrpcPart {
 public:
  // `engine` must outlive it.
  GrpcPart(Serves serves, engine::Engine* engine, const wire::GrantTerms& terms,
           const ServerOptions& options);
  ~GrpcPart() { Stop(); }
  GrpcPart(const GrpcPart&) = delete;
  GrpcPart& operator=(const GrpcPart&) = delete;

  // For connections of AddConnection. Errors: UNAVAILABLE.
  absl::Status Start(int threads);
  // Takes a connected, non-blocking socket over, with `who` at the other end.
  void AddConnection(std::string who, int fd);
  // See Server::Stop.
  void Stop();

 private:
  void Run() const;

  const Serves serves_;
  const absl::Duration drain_max_;
  Calls calls_;
  Callers callers_;
  LeaseService lease_;
  AdminService admin_;
  HealthService health_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::thread> threads_;
  std::once_flag stopped_;
  Mutex adding_;  // a connection, while the server ends
  bool takes_ ABSL_GUARDED_BY(adding_) = false;
};

}  // namespace keypool::rpc
