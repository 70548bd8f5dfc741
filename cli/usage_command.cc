#include "cli/usage_command.h"

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/status_command.h"
#include "cli/usage_json.h"
#include "cli/usage_text.h"

namespace keypool::cli {
namespace {

absl::StatusOr<std::vector<UsageRow>> ReadAllRows(const Options& options,
                                                  client::AdminClient& keyd) {
  UsageQuery query{.by = options.by, .days = options.days, .hourly = options.hourly};
  std::vector<UsageRow> all;
  bool more = true;
  while (more) {
    absl::StatusOr<UsagePage> page =
        Await<UsagePage>([&](auto done) { keyd.Usage(query, std::move(done)); });
    if (!page.ok()) return page.status();
    // A page without a row cannot lead on.
    more = page->more && !page->rows.empty();
    if (!page->rows.empty()) query.after = page->rows.back().place;
    std::move(page->rows.begin(), page->rows.end(), std::back_inserter(all));
  }
  return all;
}

std::string Shown(const Options& options, const std::vector<UsageRow>& rows, bool colour) {
  const UsageView view{options.by, options.days, options.hourly};
  if (options.json) return UsageJson(view, rows) + "\n";
  if (options.csv) return UsageCsv(view, rows);
  const std::vector<std::string> lines = options.daily || options.hourly
                                             ? UsagePeriodLines(view, rows, colour)
                                             : UsageTotalLines(view, rows, colour);
  return absl::StrJoin(lines, "\n") + "\n";
}

}  // namespace

ExitCode RunUsage(const Options& options, client::AdminClient& keyd, Console& console) {
  const absl::StatusOr<std::vector<UsageRow>> rows = ReadAllRows(options, keyd);
  if (!rows.ok()) return ReportError(rows.status(), console);
  console.Out(Shown(options, *rows, console.OutScreen().colour));
  return kDone;
}

}  // namespace keypool::cli
