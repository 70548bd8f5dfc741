// admin.proto ⇄ base/admin.h. Decoding validates; the error names the field and its bound.
// Pure; thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/admin.h"
#include "keypool/v1/admin.pb.h"

namespace keypool::wire {

inline constexpr std::size_t kSecretBytesMin = 8;
inline constexpr std::size_t kSecretBytesMax = 512;
inline constexpr std::size_t kDisableReasonBytesMax = 200;
inline constexpr std::size_t kStatusKeysMax = 1000;
inline constexpr std::size_t kEventsLimitMax = 1000;
inline constexpr absl::Duration kWatchIntervalMin = absl::Milliseconds(100);
inline constexpr absl::Duration kWatchIntervalMax = absl::Milliseconds(60'000);

// Whether these bytes can be an API key; the error says why not, without them.
absl::Status CheckSecretBytes(std::string_view bytes);

struct WatchQuery {
  StatusQuery status;
  absl::Duration min_interval;
};
struct KeyQuery {
  KeyId key;
  std::string model;
};

// Requests, encoded by the client and decoded by keyd. Errors of Decode: INVALID_ARGUMENT (the
// field is named), NOT_FOUND (a text that can be no key's id).
void Encode(const StatusQuery& query, v1::StatusRequest* out);
absl::StatusOr<StatusQuery> Decode(const v1::StatusRequest& in);
void Encode(const WatchQuery& query, v1::WatchRequest* out);
absl::StatusOr<WatchQuery> Decode(const v1::WatchRequest& in);
void Encode(const KeyQuery& query, v1::GetKeyRequest* out);
absl::StatusOr<KeyQuery> Decode(const v1::GetKeyRequest& in);
void Encode(const ResetCommand& command, v1::ResetRequest* out);
absl::StatusOr<ResetCommand> Decode(const v1::ResetRequest& in);
void Encode(const AddKeyCommand& command, v1::AddKeyRequest* out);
absl::StatusOr<AddKeyCommand> Decode(const v1::AddKeyRequest& in);
void Encode(const RemoveKeyCommand& command, v1::RemoveKeyRequest* out);
absl::StatusOr<RemoveKeyCommand> Decode(const v1::RemoveKeyRequest& in);
void Encode(const DisableKeyCommand& command, v1::DisableKeyRequest* out);
absl::StatusOr<DisableKeyCommand> Decode(const v1::DisableKeyRequest& in);
void Encode(const EnableKeyCommand& command, v1::EnableKeyRequest* out);
absl::StatusOr<EnableKeyCommand> Decode(const v1::EnableKeyRequest& in);

// Answers, encoded by keyd and decoded by the client. Errors of Decode: INTERNAL (keyd said
// something that this version does not understand; the field is named).
void Encode(const PoolStatus& status, v1::StatusResponse* out);
absl::StatusOr<PoolStatus> Decode(const v1::StatusResponse& in);
void Encode(const KeyStatus& key, v1::KeyStatus* out);
absl::StatusOr<KeyStatus> Decode(const v1::KeyStatus& in);

// --- admin_usage.cc: the accounts, with the errors above.
void Encode(const UsageQuery& query, v1::UsageRequest* out);
absl::StatusOr<UsageQuery> Decode(const v1::UsageRequest& in);
void Encode(const UsagePage& page, v1::UsageResponse* out);
absl::StatusOr<UsagePage> Decode(const v1::UsageResponse& in);

// --- admin_explain.cc: requests and answers of Explain and Events, with the same errors.
void Encode(const ExplainQuery& query, v1::ExplainRequest* out);
absl::StatusOr<ExplainQuery> Decode(const v1::ExplainRequest& in);
void Encode(const Explanation& explanation, v1::ExplainResponse* out);
absl::StatusOr<Explanation> Decode(const v1::ExplainResponse& in);
void Encode(const EventsQuery& query, v1::EventsRequest* out);
absl::StatusOr<EventsQuery> Decode(const v1::EventsRequest& in);
void Encode(const PoolEvents& events, v1::EventsResponse* out);
absl::StatusOr<PoolEvents> Decode(const v1::EventsResponse& in);

// --- admin_limits.cc: limits at run time, with the errors above.
void Encode(const SetLimitsCommand& command, v1::SetLimitsRequest* out);
absl::StatusOr<SetLimitsCommand> Decode(const v1::SetLimitsRequest& in);
void Encode(const UnsetLimitsCommand& command, v1::UnsetLimitsRequest* out);
absl::StatusOr<UnsetLimitsCommand> Decode(const v1::UnsetLimitsRequest& in);
void Encode(const ScopeLimits& said, v1::ScopeLimits* out);
absl::StatusOr<ScopeLimits> Decode(const v1::ScopeLimits& in);
void Encode(const ImportLimitsText& text, v1::ImportLimitsRequest* out);
absl::StatusOr<ImportLimitsText> Decode(const v1::ImportLimitsRequest& in);
void Encode(const ImportedLimits& imported, v1::ImportLimitsResponse* out);
absl::StatusOr<ImportedLimits> Decode(const v1::ImportLimitsResponse& in);
void Encode(const LimitsQuery& query, v1::ListLimitsRequest* out);
absl::StatusOr<LimitsQuery> Decode(const v1::ListLimitsRequest& in);
void Encode(const LimitsPage& page, v1::ListLimitsResponse* out);
absl::StatusOr<LimitsPage> Decode(const v1::ListLimitsResponse& in);

}  // namespace keypool::wire
