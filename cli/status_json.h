// The status as JSON, for programs. Field names are those of admin.proto and stay.
//
//   {"now": "2026-11-22T19:50:27.123Z", "epoch": 3, "keys_total": 1, "keys_active": 1,
//    "keys_usable": 1, "projects_total": 1, "leases_open": 0, "day_resets_at": "…", "advice": null,
//    "keys": [KEY…]}
//
//   KEY: {"key_id": "key_1", "project_id": "p", "masked_secret": "AIza…wxyz", "state": "active",
//         "disabled_reason": null, "disabled_at": null, "retry_at": null, "added_at": "…",
//         "last_used_at": null, "buckets": [{"model": "m", "state": "ready", "ready_at": null,
//         "reason": null,
//                      "requests_per_minute": WINDOW, "requests_per_day": WINDOW,
//                      "input_tokens_per_minute": WINDOW, "input_tokens_per_day": WINDOW}]}
//
//   WINDOW: {"used": 1, "limit": 10, "source": "default", "learned_at": null}; "limit": null when
//           there is none
//
// States: a key is active or disabled; a bucket is ready, exhausted or cooling; a limit is default,
// configured or learned. Times are UTC.
#pragma once

#include <string>
#include <vector>

#include "keyd/base/admin.h"

namespace keypool::cli {

// One line, without its end.
std::string StatusJson(const PoolSummary& summary, const std::vector<KeyStatus>& keys);
std::string KeyJson(const KeyStatus& key);

}  // namespace keypool::cli
