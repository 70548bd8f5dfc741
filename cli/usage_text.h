// The accounts as text for people and for spreadsheets: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keyd/base/admin.h"

namespace keypool::cli {

// What was asked for.
struct UsageView {
  UsageDimension by = UsageDimension::kProject;
  std::int64_t days = 7;
  bool hourly = false;
};

// "2026-11-24", a Pacific date.
std::string DateOf(const UsageRow& row);
// "2026-11-24T13:00:00Z".
std::string UtcText(absl::Time time);
UsageCounts TotalOf(const std::vector<UsageRow>& rows);

// One line for each name, those with most requests first, and one for the sum of all.
std::vector<std::string> UsageTotalLines(const UsageView& view, const std::vector<UsageRow>& rows,
                                         bool colour);
// One line for each row in the order of time and name, and one for the sum of all.
std::vector<std::string> UsagePeriodLines(const UsageView& view, const std::vector<UsageRow>& rows,
                                          bool colour);
// RFC 4180, a head line first; each row as it is, no sum.
std::string UsageCsv(const UsageView& view, const std::vector<UsageRow>& rows);

}  // namespace keypool::cli
