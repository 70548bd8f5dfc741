// The accounts as JSON, for programs. Field names are those of admin.proto and stay.
//
//   {"by": "project", "days": 7, "total": COUNTS, "rows": [ROW…]}
//
//   ROW: {"name": "my-project", "pacific_date": "2026-11-24", "start": "2026-11-24T08:00:00Z",
//         "end": "2026-11-25T08:00:00Z", …COUNTS}
//
//   COUNTS: {"requests": 1, "limited": 0, "errors": 0, "input_tokens": 1, "cached_tokens": 0,
//            "output_tokens": 1, "thought_tokens": 0}
//
// A row covers a Pacific day, or with --hourly an hour as far as hours are kept. Times are UTC.
#pragma once

#include <string>
#include <vector>

#include "cli/usage_text.h"
#include "keyd/base/admin.h"

namespace keypool::cli {

// One line, without its end.
std::string UsageJson(const UsageView& view, const std::vector<UsageRow>& rows);

}  // namespace keypool::cli
