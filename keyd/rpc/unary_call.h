// One unary call on the completion queue.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/status.h"
#include "keyd/wire/event.h"

namespace keypool::rpc {

// Waits for a call, hands it to the method's handler, sends the answer, deletes itself. While one
// is handled the next one waits already.
template <class Request, class Response>
class UnaryCall final : public wire::Event {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  struct Method {
    Calls* calls;
    // Asks the service for the next call.
    std::function<void(grpc::ServerContext*, Request*, Writer*, void* tag)> accept;
    // Ends in exactly one Reply or Fail, on any thread.
    std::function<void(UnaryCall*)> handle;
  };

  // `method` must outlive the server.
  static void Await(const Method* method) {
    auto* call = new UnaryCall(method);
    method->accept(&call->context_, &call->request_, &call->writer_, call->Tag());
  }

  const Request& request() const { return request_; }
  const grpc::ServerContext& context() const { return context_; }
  void Reply(const Response& response) {
    answered_ = true;
    writer_.Finish(response, grpc::Status::OK, Tag());
  }
  void Fail(const absl::Status& status) {
    answered_ = true;
    writer_.FinishWithError(ToGrpc(status), Tag());
  }

  void Run(bool ok) override {
    if (answered_ || !ok) {
      delete this;
      return;
    }
    Await(method_);
    method_->handle(this);
  }

 private:
  explicit UnaryCall(const Method* method)
      : method_(method), writer_(&context_), membership_(method->calls, nullptr) {}

  const Method* const method_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_;
  bool answered_ = false;
  Calls::Membership membership_;
};

}  // namespace keypool::rpc
