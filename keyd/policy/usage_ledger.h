// What went through the pool: requests, refusals, errors and tokens by key, project, model and
// client, for each hour of UTC and each Pacific day.
//
// A series for each name of each dimension, not for each combination of them, so that memory is
// bounded: so many names to a dimension, so many rows in all. Hours are kept as long as there is
// room; then the oldest are folded into their day, and when there is nothing left to fold the
// oldest days go. Whatever is older than kUsageDaysMax days goes too.
//
// Statistics, not quota: rows that changed are written by Tick about once a second, not before an
// answer, so a kill loses about the last second of them (a little more with more than 5,000 names
// in use at once, because the store is shared with the grants). The counts that limit requests are
// elsewhere and lose nothing.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keyd/base/admin.h"
#include "keyd/base/clock.h"
#include "keyd/policy/types.h"
#include "keyd/policy/usage_place.h"

namespace keypool::policy {

// Pure; not thread-safe. The hour is that of the last Follow.
class UsageLedger {
 public:
  struct Options {
    std::size_t names_max = 0;  // of each dimension; those beyond count as kOther
    std::size_t rows_max = 0;
    absl::TimeZone pacific;
  };
  static constexpr std::string_view kOther = "(other)";

  explicit UsageLedger(const Options& options);
  ~UsageLedger();
  UsageLedger(const UsageLedger&) = delete;
  UsageLedger& operator=(const UsageLedger&) = delete;

  void Follow(absl::Time wall) {
    if (wall < hour_starts_ || wall >= hour_ends_) Turn(wall);
  }
  // `place`, of the same dimension and name at every call, saves the look-up; nullptr: without.
  void Add(UsageDimension dimension, std::string_view name, const UsageCounts& counts,
           UsagePlace* place);

  // Writes what changed, drops what is too old, makes room: in bounded steps at a steady pace,
  // however often it is called.
  void Tick(const Now& now, Mutations* mutations);
  // Writes everything that changed, for an orderly stop.
  void Flush(Mutations* mutations);
  // Takes in what Flush or Tick wrote. Errors: DATA_LOSS (the row is named).
  absl::Status Restore(const UsageRecord& record);

  // O(page); of a page by days at most 25 times as much.
  UsagePage Rows(const UsageQuery& query, absl::Time wall) const;
  std::size_t row_count() const { return row_count_; }

 private:
  struct Series;
  // In the order of UsageRow::Place. The name is the series' own.
  struct At {
    std::int64_t day = 0;
    std::string_view name;
    std::int64_t hour = kWholeDay;
    friend auto operator<=>(const At&, const At&) = default;
  };
  struct Row {
    UsageCounts counts;
    Series* series = nullptr;
    std::uint64_t ticket = 0;  // its place in changed_; 0: the store has it as it is
    bool saved = false;        // the store has it, be it as it was
  };
  using RowMap = std::map<At, Row>;  // a node stays where it is, so a series can point to its own
  struct Series {
    UsageDimension dimension;
    std::string name;
    std::uint32_t slot = 0;
    std::uint32_t generation = 1;
    std::size_t rows = 0;
    std::int64_t open_hour = kWholeDay;  // that `open` is of; kWholeDay: of none
    RowMap::iterator open;
  };
  // Where folding goes on: every name before has no two rows of one day to fold.
  struct FoldAt {
    std::int64_t day = INT64_MIN;
    std::size_t dimension = 0;
    std::string name;
  };
  static constexpr std::int64_t kWholeDay = -1;

  void Turn(absl::Time wall);
  std::int64_t DayOf(absl::Time wall) const;
  absl::Time StartOf(std::int64_t day) const;
  RowMap& RowsOf(UsageDimension d) { return rows_[static_cast<std::size_t>(d)]; }
  const RowMap& RowsOf(UsageDimension d) const { return rows_[static_cast<std::size_t>(d)]; }

  Series* Find(UsageDimension dimension, std::string_view name);
  // Beyond the bound: that of kOther.
  Series* FindOrMake(UsageDimension dimension, std::string_view name);
  Series* Make(UsageDimension dimension, std::string_view name);
  void Forget(Series* series);
  void Open(Series* series);
  RowMap::iterator GetOrMake(Series* series, std::int64_t day, std::int64_t hour);
  void Erase(RowMap::iterator row, Mutations* mutations);

  void Changed(RowMap::value_type* row);
  void Unchanged(Row* row);
  void Write(RowMap::value_type* row, Mutations* mutations);
  void WriteNext(Mutations* mutations);
  void DropOld(int* steps, Mutations* mutations);
  void MakeRoom(int* steps, Mutations* mutations);
  bool FoldNext(int* steps, Mutations* mutations);
  int FoldGroup(RowMap::iterator first, Mutations* mutations);
  bool DropOldestDay(Mutations* mutations);

  const Options options_;
  absl::Time hour_starts_ = absl::InfiniteFuture(), hour_ends_ = absl::InfinitePast();
  std::int64_t hour_ = 0;  // since 1970
  std::int64_t today_ = 0;

  std::array<absl::flat_hash_map<std::string, Series*>, kUsageDimensions> by_name_;
  std::vector<std::unique_ptr<Series>> series_;  // by slot; those without a name are free_
  std::vector<Series*> free_;
  std::array<RowMap, kUsageDimensions> rows_;
  std::size_t row_count_ = 0;

  // Rows to write, in the order in which they changed; nullptr: written or gone since. A ticket is
  // a place in it, counted from the first one ever.
  std::deque<RowMap::value_type*> changed_;
  std::uint64_t first_ticket_ = 1;
  std::size_t sweep_left_ = 0;  // of the round of writing that is under way
  MonoTime sweep_at_;           // when the next one begins
  MonoTime step_at_;
  FoldAt fold_;
  std::int64_t folded_in_hour_ = kWholeDay;  // in which everything was found folded
};

}  // namespace keypool::policy
