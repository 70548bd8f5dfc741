#include "cli/usage_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "cli/text_table.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr absl::CivilDay kDayZero(1970, 1, 1);
constexpr std::array<const char*, 7> kHeads = {"REQUESTS", "429",    "ERRORS",  "INPUT",
                                               "CACHED",   "OUTPUT", "THOUGHTS"};

std::array<std::int64_t, 7> Numbers(const UsageCounts& c) {
  return {c.requests,      c.limited,       c.errors,        c.input_tokens,
          c.cached_tokens, c.output_tokens, c.thought_tokens};
}

// A line before it is a line: the cells on the left, then the numbers.
struct Line {
  std::vector<std::string> labels;
  UsageCounts counts;
  bool sum = false;
};

// A project that nobody declared is shown as what it is.
std::string NameShown(UsageDimension by, const std::string& name) {
  if (by != UsageDimension::kProject || !name.starts_with('~')) return name;
  return absl::StrCat("(own of ", name.substr(1), ")");
}

// Numbers stand to the right of their columns. The columns are as wide as the sum, which is the
// widest, or their heads.
std::vector<std::string> Table(std::vector<std::string> labels, const std::vector<Line>& lines,
                               bool colour) {
  std::array<std::size_t, kHeads.size()> widths;
  const auto widest = Numbers(lines.back().counts);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = std::max(std::string_view(kHeads[i]).size(), absl::StrCat(widest[i]).size());
  }
  const auto right = [&](std::size_t i, const std::string& text) {
    return std::string(widths[i] - std::min(widths[i], text.size()), ' ') + text;
  };
  for (std::size_t i = 0; i < widths.size(); ++i) labels.push_back(right(i, kHeads[i]));
  TextTable table(std::move(labels));
  for (const Line& line : lines) {
    const Colour shade = line.sum ? Colour::kBold : Colour::kNone;
    std::vector<Cell> cells;
    for (const std::string& label : line.labels) cells.push_back({label, shade});
    const auto numbers = Numbers(line.counts);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      cells.push_back({right(i, absl::StrCat(numbers[i])), shade});
    }
    table.Add(std::move(cells));
  }
  return table.Lines(colour, 0);
}

std::vector<std::string> NothingLines(const UsageView& view) {
  return {view.days == 1
              ? std::string("Nothing was sent to Google today.")
              : absl::StrCat("Nothing was sent to Google in the last ", view.days, " days.")};
}

std::string Head(UsageDimension by) { return absl::AsciiStrToUpper(ToAbsl(NameOf(by))); }

// The date, or the hour.
std::string PeriodOf(const UsageRow& row) {
  return row.place.hour < 0 ? DateOf(row) : UtcText(row.start);
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

}  // namespace

std::string DateOf(const UsageRow& row) { return absl::FormatCivilTime(kDayZero + row.place.day); }

std::string UtcText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

UsageCounts TotalOf(const std::vector<UsageRow>& rows) {
  UsageCounts total;
  for (const UsageRow& row : rows) total += row.counts;
  return total;
}

std::vector<std::string> UsageTotalLines(const UsageView& view, const std::vector<UsageRow>& rows,
                                         bool colour) {
  if (rows.empty()) return NothingLines(view);
  std::map<std::string, UsageCounts> by_name;
  for (const UsageRow& row : rows) by_name[row.place.name] += row.counts;
  std::vector<Line> lines;
  for (const auto& [name, counts] : by_name) {
    lines.push_back({{NameShown(view.by, name)}, counts});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.counts.requests > b.counts.requests;
  });
  lines.push_back({{"total"}, TotalOf(rows), true});
  return Table({Head(view.by)}, lines, colour);
}

std::vector<std::string> UsagePeriodLines(const UsageView& view, const std::vector<UsageRow>& rows,
                                          bool colour) {
  if (rows.empty()) return NothingLines(view);
  std::vector<const UsageRow*> in_order;
  for (const UsageRow& row : rows) in_order.push_back(&row);
  std::sort(in_order.begin(), in_order.end(), [](const UsageRow* a, const UsageRow* b) {
    return std::tie(a->start, a->place) < std::tie(b->start, b->place);
  });
  std::vector<Line> lines;
  for (const UsageRow* row : in_order) {
    lines.push_back({{PeriodOf(*row), NameShown(view.by, row->place.name)}, row->counts});
  }
  lines.push_back({{"total", ""}, TotalOf(rows), true});
  return Table({view.hourly ? "HOUR" : "DAY", Head(view.by)}, lines, colour);
}

std::string UsageCsv(const UsageView& view, const std::vector<UsageRow>& rows) {
  std::string out = absl::StrCat(ToAbsl(NameOf(view.by)),
                                 ",pacific_date,start,end,requests,limited,errors,input_tokens,"
                                 "cached_tokens,output_tokens,thought_tokens\r\n");
  for (const UsageRow& row : rows) {
    absl::StrAppend(&out, CsvField(row.place.name), ",", DateOf(row), ",", UtcText(row.start), ",",
                    UtcText(row.end), ",", absl::StrJoin(Numbers(row.counts), ","), "\r\n");
  }
  return out;
}

}  // namespace keypool::cli
