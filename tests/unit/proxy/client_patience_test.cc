#include "proxy/client_patience.h"

#include <gtest/gtest.h>

namespace keypool::proxy {
namespace {

ClientPatience Patience(std::int64_t rate) {
  ClientPatience patience;
  patience.body_stall = absl::Seconds(30);
  patience.body_bytes_per_second_min = rate;
  return patience;
}

MonoTime At(std::int64_t seconds) { return MonoTime() + absl::Seconds(seconds); }

TEST(BodyPace, FirstByteThenItMayTakeAsLongAsAStall) {
  const ClientPatience patience = Patience(100);
  BodyPace pace(patience);
  EXPECT_EQ(pace.BeginWait(0, At(5)), absl::Seconds(30));
}

TEST(BodyPace, BytesDribbleThenTheWaitsTogetherAreBounded) {
  const ClientPatience patience = Patience(100);
  BodyPace pace(patience);
  absl::Duration waited;
  for (std::uint64_t bytes = 0; pace.BeginWait(bytes, At(0)) > absl::ZeroDuration(); ++bytes) {
    pace.EndWait(At(1));
    waited += absl::Seconds(1);
    ASSERT_LT(waited, absl::Seconds(40));
  }
  EXPECT_GE(waited, absl::Seconds(30));
}

TEST(BodyPace, PayloadComesAtTheRateThenItGoesOn) {
  const ClientPatience patience = Patience(100);
  BodyPace pace(patience);
  for (std::uint64_t seconds = 0; seconds < 10'000; ++seconds) {
    ASSERT_GE(pace.BeginWait(seconds * 100, At(0)), absl::Seconds(29)) << seconds;
    pace.EndWait(At(1));
  }
}

TEST(BodyPace, TimeBetweenWaitsThenItCostsTheClientNothing) {
  const ClientPatience patience = Patience(100);
  BodyPace pace(patience);
  pace.BeginWait(0, At(0));
  pace.EndWait(At(20));
  EXPECT_EQ(pace.BeginWait(0, At(10'000)), absl::Seconds(10));
}

TEST(BodyPace, NoRateThenOnlyTheStallCounts) {
  const ClientPatience patience = Patience(0);
  BodyPace pace(patience);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(pace.BeginWait(1, At(0)), absl::Seconds(30));
    pace.EndWait(At(20));
  }
}

TEST(BodyPace, HugeBodyThenTheWaitIsStillNoLongerThanAStall) {
  const ClientPatience patience = Patience(1);
  BodyPace pace(patience);
  EXPECT_EQ(pace.BeginWait(UINT64_MAX, At(0)), absl::Seconds(30));
}

}  // namespace
}  // namespace keypool::proxy
