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

}  // namespace keypool::wire
