#include "cli/render.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/text_table.h"

namespace keypool::cli {
namespace {

std::string Count(std::int64_t n, const char* one, const char* many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

// Few digits: of tokens there are many.
std::string Short(std::int64_t n) {
  if (n < 10'000) return absl::StrCat(n);
  if (n < 10'000'000) return absl::StrCat(n / 1'000, "k");
  return absl::StrCat(n / 1'000'000, "M");
}

std::string UsedOfLimit(const WindowStatus& window) {
  return absl::StrCat(window.used, "/",
                      window.limit == kUnlimited ? "-" : absl::StrCat(window.limit),
                      window.source == LimitSource::kLearned ? " learned" : "");
}

std::string TokensOfLimit(const WindowStatus& window) {
  return absl::StrCat(Short(window.used), "/",
                      window.limit == kUnlimited ? "-" : Short(window.limit),
                      window.source == LimitSource::kLearned ? " learned" : "");
}

// The columns of tokens take room, so they are shown only where they say something.
struct TokenColumns {
  bool minute = false, day = false;
};
TokenColumns TokenColumnsOf(const std::vector<KeyStatus>& keys) {
  TokenColumns columns;
  for (const KeyStatus& key : keys) {
    for (const BucketStatus& bucket : key.buckets) {
      const WindowStatus& minute = bucket.tokens_per_minute;
      columns.minute |= minute.used > 0 || minute.source != LimitSource::kDefault;
      columns.day |= bucket.tokens_per_day.limit != kUnlimited;
    }
  }
  return columns;
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

void AddKey(TextTable* table, const KeyStatus& key, TokenColumns tokens, absl::Time now,
            const Look& look) {
  std::vector<Cell> own = {{ToString(key.id)}, {ProjectShown(key)}, {key.masked_secret}};
  const auto add = [&](const KeyCells& cells, const BucketStatus* bucket) {
    std::vector<Cell> row = own;
    row.push_back(cells.state);
    row.push_back({bucket ? bucket->model : "-"});
    row.push_back({bucket ? UsedOfLimit(bucket->per_minute) : "-"});
    row.push_back({bucket ? UsedOfLimit(bucket->per_day) : "-"});
    if (tokens.minute) row.push_back({bucket ? TokensOfLimit(bucket->tokens_per_minute) : "-"});
    if (tokens.day) row.push_back({bucket ? TokensOfLimit(bucket->tokens_per_day) : "-"});
    row.push_back({cells.until});
    row.push_back({cells.why});
    table->Add(std::move(row));
    own = {{}, {}, {}};
  };
  if (key.buckets.empty()) {
    return add(
        key.active ? KeyCells{{"ready", Colour::kGreen}, "", ""} : DisabledCells(key, now, look),
        nullptr);
  }
  for (const BucketStatus& bucket : key.buckets) {
    KeyCells cells{StateCell(bucket.state), "", bucket.reason};
    if (bucket.ready_at) cells.until = Moment(*bucket.ready_at, now, look.zone);
    if (!key.active) cells = DisabledCells(key, now, look);
    add(cells, &bucket);
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
  const TokenColumns tokens = TokenColumnsOf(keys);
  std::vector<std::string> head = {"KEY", "PROJECT", "SECRET", "STATE", "MODEL", "MINUTE", "DAY"};
  if (tokens.minute) head.push_back("TOKENS/MIN");
  if (tokens.day) head.push_back("TOKENS/DAY");
  head.insert(head.end(), {"UNTIL", "WHY"});
  TextTable table(std::move(head));
  for (const KeyStatus& key : keys) AddKey(&table, key, tokens, now, look);
  return table.Lines(look.colour, look.columns);
}

}  // namespace keypool::cli
