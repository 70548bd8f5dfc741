#include "cli/render.h"

#include "absl/strings/str_cat.h"
#include "cli/text_table.h"

namespace keypool::cli {
namespace {

std::string Count(std::int64_t n, const char* one, const char* many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

std::string UsedOfLimit(const WindowStatus& window) {
  return absl::StrCat(window.used, "/", window.limit,
                      window.source == LimitSource::kLearned ? " learned" : "");
}

Cell StateCell(BucketState state) {
  switch (state) {
    case BucketState::kReady:
      return {"ready", Colour::kGreen};
    case BucketState::kExhausted:
      return {"exhausted", Colour::kYellow};
    case BucketState::kCooling:
      return {"cooling", Colour::kYellow};
  }
  return {"unknown", Colour::kRed};
}

// A project that nobody declared is shown as what it is.
std::string ProjectShown(const KeyStatus& key) {
  return key.project == OwnProject(key.id) ? "(its own)" : key.project.value();
}

// State, until and why of a key as a whole; filled in for disabled keys and for unused ones.
struct KeyCells {
  Cell state;
  std::string until, why;
};

KeyCells DisabledCells(const KeyStatus& key, absl::Time now, const Look& look) {
  KeyCells cells{{"disabled", Colour::kRed}, "until enabled", key.disabled_reason};
  if (key.retry_at) cells.until = Moment(*key.retry_at, now, look.zone);
  if (key.disabled_at > absl::UnixEpoch()) {
    absl::StrAppend(&cells.why, cells.why.empty() ? "" : " ", "(since ",
                    Moment(key.disabled_at, now, look.zone), ")");
  }
  return cells;
}

void AddKey(TextTable* table, const KeyStatus& key, absl::Time now, const Look& look) {
  std::vector<Cell> own = {{ToString(key.id)}, {ProjectShown(key)}, {key.masked_secret}};
  if (key.buckets.empty()) {
    const KeyCells cells =
        key.active ? KeyCells{{"ready", Colour::kGreen}, "", ""} : DisabledCells(key, now, look);
    table->Add(
        {own[0], own[1], own[2], cells.state, {"-"}, {"-"}, {"-"}, {cells.until}, {cells.why}});
    return;
  }
  for (const BucketStatus& bucket : key.buckets) {
    KeyCells cells{StateCell(bucket.state), "", bucket.reason};
    if (bucket.ready_at) cells.until = Moment(*bucket.ready_at, now, look.zone);
    if (!key.active) cells = DisabledCells(key, now, look);
    table->Add({own[0],
                own[1],
                own[2],
                cells.state,
                {bucket.model},
                {UsedOfLimit(bucket.per_minute)},
                {UsedOfLimit(bucket.per_day)},
                {cells.until},
                {cells.why}});
    own = {{}, {}, {}};
  }
}

}  // namespace

std::string Until(absl::Duration left) {
  const std::int64_t s = absl::ToInt64Seconds(absl::Ceil(left, absl::Seconds(1)));
  if (s <= 0) return "now";
  if (s < 60) return absl::StrCat("in ", s, " s");
  if (s < 3600) return absl::StrCat("in ", s / 60, " m ", s % 60, " s");
  if (s < 48 * 3600) return absl::StrCat("in ", s / 3600, " h ", s % 3600 / 60, " m");
  return absl::StrCat("in ", s / 86400, " d ", s % 86400 / 3600, " h");
}

std::string Moment(absl::Time time, absl::Time now, absl::TimeZone zone) {
  const bool today = absl::ToCivilDay(time, zone) == absl::ToCivilDay(now, zone);
  const std::string clock =
      absl::FormatTime(today ? "%H:%M:%S %Z" : "%Y-%m-%d %H:%M %Z", time, zone);
  return time > now ? absl::StrCat(clock, " (", Until(time - now), ")") : clock;
}

std::vector<std::string> SummaryLines(const PoolSummary& summary, const Look& look) {
  std::vector<std::string> lines;
  if (summary.keys_total > 0) {
    lines.push_back(absl::StrCat(Count(summary.keys_total, "key", "keys"), " in ",
                                 Count(summary.projects_total, "project", "projects"), ": ",
                                 summary.keys_active, " active, ", summary.keys_usable,
                                 " usable now. ", Count(summary.leases_open, "lease", "leases"),
                                 " open."));
    lines.push_back(absl::StrCat("Requests a day start again at ",
                                 Moment(summary.day_resets_at, summary.now, look.zone), "."));
  } else {
    lines.push_back("The pool has no key: nothing can be served.");
  }
  if (!summary.advice.empty()) {
    lines.push_back(Harmless(summary.advice));
  } else if (summary.keys_total == 0) {
    lines.push_back("Add one with: poolctl add --project YOUR-GOOGLE-CLOUD-PROJECT");
  }
  lines.push_back("");
  if (look.columns > 0) {
    for (std::string& line : lines) line = Cut(line, look.columns);
  }
  return lines;
}

std::vector<std::string> KeyLines(const std::vector<KeyStatus>& keys, absl::Time now,
                                  const Look& look) {
  if (keys.empty()) return {};
  TextTable table({"KEY", "PROJECT", "SECRET", "STATE", "MODEL", "MINUTE", "DAY", "UNTIL", "WHY"});
  for (const KeyStatus& key : keys) AddKey(&table, key, now, look);
  return table.Lines(look.colour, look.columns);
}

}  // namespace keypool::cli
