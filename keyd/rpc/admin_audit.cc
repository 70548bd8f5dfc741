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
                 Guarded<ListAuditCall>(audit::kReadAudit, [this](auto* call) {
                   Look(audit::kReadAudit, call, &AdminService::ListAudit);
                 })};
  verify_audit_ = {calls_,
                   [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                     service_.RequestVerifyAudit(context, request, writer, queue, queue, tag);
                   },
                   Guarded<VerifyAuditCall>(audit::kReadAudit, [this](auto* call) {
                     Look(audit::kReadAudit, call, &AdminService::VerifyAudit);
                   })};
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

absl::Status AdminService::NotAllowed() {
  return absl::PermissionDeniedError(
      "the role of this certificate is proxy: it may look at the pool, not change it");
}

void AdminService::NoteLook(AuditEntry entry, std::function<void(absl::Status)> done) {
  const std::string kind = absl::StrCat(entry.what, " ", entry.who);
  std::optional<AuditEntry> told = looks_.Note(kind, std::move(entry), SystemClock().MonoNow());
  if (!told) return done(absl::OkStatus());
  engine_->Record(*std::move(told), absl::OkStatus(),
                  [this, kind, done = std::move(done)](const absl::Status& recorded) {
                    if (!recorded.ok()) looks_.Forget(kind);
                    done(recorded);
                  });
}

// All that were denied are alike: whoever guesses tokens may not fill the audit with it.
void AdminService::NoteDenied(AuditEntry entry, absl::Status denied,
                              std::function<void(absl::Status)> done) {
  std::optional<AuditEntry> told = denied_.Note("", std::move(entry), SystemClock().MonoNow());
  if (!told) return done(absl::OkStatus());
  engine_->Record(*std::move(told), std::move(denied), std::move(done));
}

absl::Status AdminService::RecordNow(AuditEntry entry, absl::Status result) {
  std::promise<absl::Status> recorded;
  engine_->Record(std::move(entry), std::move(result),
                  [&recorded](absl::Status status) { recorded.set_value(std::move(status)); });
  return recorded.get_future().get();
}

}  // namespace keypool::rpc
