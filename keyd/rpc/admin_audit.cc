// What Admin records by itself, and how the audit is read.
#include <future>
#include <memory>
#include <utility>

#include "keyd/base/clock.h"
#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/wire/audit_wire.h"

namespace keypool::rpc {

void AdminService::ServeAudit(grpc::ServerCompletionQueue* queue) {
  list_audit_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestListAudit(context, request, writer, queue, queue, tag);
                 },
                 Guarded(audit::kReadAudit, &AdminService::ListAudit)};
  verify_audit_ = {calls_,
                   [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                     service_.RequestVerifyAudit(context, request, writer, queue, queue, tag);
                   },
                   Guarded(audit::kReadAudit, &AdminService::VerifyAudit)};
  ListAuditCall::Await(&list_audit_);
  VerifyAuditCall::Await(&verify_audit_);
}

void AdminService::ListAudit(ListAuditCall* call) {
  const absl::StatusOr<AuditQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->ListAudit(*query, Encoding<v1::ListAuditResponse, AuditPage>(call));
}

void AdminService::VerifyAudit(VerifyAuditCall* call) {
  engine_->VerifyAudit(Encoding<v1::VerifyAuditResponse, AuditVerdict>(call));
}

void AdminService::Deny(std::string_view what, std::string who,
                        std::function<void(absl::Status)> fail) {
  const absl::Status denied = absl::PermissionDeniedError(
      "the role of this certificate is proxy: it may look at the pool, not change it");
  std::optional<AuditEntry> entry =
      denied_.Note({std::move(who), std::string(what), ""}, SystemClock().MonoNow());
  if (!entry) return fail(denied);
  engine_->Record(*std::move(entry), denied,
                  [fail = std::move(fail), denied](const absl::Status&) { fail(denied); });
}

absl::Status AdminService::RecordNow(AuditEntry entry, absl::Status result) {
  std::promise<absl::Status> recorded;
  engine_->Record(std::move(entry), std::move(result),
                  [&recorded](absl::Status status) { recorded.set_value(std::move(status)); });
  return recorded.get_future().get();
}

}  // namespace keypool::rpc
