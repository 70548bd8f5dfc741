// Acquires that wait for one project, among those that wait for any.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A grant weighs on its minute this long.
constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

class PinWait : public PoolTest {
 protected:
  PinWait() {
    config.default_limits = {.requests_per_minute = 1, .requests_per_day = 100};
    Start();
    Add("secret-a", "a");
    Add("secret-b", "b");
  }
  static AcquireCommand From(std::string client, AcquireCommand command = Metered()) {
    command.client = std::move(client);
    command.wait_up_to = kWaitMax;
    return command;
  }
  static AcquireCommand To(std::string project, std::string client = "c") {
    AcquireCommand command = From(std::move(client));
    command.project = ProjectId{std::move(project)};
    return command;
  }
  // Nothing: it is held back.
  std::optional<AcquireReply> Ask(std::uint64_t ticket, const AcquireCommand& command) {
    std::optional<AcquireReply> reply =
        pool->ApplyOrHold(command, ticket, now(), random, &mutations);
    Commit();
    return reply;
  }
  bool Holds(std::uint64_t ticket, const AcquireCommand& command) {
    return !Ask(ticket, command).has_value();
  }
  std::vector<Pool::Answered> Serve() {
    std::vector<Pool::Answered> answers = pool->ServeWaiting(now(), random, &mutations);
    Commit();
    return answers;
  }
  // With the projects, such as "3a".
  std::vector<std::string> Served() {
    std::vector<std::string> served;
    for (const Pool::Answered& answer : Serve()) {
      const Grant* grant = std::get_if<Grant>(&answer.reply);
      served.push_back(absl::StrCat(answer.ticket, grant ? grant->project.value() : "-"));
    }
    return served;
  }
  void Learn(std::string project, std::string name) {
    AcquireCommand command = Unmetered();
    command.project = ProjectId{std::move(project)};
    ReportCommand report = ReportOf(PoolTest::Granted(command), Status(200));
    report.resources = {{std::move(name), absl::Hours(1)}};
    Apply(report);
  }
};

TEST_F(PinWait, IsGrantedWhenTheMinuteOfItsProjectOpensThoughOthersAreFree) {
  Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  EXPECT_THAT(Serve(), IsEmpty());
  EXPECT_EQ(pool->NextWaitingDue(), mono + kSpan);
  Advance(kSpan - absl::Nanoseconds(1));
  EXPECT_THAT(Serve(), IsEmpty());
  Advance(absl::Nanoseconds(1));
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  const Grant& grant = std::get<Grant>(answers[0].reply);
  EXPECT_EQ(grant.project, ProjectId{"a"});
  EXPECT_EQ(grant.waited, kSpan);
  EXPECT_EQ(pool->Held(), 0u);
  EXPECT_EQ(pool->NextWaitingDue(), MonoTime::Max());
}

TEST_F(PinWait, BlocksNobodyWhoCanGoElsewhere) {
  Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  const std::optional<AcquireReply> other = Ask(2, From("c"));
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(std::get<Grant>(*other).project, ProjectId{"b"});
  EXPECT_TRUE(Holds(3, From("c")));
  Advance(absl::Seconds(1));
  Add("secret-d", "d");
  EXPECT_THAT(Served(), ElementsAre("3d"));
}

TEST_F(PinWait, ThoseForOneProjectDoNotWaitForThoseForAnother) {
  Granted(To("a"));
  Advance(absl::Seconds(10));
  Granted(To("b"));
  ASSERT_TRUE(Holds(1, To("b")));
  ASSERT_TRUE(Holds(2, To("a")));
  EXPECT_THAT(Serve(), IsEmpty());
  Advance(kSpan - absl::Seconds(10));
  EXPECT_THAT(Served(), ElementsAre("2a"));
  Advance(absl::Seconds(10));
  EXPECT_THAT(Served(), ElementsAre("1b"));
}

TEST_F(PinWait, TakesTurnsWithThoseWhoCanGoAnywhere) {
  const KeyId b = KeyId{2};
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{b, ""}, now(), &mutations).ok());
  Granted();
  for (std::uint64_t ticket : {1, 2, 3}) ASSERT_TRUE(Holds(ticket, From("c")));
  for (std::uint64_t ticket : {11, 12, 13}) ASSERT_TRUE(Holds(ticket, To("a")));
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) {
    Advance(kSpan);
    const std::vector<std::string> served = Served();
    order.insert(order.end(), served.begin(), served.end());
  }
  EXPECT_THAT(order, ElementsAre("11a", "1a", "12a", "2a"));
}

TEST_F(PinWait, ClientsTakeTurnsForOneProjectToo) {
  config.default_limits.requests_per_minute = 3;
  Start();
  for (int i = 0; i < 3; ++i) Granted(To("a"));
  for (std::uint64_t ticket : {1, 2, 3}) ASSERT_TRUE(Holds(ticket, To("a", "greedy")));
  ASSERT_TRUE(Holds(4, To("a", "modest")));
  Advance(kSpan);
  EXPECT_THAT(Served(), ElementsAre("1a", "4a", "2a"));
}

TEST_F(PinWait, WhoComesLaterIsServedLater) {
  Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  Advance(kSpan);
  ASSERT_TRUE(Holds(2, To("a"))) << "though the slot is free";
  EXPECT_THAT(Served(), ElementsAre("1a"));
  // Nor does it overtake those who can go anywhere and wait already.
  Granted(To("b"));
  ASSERT_TRUE(Holds(3, From("c")));
  Advance(kSpan);
  ASSERT_TRUE(Holds(4, To("b")));
  EXPECT_EQ(pool->Held(), 3u);
  EXPECT_THAT(Served(), testing::UnorderedElementsAre("2a", "4b"));
}

TEST_F(PinWait, SmallRequestsOfOthersDoNotEatTheRoomThatItWaitsFor) {
  config.default_limits = {
      .requests_per_minute = 100, .requests_per_day = 1'000, .input_tokens_per_minute = 1'000};
  config.limits.projects["a"].own.all_models.requests_per_day = 5'000;  // so it goes first
  Start();
  AcquireCommand large = To("a");
  large.input_tokens = 900;
  Granted(large);
  ASSERT_TRUE(Holds(1, large));
  AcquireCommand small = Metered();
  small.input_tokens = 1;
  for (int i = 0; i < 60; ++i) {
    Advance(absl::Seconds(1));
    EXPECT_EQ(Granted(small).project, ProjectId{"b"});
  }
  Advance(kSpan - absl::Seconds(60));
  EXPECT_THAT(Served(), ElementsAre("1a"));
  EXPECT_EQ(Granted(small).project, ProjectId{"a"}) << "nobody waits for it any more";
}

TEST_F(PinWait, WhoIsWithdrawnCostsNothing) {
  Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  ASSERT_TRUE(Holds(2, To("a")));
  pool->Withdraw(1);
  pool->Withdraw(77);
  Advance(kSpan);
  EXPECT_THAT(Served(), ElementsAre("2a"));
  ASSERT_TRUE(Holds(3, To("a")));
  pool->Withdraw(3);
  EXPECT_EQ(pool->Held(), 0u);
  EXPECT_EQ(pool->NextWaitingDue(), MonoTime::Max());
}

TEST_F(PinWait, ASlotThatComesBackIsGiven) {
  const Grant unused = Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  EXPECT_THAT(Serve(), IsEmpty());
  ReportUnsent(unused);
  EXPECT_THAT(Served(), ElementsAre("1a"));
}

TEST_F(PinWait, OfManyProjectsEachIsLookedAtBeforeItsTimeInSomeRound) {
  std::vector<Grant> grants;
  for (int i = 0; i < 100; ++i) {
    const std::string project = absl::StrCat("p", i);
    Add(absl::StrCat("secret-number-", i), project);
    grants.push_back(Granted(To(project)));
    ASSERT_TRUE(Holds(static_cast<std::uint64_t>(i), To(project)));
  }
  EXPECT_THAT(Serve(), IsEmpty());
  ReportUnsent(grants[70]);
  std::vector<std::string> served;
  for (int round = 0; round < 7 && served.empty(); ++round) served = Served();
  EXPECT_THAT(served, ElementsAre("70p70"));
  Advance(kSpan);
  EXPECT_EQ(Served().size(), 99u);
}

TEST_F(PinWait, ARestedKeyIsWaitedForAndAMissingOneIsNot) {
  EXPECT_FALSE(Holds(1, To("nobody")));
  AnswerFacts refused = Status(400);
  refused.message = MessageClass::kKeyNotValid;
  Report(Granted(To("a")), refused);
  const absl::Duration rest = *Refused(To("a")).retry_after;
  AcquireCommand command = To("a");
  command.wait_up_to = rest;
  ASSERT_TRUE(Holds(2, command));
  Advance(rest - absl::Seconds(1));
  EXPECT_THAT(Serve(), IsEmpty());
  Advance(absl::Seconds(1));
  TickUntilDone();
  EXPECT_THAT(Served(), ElementsAre("2a"));
}

TEST_F(PinWait, IsToldWhenTheLastKeyOfItsProjectGoes) {
  Granted(To("a"));
  ASSERT_TRUE(Holds(1, To("a")));
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{KeyId{1}}, now(), &mutations).ok());
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(std::get<Refusal>(answers[0].reply).reason, RefusalReason::kOwnerUnavailable);
}

TEST_F(PinWait, WhatBecomesKnownMeanwhileIsWaitedForWhereItLives) {
  Granted(To("a"));
  Granted(To("b"));
  AcquireCommand naming = From("c");
  naming.resources = {"files/x"};
  ASSERT_TRUE(Holds(1, naming));
  ASSERT_TRUE(Holds(2, From("c")));
  Learn("a", "files/x");
  Advance(absl::Seconds(10));
  Add("secret-d", "d");
  EXPECT_THAT(Served(), ElementsAre("2d"));
  EXPECT_EQ(pool->Held(), 1u);
  Advance(kSpan - absl::Seconds(10));
  const std::vector<Pool::Answered> answers = Serve();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(std::get<Grant>(answers[0].reply).project, ProjectId{"a"});
  EXPECT_TRUE(std::get<Grant>(answers[0].reply).owns);
}

TEST_F(PinWait, NobodyWaitsForAFurtherProject) {
  Granted(To("a"));
  Granted(To("b"));
  AcquireCommand command = From("c");
  command.after_project = ProjectId{""};
  const std::optional<AcquireReply> reply = Ask(1, command);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(std::get<Refusal>(*reply).reason, RefusalReason::kNoMoreProjects);
}

TEST_F(PinWait, TheModelIsKeptForThem) {
  config.models_max = 1;
  Start();
  ReportUnsent(Granted(To("a")));
  AcquireCommand command = To("a");
  Granted(command);
  ASSERT_TRUE(Holds(1, command));
  Advance(kSpan);
  EXPECT_EQ(Refused(Metered("another")).reason, RefusalReason::kLimitReached);
  EXPECT_THAT(Served(), ElementsAre("1a"));
}

}  // namespace
}  // namespace keypool::policy
