#include "cli/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "tests/fakes/cli/sample_pool.h"

namespace keypool::cli {
namespace {

const Look kLook{absl::FixedTimeZone(3600), false, 0};

TEST(Until, SaysHowLongInTwoUnits) {
  EXPECT_EQ(Until(absl::ZeroDuration()), "now");
  EXPECT_EQ(Until(absl::Milliseconds(200)), "in 1 s");
  EXPECT_EQ(Until(absl::Seconds(130)), "in 2 m 10 s");
  EXPECT_EQ(Until(absl::Minutes(134)), "in 2 h 14 m");
  EXPECT_EQ(Until(absl::Hours(75)), "in 3 d 3 h");
}

TEST(Moment, IsLocalTimeWithTheZoneNamedAndTheDateOfAnotherDay) {
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  const absl::Time now = SampleNow();
  EXPECT_EQ(Moment(now + absl::Seconds(130), now, berlin), "14:02:10 CET (in 2 m 10 s)");
  EXPECT_EQ(Moment(now + absl::Hours(19), now, berlin), "2026-11-23 09:00 CET (in 19 h 0 m)");
  EXPECT_EQ(Moment(now - absl::Hours(2), now, berlin), "12:00:00 CET");
}

TEST(KeyLines, ShowUsedOfLimitStateUntilAndWhy) {
  const PoolStatus pool = SamplePool();
  const std::string text = absl::StrJoin(KeyLines(pool.keys, pool.summary.now, kLook), "\n") + "\n";
  EXPECT_EQ(text,
            "KEY    PROJECT    SECRET     STATE      MODEL             MINUTE  DAY      "
            "UNTIL                               WHY\n"
            "key_1  team-a     AIza\u2026aaaa  ready      gemini-2.5-flash  3/10    12/250\n"
            "                             exhausted  gemini-2.5-pro    10/10   80/250   "
            "14:02:10 +01 (in 2 m 10 s)          requests this minute\n"
            "key_2  (its own)  AIza\u2026bbbb  cooling    gemini-2.5-flash  0/10    250/250  "
            "2026-11-23 09:00 +01 (in 19 h 0 m)  Google: per day\n"
            "key_3  team-a     AIza\u2026cccc  disabled   -                 -       -        "
            "until enabled                       billing \u641c\u7d22 (since 12:00:00 +01)\n");
}

TEST(KeyLines, DisabledKeyIsDisabledWhateverItsProjectCanTake) {
  PoolStatus pool = SamplePool();
  pool.keys[0].active = false;
  pool.keys[0].disabled_reason = "API_KEY_INVALID";
  for (const std::string& line : KeyLines({pool.keys[0]}, pool.summary.now, kLook)) {
    EXPECT_EQ(line.find("exhausted"), std::string::npos);
  }
}

TEST(KeyLines, SayWhichLimitGoogleHasTold) {
  PoolStatus pool = SamplePool();
  pool.keys.resize(1);
  pool.keys[0].buckets[0].per_day = {12, 20, LimitSource::kLearned, pool.summary.now};
  EXPECT_THAT(absl::StrJoin(KeyLines(pool.keys, pool.summary.now, kLook), "\n"),
              testing::HasSubstr("3/10    12/20 learned"));
}

TEST(KeyLines, ShowTokensWhereTheySaySomething) {
  PoolStatus pool = SamplePool();
  pool.keys.resize(1);
  pool.keys[0].buckets.resize(1);
  BucketStatus& bucket = pool.keys[0].buckets[0];
  const auto text = [&] {
    return absl::StrJoin(KeyLines(pool.keys, pool.summary.now, kLook), "\n");
  };
  bucket.tokens_per_minute = {0, 250'000};
  EXPECT_THAT(text(), testing::Not(testing::HasSubstr("TOKENS")));
  bucket.tokens_per_minute = {123'456, 250'000};
  EXPECT_THAT(text(), testing::AllOf(testing::HasSubstr("123k/250k"),
                                     testing::Not(testing::HasSubstr("TOKENS/DAY"))));
  bucket.tokens_per_day = {9'999, 60'000'000, LimitSource::kLearned, pool.summary.now};
  EXPECT_THAT(text(), testing::HasSubstr("9999/60M learned"));
  bucket.per_day.limit = kUnlimited;
  EXPECT_THAT(text(), testing::HasSubstr("12/-"));
}

TEST(KeyLines, KeyThatRestsSaysWhenItIsTriedAgain) {
  PoolStatus pool = SamplePool();
  pool.keys.erase(pool.keys.begin(), pool.keys.begin() + 2);
  pool.keys[0].retry_at = pool.summary.now + absl::Seconds(130);
  EXPECT_THAT(absl::StrJoin(KeyLines(pool.keys, pool.summary.now, kLook), "\n"),
              testing::AllOf(testing::HasSubstr("14:02:10 +01 (in 2 m 10 s)"),
                             testing::Not(testing::HasSubstr("until enabled"))));
}

TEST(SummaryLines, CountKeysOrSayHowToAddOne) {
  PoolSummary summary = SamplePool().summary;
  EXPECT_EQ(SummaryLines(summary, kLook)[0],
            "3 keys in 2 projects: 2 active, 1 usable now. 1 lease open.");
  EXPECT_THAT(SummaryLines(summary, kLook)[1], testing::HasSubstr("2026-11-23 09:00 +01"));
  summary.keys_total = 0;
  EXPECT_THAT(absl::StrJoin(SummaryLines(summary, kLook), "\n"),
              testing::HasSubstr("poolctl add --project"));
  summary.advice = "enable key_1";
  EXPECT_THAT(absl::StrJoin(SummaryLines(summary, kLook), "\n"),
              testing::HasSubstr("enable key_1"));
}

}  // namespace
}  // namespace keypool::cli
