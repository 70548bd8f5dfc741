// RotateMasterKey: the one call of the Admin service that takes long, so it has a thread.
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/rpc/admin_service.h"

namespace keypool::rpc {

AdminService::~AdminService() {
  const MutexLock lock(&rotation_mutex_);
  if (rotation_.joinable()) rotation_.join();
}

void AdminService::ServeMasterKey(grpc::ServerCompletionQueue* queue) {
  rotate_master_key_ = {calls_,
                        [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                          service_.RequestRotateMasterKey(context, request, writer, queue, queue,
                                                          tag);
                        },
                        Guarded(audit::kRotateMasterKey, &AdminService::RotateMasterKey)};
  RotateMasterKeyCall::Await(&rotate_master_key_);
}

void AdminService::RotateMasterKey(RotateMasterKeyCall* call) {
  if (!rotate_master_key_now_) {
    return Refuse(audit::kRotateMasterKey, call,
                  absl::UnimplementedError("this keyd has no master key"));
  }
  if (rotating_.exchange(true)) {
    return Refuse(audit::kRotateMasterKey, call,
                  absl::FailedPreconditionError("another rotation is under way"));
  }
  const MutexLock lock(&rotation_mutex_);
  if (rotation_.joinable()) rotation_.join();
  rotation_ = std::thread([this, call, who = WhoCalls(*call)] {
    const absl::StatusOr<RotatedMasterKey> rotated = RotateAndRecord(who);
    rotating_ = false;
    if (!rotated.ok()) return call->Fail(rotated.status());
    v1::RotateMasterKeyResponse response;
    response.set_secrets(static_cast<std::uint64_t>(rotated->secrets));
    response.set_place(rotated->place);
    call->Reply(response);
  });
}

// It cannot be undone, so it begins only when that could be recorded.
absl::StatusOr<RotatedMasterKey> AdminService::RotateAndRecord(const std::string& who) {
  const std::string what(audit::kRotateMasterKey);
  KP_RETURN_IF_ERROR(RecordNow({who, what, "begins"}, absl::OkStatus()));
  absl::StatusOr<RotatedMasterKey> rotated = rotate_master_key_now_();
  const std::string done =
      rotated.ok() ? absl::StrCat("is done: ", rotated->secrets, " keys") : "has failed";
  KP_RETURN_IF_ERROR(RecordNow({who, what, done}, rotated.status()));
  return rotated;
}

}  // namespace keypool::rpc
