// keypool.v1.Lease on the completion queue.
#pragma once

#include <grpcpp/completion_queue.h>

#include "keyd/engine/engine.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/session_call.h"
#include "keyd/rpc/unary_call.h"
#include "keyd/wire/lease_wire.h"
#include "keypool/v1/lease.grpc.pb.h"

namespace keypool::rpc {

class LeaseService {
 public:
  // Everything must outlive it; it must outlive the server.
  LeaseService(engine::Engine* engine, const wire::GrantTerms& terms, Calls* calls);

  grpc::Service* service() { return &service_; }
  // After the server was built.
  void Serve(grpc::ServerCompletionQueue* queue);

 private:
  using AcquireCall = UnaryCall<v1::AcquireRequest, v1::AcquireResponse>;
  using ReportCall = UnaryCall<v1::ReportRequest, v1::ReportResponse>;

  void Acquire(AcquireCall* call);
  void Report(ReportCall* call);

  engine::Engine* const engine_;
  const wire::GrantTerms terms_;
  Calls* const calls_;
  v1::Lease::AsyncService service_;
  AcquireCall::Method acquire_;
  ReportCall::Method report_;
  SessionHome session_;
};

}  // namespace keypool::rpc
