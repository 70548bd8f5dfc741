// grpc.health.v1.Health on the completion queue. gRPC's own would start threads that poll beside
// ours, and cost every lease a thread switch.
#pragma once

#include <grpcpp/completion_queue.h>

#include <optional>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "keyd/engine/engine.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/unary_call.h"
#include "keyd/rpc/watch_call.h"

namespace keypool::rpc {

class HealthService {
 public:
  // Everything must outlive it; it must outlive the server.
  HealthService(engine::Engine* engine, Calls* calls) : engine_(engine), calls_(calls) {}

  grpc::Service* service() { return &service_; }
  // After the server was built.
  void Serve(grpc::ServerCompletionQueue* queue);

 private:
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;
  using CheckCall = UnaryCall<Request, Response>;
  using Watch = WatchCall<Request, Response>;

  // None for a service that is not known.
  std::optional<Response::ServingStatus> Ask(const std::string& name) const;
  void Produce(Watch* call) const;

  engine::Engine* const engine_;
  Calls* const calls_;
  grpc::health::v1::Health::AsyncService service_;
  CheckCall::Method check_;
  Watch::Method watch_;
};

}  // namespace keypool::rpc
