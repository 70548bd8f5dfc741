#include "keyd/rpc/lease_service.h"

#include <utility>
#include <variant>
#include <vector>

namespace keypool::rpc {
namespace {

// Calls of one method that can be taken up without asking gRPC again.
constexpr int kAwaited = 16;

std::vector<engine::LeaseCommand> One(engine::LeaseCommand command) {
  std::vector<engine::LeaseCommand> commands;
  commands.push_back(std::move(command));
  return commands;
}

}  // namespace

LeaseService::LeaseService(engine::Engine* engine, const wire::GrantTerms& terms, Calls* calls)
    : engine_(engine), terms_(terms), calls_(calls) {}

void LeaseService::Serve(grpc::ServerCompletionQueue* queue) {
  acquire_ = {calls_,
              [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                service_.RequestAcquire(context, request, writer, queue, queue, tag);
              },
              [this](AcquireCall* call) { Acquire(call); }};
  report_ = {calls_,
             [this, queue](auto* context, auto* request, auto* writer, void* tag) {
               service_.RequestReport(context, request, writer, queue, queue, tag);
             },
             [this](ReportCall* call) { Report(call); }};
  session_ = {engine_, terms_, &service_, queue, calls_};
  for (int i = 0; i < kAwaited; ++i) {
    AcquireCall::Await(&acquire_);
    ReportCall::Await(&report_);
  }
  SessionCall::Await(&session_);
}

void LeaseService::Acquire(AcquireCall* call) {
  absl::StatusOr<wire::AcquireCall> asked = wire::Decode(call->request());
  if (!asked.ok()) return call->Fail(asked.status());
  engine_->Post(One({0, std::move(asked->command), std::move(asked->previous)}),
                [this, call](absl::Status status, std::vector<engine::LeaseReply> replies) {
                  if (!status.ok()) return call->Fail(status);
                  v1::AcquireResponse response;
                  if (const auto* reply = std::get_if<AcquireReply>(&replies[0].reply)) {
                    wire::Encode(*reply, terms_, &response);
                  }
                  call->Reply(response);
                });
}

void LeaseService::Report(ReportCall* call) {
  absl::StatusOr<ReportCommand> command = wire::Decode(call->request());
  if (!command.ok()) return call->Fail(command.status());
  engine_->Post(One({0, *std::move(command), std::nullopt}),
                [call](absl::Status status, std::vector<engine::LeaseReply> replies) {
                  if (!status.ok()) return call->Fail(status);
                  v1::ReportResponse response;
                  if (const auto* reply = std::get_if<ReportReply>(&replies[0].reply)) {
                    response.set_settled(wire::Encode(reply->settled));
                  }
                  call->Reply(response);
                });
}

}  // namespace keypool::rpc
