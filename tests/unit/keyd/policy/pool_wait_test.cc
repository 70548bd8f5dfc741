// Acquires that are held back: who is served when, and who is not held back at all.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A grant weighs on its minute this long.
constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

class Wait : public PoolTest {
 protected:
  // Nothing: it is held back.
  std::optional<AcquireReply> Ask(std::uint64_t ticket, AcquireCommand command) {
    std::optional<AcquireReply> reply =
        pool->ApplyOrHold(command, ticket, now(), random, &mutations);
    Commit();
    return reply;
  }
  static AcquireCommand From(std::string client, absl::Duration wait = absl::Minutes(3)) {
    AcquireCommand command = Metered();
    command.client = std::move(client);
    command.wait_up_to = wait;
    return command;
  }
  bool Holds(std::uint64_t ticket, AcquireCommand command) {
    return !Ask(ticket, std::move(command)).has_value();
  }
  std::vector<Pool::Answered> Serve() {
    std::vector<Pool::Answered> answers = pool->ServeWaiting(now(), random, &mutations);
    Commit();
    return answers;
  }
  std::vector<std::uint64_t> Granted() {
    std::vector<std::uint64_t> tickets;
    for (const Pool::Answered& answer : Serve()) {
      if (std::holds_alternative<Grant>(answer.reply)) tickets.push_back(answer.ticket);
    }
    return tickets;
  }
  // One project that may take two a minute, and has.
  void FillMinute() {
    Add("secret-a", "a");
    PoolTest::Granted();
    PoolTest::Granted();
  }
};

TEST_F(Wait, IsGrantedInTheMomentThatASlotOpens) {
  FillMinute();
  ASSERT_TRUE(Holds(1, From("c")));
  EXPECT_EQ(pool->Held(), 1u);
  EXPECT_THAT(Serve(), IsEmpty());
  EXPECT_EQ(pool->NextWaitingDue(), mono + kSpan);
  Advance(kSpan - absl::Nanoseconds(1));
  EXPECT_THAT(Serve(), IsEmpty());
  Advance(absl::Nanoseconds(1));
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(std::get<Grant>(answers[0].reply).waited, kSpan);
  EXPECT_EQ(pool->Held(), 0u);
  EXPECT_EQ(pool->NextWaitingDue(), MonoTime::Max());
}

TEST_F(Wait, WhatDoesNotPassInTimeIsRefusedAtOnce) {
  FillMinute();
  EXPECT_FALSE(Holds(1, From("c", kSpan - absl::Milliseconds(1))));
  EXPECT_FALSE(Holds(2, From("c", absl::ZeroDuration())));
  EXPECT_TRUE(Holds(3, From("c", kSpan)));
}

TEST_F(Wait, AnEmptyPoolIsNotWaitedFor) { EXPECT_FALSE(Holds(1, From("c", kWaitMax))); }

TEST_F(Wait, WhatCanBeGrantedIsGrantedAtOnce) {
  Add("secret-a", "a");
  const std::optional<AcquireReply> reply = Ask(1, From("c"));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(std::get<Grant>(*reply).waited, absl::ZeroDuration());
}

TEST_F(Wait, ClientsTakeTurnsAndEachIsServedInOrder) {
  config.default_limits = {.requests_per_minute = 5, .requests_per_day = 100};
  Start();
  Add("secret-a", "a");
  for (int i = 0; i < 5; ++i) PoolTest::Granted();
  for (std::uint64_t ticket : {1, 2, 3, 4}) ASSERT_TRUE(Holds(ticket, From("greedy")));
  ASSERT_TRUE(Holds(5, From("modest")));
  ASSERT_TRUE(Holds(6, From("late")));
  Advance(kSpan);
  EXPECT_THAT(Granted(), ElementsAre(1, 5, 6, 2, 3));
  EXPECT_EQ(pool->Held(), 1u);
}

TEST_F(Wait, WhoComesLaterIsServedLater) {
  FillMinute();
  ASSERT_TRUE(Holds(1, From("c")));
  ASSERT_TRUE(Holds(2, From("c")));
  Advance(kSpan);
  // Two slots are free, and two wait.
  ASSERT_TRUE(Holds(3, From("d")));
  EXPECT_THAT(Granted(), ElementsAre(1, 3));
}

TEST_F(Wait, ASlotThatComesBackIsGiven) {
  Add("secret-a", "a");
  PoolTest::Granted();
  const Grant unused = PoolTest::Granted();
  ASSERT_TRUE(Holds(1, From("c")));
  ReportUnsent(unused);
  EXPECT_THAT(Granted(), ElementsAre(1));
}

TEST_F(Wait, ANewKeyEndsIt) {
  FillMinute();
  ASSERT_TRUE(Holds(1, From("c")));
  Add("secret-b", "b");
  EXPECT_THAT(Granted(), ElementsAre(1));
}

TEST_F(Wait, WhoIsWithdrawnCostsNothing) {
  const KeyId key = Add("secret-a", "a");
  PoolTest::Granted();
  PoolTest::Granted();
  ASSERT_TRUE(Holds(1, From("c")));
  ASSERT_TRUE(Holds(2, From("c")));
  pool->Withdraw(1);
  pool->Withdraw(77);
  Advance(kSpan);
  EXPECT_THAT(Granted(), ElementsAre(2));
  EXPECT_EQ(Bucket(key).per_day.used, 3);
}

TEST_F(Wait, IsToldAsSoonAsItIsInVain) {
  Add("secret-a", "a");
  const Grant grant = PoolTest::Granted();
  PoolTest::Granted();
  ASSERT_TRUE(Holds(1, From("c", absl::Seconds(70))));
  // Google says that the minute is longer than we think.
  Report(grant, QuotaExceeded({"PerMinute"}, absl::Seconds(80)));
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  const Refusal& refusal = std::get<Refusal>(answers[0].reply);
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.retry_after, absl::Seconds(81));
  EXPECT_EQ(pool->Held(), 0u);
}

TEST_F(Wait, WhoseTurnDidNotComeInTimeIsTold) {
  FillMinute();
  for (std::uint64_t ticket : {1, 2, 3}) {
    ASSERT_TRUE(Holds(ticket, From("c", kSpan + absl::Seconds(1))));
  }
  Advance(kSpan);
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[2].ticket, 3u);
  EXPECT_EQ(std::get<Refusal>(answers[2].reply).retry_after, kSpan);
}

TEST_F(Wait, WhatHasFailedBeforeMayBeGrantedByThen) {
  config.default_limits.requests_per_minute = 1;
  Start();
  const KeyId key = Add("secret-a", "a");
  PoolTest::Granted();
  AcquireCommand command = From("c");
  command.exclude_keys = {key};
  ASSERT_TRUE(Holds(1, command));
  Advance(kSpan);
  EXPECT_THAT(Granted(), ElementsAre(1));
}

TEST_F(Wait, IsBounded) {
  config.waiting_max = 2;
  Start();
  FillMinute();
  EXPECT_TRUE(Holds(1, From("c")));
  EXPECT_TRUE(Holds(2, From("d")));
  EXPECT_FALSE(Holds(3, From("e")));
}

TEST_F(Wait, EndsWhenTheDayIsSpentByGooglesWord) {
  config.default_limits.requests_per_minute = 1;
  Start();
  Add("secret-a", "a");
  const Grant grant = PoolTest::Granted();
  ASSERT_TRUE(Holds(1, From("c")));
  Report(grant, QuotaExceeded({"PerDay"}));
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::get<Refusal>(answers[0].reply).spent_for_the_day);
}

TEST_F(Wait, ModelsDoNotWaitForEachOther) {
  FillMinute();
  ASSERT_TRUE(Holds(1, From("c")));
  AcquireCommand other = From("c");
  other.model = "another";
  EXPECT_FALSE(Holds(2, other));
}

}  // namespace
}  // namespace keypool::policy
