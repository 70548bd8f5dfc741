// The JSON of the /admin pages and /health: what goes out, and what may come in. Pure.
//
//   STATUS: {"now": "2026-11-22T19:50:27.123Z", "epoch": 3, "keys_total": 1, "keys_active": 1,
//            "keys_usable": 1, "projects_total": 1, "leases_open": 0, "day_resets_at": "…",
//            "advice": null, "keys": [KEY…], "next_page_token": null}
//   KEY:    {"key_id": "key_1", "project_id": "p", "masked_secret": "AIza…wxyz",
//            "state": "active", "disabled_reason": null, "disabled_at": null, "retry_at": null,
//            "added_at": "…", "last_used_at": null, "buckets": [{"model": "m", "state": "ready",
//            "ready_at": null, "reason": null, "requests_per_minute": WINDOW, "requests_per_day":
//            WINDOW, "input_tokens_per_minute": WINDOW, "input_tokens_per_day": WINDOW}]}
//   WINDOW: {"used": 1, "limit": 10, "source": "default", "learned_at": null}; "limit": null when
//           there is none
//
// A key is active or disabled; a bucket is ready, exhausted or cooling; a limit is default,
// configured or learned. Times are UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/base/admin.h"

namespace keypool::proxy {

std::string StatusJson(const PoolStatus& status);
std::string KeyJson(const KeyStatus& key);
std::string ResetJson(std::int64_t buckets);
std::string RemovedJson(KeyId key);

// /health: whether a request could be served now.
struct Health {
  bool healthy = false;
  std::string body;
};
Health HealthOf(const absl::StatusOr<PoolStatus>& status);

// {"key": "AIza…", "project_id": "my-project"}; project_id may be missing or null. Errors:
// INVALID_ARGUMENT; the field is named, its value never.
absl::StatusOr<AddKeyCommand> ParseAddKey(std::string_view body);
// Nothing, {}, or {"key_id": "key_7"}. Errors: as ParseAddKey.
absl::StatusOr<ResetCommand> ParseReset(std::string_view body);

}  // namespace keypool::proxy
