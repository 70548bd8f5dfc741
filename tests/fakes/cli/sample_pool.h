// A pool as keyd might describe it, with one key in each state.
#pragma once

#include "keyd/base/admin.h"

namespace keypool::cli {

// 2026-11-22 14:00:00 in UTC+1.
inline absl::Time SampleNow() { return absl::FromUnixSeconds(1'795'352'400); }

inline PoolStatus SamplePool() {
  const absl::Time now = SampleNow();
  PoolStatus pool;
  pool.summary = {now, Epoch{3}, 3, 2, 1, 2, 1, now + absl::Minutes(19 * 60), ""};
  KeyStatus ready;
  ready.id = KeyId{1};
  ready.project = ProjectId{"team-a"};
  ready.masked_secret = "AIza\u2026aaaa";
  ready.added_at = now - absl::Hours(24);
  ready.last_used_at = now - absl::Seconds(1);
  ready.buckets = {{"gemini-2.5-flash", BucketState::kReady, std::nullopt, "", {3, 10}, {12, 250}},
                   {"gemini-2.5-pro",
                    BucketState::kExhausted,
                    now + absl::Seconds(130),
                    "requests this minute",
                    {10, 10},
                    {80, 250}}};
  KeyStatus cooling;
  cooling.id = KeyId{2};
  cooling.project = OwnProject(cooling.id);
  cooling.masked_secret = "AIza\u2026bbbb";
  cooling.added_at = now - absl::Hours(24);
  cooling.buckets = {{"gemini-2.5-flash",
                      BucketState::kCooling,
                      now + absl::Minutes(19 * 60),
                      "Google: per day",
                      {0, 10},
                      {250, 250}}};
  KeyStatus disabled;
  disabled.id = KeyId{3};
  disabled.project = ProjectId{"team-a"};
  disabled.masked_secret = "AIza\u2026cccc";
  disabled.active = false;
  disabled.disabled_reason = "billing \u641c\u7d22";
  disabled.disabled_at = now - absl::Hours(2);
  disabled.added_at = now - absl::Hours(24);
  pool.keys = {ready, cooling, disabled};
  return pool;
}

}  // namespace keypool::cli
