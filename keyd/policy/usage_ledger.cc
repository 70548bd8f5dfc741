#include "keyd/policy/usage_ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "keyd/base/status.h"

namespace keypool::policy {
namespace {

constexpr absl::CivilDay kDayZero(1970, 1, 1);
constexpr absl::Duration kSweepEvery = absl::Seconds(1);
// The pace leaves the store's time to the grants: 512 rows are a few milliseconds of its thread.
constexpr absl::Duration kStepEvery = absl::Milliseconds(100);
constexpr int kStepsPerTick = 512;

}  // namespace

UsageLedger::UsageLedger(const Options& options) : options_(options) {}
UsageLedger::~UsageLedger() = default;

void UsageLedger::Turn(absl::Time wall) {
  const absl::CivilHour hour = absl::ToCivilHour(wall, absl::UTCTimeZone());
  hour_starts_ = absl::FromCivil(hour, absl::UTCTimeZone());
  hour_ends_ = hour_starts_ + absl::Hours(1);
  hour_ = hour - absl::CivilHour(kDayZero);
  // Pacific time is whole hours from UTC, so an hour is of one day.
  today_ = DayOf(hour_starts_);
}

std::int64_t UsageLedger::DayOf(absl::Time wall) const {
  return absl::ToCivilDay(wall, options_.pacific) - kDayZero;
}

absl::Time UsageLedger::StartOf(std::int64_t day) const {
  return absl::FromCivil(kDayZero + day, options_.pacific);
}

void UsageLedger::Add(UsageDimension dimension, std::string_view name, const UsageCounts& counts,
                      UsagePlace* place) {
  Series* series = nullptr;
  if (place && place->generation != 0 && series_[place->at]->generation == place->generation) {
    series = series_[place->at].get();
  } else {
    series = FindOrMake(dimension, name);
    if (place) *place = {series->slot, series->generation};
  }
  if (series->open_hour != hour_) Open(series);
  RowMap::value_type& row = *series->open;
  row.second.counts += counts;
  if (row.second.ticket == 0) Changed(&row);
}

UsageLedger::Series* UsageLedger::Find(UsageDimension dimension, std::string_view name) {
  const auto& names = by_name_[static_cast<std::size_t>(dimension)];
  const auto found = names.find(ToAbsl(name));
  return found == names.end() ? nullptr : found->second;
}

UsageLedger::Series* UsageLedger::FindOrMake(UsageDimension dimension, std::string_view name) {
  if (Series* known = Find(dimension, name)) return known;
  const auto& names = by_name_[static_cast<std::size_t>(dimension)];
  if (names.size() >= options_.names_max && name != kOther) return FindOrMake(dimension, kOther);
  return Make(dimension, name);
}

UsageLedger::Series* UsageLedger::Make(UsageDimension dimension, std::string_view name) {
  if (free_.empty()) {
    series_.push_back(std::make_unique<Series>());
    series_.back()->slot = static_cast<std::uint32_t>(series_.size() - 1);
    free_.push_back(series_.back().get());
  }
  Series* series = free_.back();
  free_.pop_back();
  series->dimension = dimension;
  series->name = name;
  by_name_[static_cast<std::size_t>(dimension)].emplace(series->name, series);
  return series;
}

// Its last row is gone: the name makes room for another one.
void UsageLedger::Forget(Series* series) {
  by_name_[static_cast<std::size_t>(series->dimension)].erase(series->name);
  ++series->generation;
  free_.push_back(series);
  // Those that were sent there for want of room look again.
  if (Series* other = Find(series->dimension, kOther)) ++other->generation;
}

void UsageLedger::Open(Series* series) {
  series->open = GetOrMake(series, today_, hour_);
  series->open_hour = hour_;
}

UsageLedger::RowMap::iterator UsageLedger::GetOrMake(Series* series, std::int64_t day,
                                                     std::int64_t hour) {
  const auto [row, made] = RowsOf(series->dimension).try_emplace({day, series->name, hour});
  if (made) {
    row->second.series = series;
    ++series->rows;
    ++row_count_;
  }
  return row;
}

void UsageLedger::Erase(RowMap::iterator row, Mutations* mutations) {
  Series* series = row->second.series;
  const auto& [day, name, hour] = row->first;
  if (row->second.saved) {
    mutations->push_back(DeleteUsage{{series->dimension, {day, std::string(name), hour}}});
  }
  Unchanged(&row->second);
  if (series->open_hour != kWholeDay && series->open == row) series->open_hour = kWholeDay;
  RowsOf(series->dimension).erase(row);
  --row_count_;
  if (--series->rows == 0) Forget(series);
}

void UsageLedger::Changed(RowMap::value_type* row) {
  row->second.ticket = first_ticket_ + changed_.size();
  changed_.push_back(row);
}

void UsageLedger::Unchanged(Row* row) {
  if (row->ticket == 0) return;
  changed_[row->ticket - first_ticket_] = nullptr;
  row->ticket = 0;
}

void UsageLedger::Write(RowMap::value_type* row, Mutations* mutations) {
  const auto& [day, name, hour] = row->first;
  mutations->push_back(UsageRecord{{row->second.series->dimension, {day, std::string(name), hour}},
                                   row->second.counts});
  Unchanged(&row->second);
  row->second.saved = true;
}

void UsageLedger::WriteNext(Mutations* mutations) {
  if (changed_.front()) Write(changed_.front(), mutations);
  changed_.pop_front();
  ++first_ticket_;
}

void UsageLedger::Flush(Mutations* mutations) {
  while (!changed_.empty()) WriteNext(mutations);
  sweep_left_ = 0;
}

void UsageLedger::Tick(const Now& now, Mutations* mutations) {
  Follow(now.wall);
  if (now.mono < step_at_) return;
  step_at_ = now.mono + kStepEvery;
  if (sweep_left_ == 0 && now.mono >= sweep_at_) {
    sweep_left_ = changed_.size();
    sweep_at_ = now.mono + kSweepEvery;
  }
  for (int steps = kStepsPerTick; sweep_left_ > 0 && steps > 0; --steps, --sweep_left_) {
    WriteNext(mutations);
  }
  int steps = kStepsPerTick;
  DropOld(&steps, mutations);
  MakeRoom(&steps, mutations);
}

void UsageLedger::DropOld(int* steps, Mutations* mutations) {
  for (RowMap& rows : rows_) {
    for (; !rows.empty() && rows.begin()->first.day <= today_ - kUsageDaysMax; --*steps) {
      if (*steps <= 0) return;
      Erase(rows.begin(), mutations);
    }
  }
}

void UsageLedger::MakeRoom(int* steps, Mutations* mutations) {
  for (; row_count_ > options_.rows_max && *steps > 0; --*steps) {
    if (folded_in_hour_ != hour_) {
      if (FoldNext(steps, mutations)) continue;
      // Of the present day only: what is before stays folded.
      folded_in_hour_ = hour_;
      fold_ = {.day = today_, .dimension = 0, .name = {}};
    }
    if (!DropOldestDay(mutations)) return;
  }
}

// One step over the names of one day after the other. False: that was the last one.
bool UsageLedger::FoldNext(int* steps, Mutations* mutations) {
  if (fold_.day > today_) return false;
  RowMap& rows = rows_[fold_.dimension];
  const auto first = rows.lower_bound({fold_.day, fold_.name, kWholeDay});
  if (first != rows.end() && first->first.day == fold_.day) {
    fold_.name = first->first.name;
    fold_.name += '\0';  // the next name that can be
    *steps -= FoldGroup(first, mutations);
    return true;
  }
  fold_.name.clear();
  if (++fold_.dimension < rows_.size()) return true;
  fold_.dimension = 0;
  std::int64_t next = INT64_MAX;
  for (const RowMap& each : rows_) {
    const auto row = each.lower_bound({fold_.day + 1, "", kWholeDay});
    if (row != each.end()) next = std::min(next, row->first.day);
  }
  fold_.day = next;
  return next <= today_;
}

// Makes one row of the rows of one name and day, but for the hour under way. They leave the store
// in the batch in which their sum enters it. Returns how many did.
int UsageLedger::FoldGroup(RowMap::iterator first, Mutations* mutations) {
  Series* series = first->second.series;
  RowMap& rows = RowsOf(series->dimension);
  const std::int64_t day = first->first.day;
  std::vector<RowMap::iterator> hours;
  UsageCounts sum;
  for (auto row = first; row != rows.end() && row->second.series == series; ++row) {
    if (row->first.day != day) break;
    if (row->first.hour == hour_) continue;
    sum += row->second.counts;
    hours.push_back(row);
  }
  if (hours.size() < 2) return 0;
  const auto whole = GetOrMake(series, day, kWholeDay);
  whole->second.counts = sum;
  Write(&*whole, mutations);
  for (const auto row : hours) {
    if (row != whole) Erase(row, mutations);
  }
  return static_cast<int>(hours.size());
}

bool UsageLedger::DropOldestDay(Mutations* mutations) {
  RowMap* oldest = nullptr;
  for (RowMap& rows : rows_) {
    if (rows.empty() || rows.begin()->first.day >= today_) continue;
    if (!oldest || rows.begin()->first.day < oldest->begin()->first.day) oldest = &rows;
  }
  if (!oldest) return false;  // what is left is of today, two rows a name at most
  Erase(oldest->begin(), mutations);
  return true;
}

absl::Status UsageLedger::Restore(const UsageRecord& record) {
  const UsageCounts& c = record.counts;
  const auto& [day, name, hour] = record.name.place;
  const std::int64_t least = std::min({c.requests, c.limited, c.errors, c.input_tokens,
                                       c.cached_tokens, c.output_tokens, c.thought_tokens});
  Series* series = Find(record.name.dimension, name);
  // Beyond the bound too: it was kept under an earlier one, and goes with time.
  if (!series) series = Make(record.name.dimension, name);
  const std::size_t before = row_count_;
  const auto row = GetOrMake(series, day, hour);
  if (least < 0 || row_count_ == before) {
    return absl::DataLossError(
        absl::StrCat("the stored usage of the ", ToAbsl(NameOf(record.name.dimension)), " ", name,
                     " on day ", day, least < 0 ? " has a negative count" : " is there twice"));
  }
  row->second.counts = c;
  row->second.saved = true;
  return absl::OkStatus();
}

UsagePage UsageLedger::Rows(const UsageQuery& query, absl::Time wall) const {
  const RowMap& rows = RowsOf(query.by);
  const std::int64_t first_day = DayOf(wall) - query.days + 1;
  auto row = rows.lower_bound({first_day, "", kWholeDay});
  if (query.after && query.after->day >= first_day) {
    const std::int64_t hour = query.hourly ? query.after->hour : INT64_MAX;
    row = rows.upper_bound({query.after->day, query.after->name, hour});
  }
  UsagePage page;
  std::int64_t day = INT64_MIN;  // that the two times are of
  absl::Time starts, ends;
  while (row != rows.end()) {
    if (page.rows.size() == query.rows_max) {
      page.more = true;
      break;
    }
    const At at = row->first;
    if (day != at.day) {
      day = at.day;
      starts = StartOf(day);
      ends = StartOf(day + 1);
    }
    UsageRow shown;
    shown.place = {at.day, std::string(at.name), query.hourly ? at.hour : kWholeDay};
    shown.start = starts;
    shown.end = ends;
    shown.counts = row->second.counts;
    if (shown.place.hour != kWholeDay) {
      shown.start = absl::UnixEpoch() + absl::Hours(at.hour);
      shown.end = shown.start + absl::Hours(1);
    }
    const Series* series = row->second.series;
    for (++row; !query.hourly && row != rows.end(); ++row) {
      if (row->second.series != series || row->first.day != day) break;
      shown.counts += row->second.counts;
    }
    page.rows.push_back(std::move(shown));
  }
  return page;
}

}  // namespace keypool::policy
