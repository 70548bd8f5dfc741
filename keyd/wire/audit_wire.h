// audit.proto ⇄ base/audit.h. Decoding validates; the error names the field and its bound. Pure;
// thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "keyd/base/audit.h"
#include "keypool/v1/audit.pb.h"

namespace keypool::wire {

// Requests, encoded by the client and decoded by keyd. Errors of Decode: INVALID_ARGUMENT (the
// field is named).
void Encode(const AuditQuery& query, v1::ListAuditRequest* out);
absl::StatusOr<AuditQuery> Decode(const v1::ListAuditRequest& in);

// Answers. Errors of Decode: INTERNAL (keyd said something that this version does not understand).
void Encode(const AuditPage& page, v1::ListAuditResponse* out);
absl::StatusOr<AuditPage> Decode(const v1::ListAuditResponse& in);
void Encode(const AuditVerdict& verdict, v1::VerifyAuditResponse* out);
absl::StatusOr<AuditVerdict> Decode(const v1::VerifyAuditResponse& in);

}  // namespace keypool::wire
