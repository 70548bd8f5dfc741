// What goes into the event log.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Events : public PoolTest {
 protected:
  // "KIND key project model row ×count" of each after the last call, without what is empty.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const PoolEvent& event : pool->Events({after_, 1000}).events) {
      std::string line(NameOf(event.kind));
      if (event.key) absl::StrAppend(&line, " ", ToString(*event.key));
      for (const std::string& part : {event.project.value(), event.model, event.row}) {
        if (!part.empty()) absl::StrAppend(&line, " ", part);
      }
      if (event.count > 1) absl::StrAppend(&line, " x", event.count);
      told.push_back(line);
      after_ = event.number;
      last_ = event;
    }
    return told;
  }
  std::uint64_t after_ = 0;
  PoolEvent last_;
};

TEST_F(Events, GrantsAndSuccessesAreNone) {
  Add("AIzaSecret1", "p");
  EXPECT_THAT(Told(), ElementsAre("key_added key_1 p"));
  Report(Granted(), Status(200));
  Granted();
  Refused();
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(Events, OperatorsActs) {
  const KeyId key = Add("AIzaSecret1", "p");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, "billing"}, now(), &mutations).ok());
  EXPECT_THAT(Told(), ElementsAre("key_added key_1 p", "key_disabled key_1 p"));
  EXPECT_EQ(last_.text, "billing");
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key}, now(), &mutations).ok());
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key}, now(), &mutations).ok());  // it was already
  ASSERT_TRUE(pool->Apply(ResetCommand{key}, now(), &mutations).ok());
  ASSERT_TRUE(pool->Apply(ResetCommand{}, now(), &mutations).ok());
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  EXPECT_THAT(Told(),
              ElementsAre("key_enabled key_1 p", "reset key_1 p", "reset", "key_removed key_1 p"));
}

TEST_F(Events, KeysOfTheSettingsAreOneEvent) {
  for (int i = 0; i < 3; ++i) {
    AddKeyCommand command;
    command.secret = MakeSecret(absl::StrCat("AIzaSecret", i));
    command.imported = true;
    ASSERT_TRUE(pool->Apply(command, now(), &mutations).ok());
  }
  EXPECT_THAT(Told(), ElementsAre("key_added x3"));
}

TEST_F(Events, CooldownsOfABurstAreOneEventAndTellUntilWhen) {
  Add("AIzaSecret1", "p");
  const Grant one = Granted(), two = Granted();
  Told();
  Report(one, QuotaExceeded({"PerDay"}));
  Report(two, QuotaExceeded({"PerDay"}));
  EXPECT_THAT(Told(), ElementsAre("cooldown key_1 p m 429_day x2"));
  EXPECT_EQ(last_.text, "Google says the requests of the day are spent");
  EXPECT_EQ(last_.until, At(2026, 6, 11, 0, 0));
}

TEST_F(Events, LimitThatGoogleTold) {
  Add("AIzaSecret1", "p");
  AnswerFacts facts = QuotaExceeded({"PerMinute"});
  facts.violations[0].quota_value = 7;
  const Grant grant = Granted();
  Told();
  Report(grant, facts);
  EXPECT_THAT(Told(), ElementsAre("limit_learned p m 429_minute", "cooldown key_1 p m 429_minute"));
  EXPECT_EQ(pool->Events({after_ - 2, 1}).events.size(), 1u);
  EXPECT_EQ(pool->Events({after_ - 2, 2}).events[0].text,
            "Google says 7 requests a minute (was 2)");
  Advance(absl::Minutes(3));
  Report(Granted(), facts);  // told again: nothing new
  EXPECT_THAT(Told(), ElementsAre("cooldown key_1 p m 429_minute"));
}

TEST_F(Events, KeyRestsIsTriedAgainAndWorks) {
  Add("AIzaSecret1", "p");
  AnswerFacts invalid = Status(400);
  invalid.reason = "API_KEY_INVALID";
  const Grant grant = Granted();
  Told();
  Report(grant, invalid);
  EXPECT_THAT(Told(), ElementsAre("key_rests key_1 p key_invalid"));
  EXPECT_EQ(last_.until, wall + absl::Hours(1));
  Advance(absl::Hours(1));
  TickUntilDone();
  EXPECT_THAT(Told(), ElementsAre("key_tried_again key_1 p"));
  Report(Granted(), Status(200));
  EXPECT_THAT(Told(), ElementsAre("key_works key_1 p"));
}

TEST_F(Events, ProjectThatRestsIsOneEventForAllItsKeys) {
  for (int i = 0; i < 3; ++i) Add(absl::StrCat("AIzaSecret", i), "p");
  AnswerFacts suspended = Status(403);
  suspended.reason = "CONSUMER_SUSPENDED";
  const Grant grant = Granted();
  Told();
  Report(grant, suspended);
  EXPECT_THAT(Told(), ElementsAre("key_rests p suspended x3"));
}

TEST_F(Events, ModelAndAddressAreHeldBackAndComeBack) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 100};
  Start();
  Add("AIzaSecret1", "p");
  std::vector<Grant> grants;
  for (int i = 0; i < 4; ++i) grants.push_back(Granted());
  Told();
  for (int i = 0; i < 3; ++i) Report(grants[static_cast<std::size_t>(i)], Status(503));
  EXPECT_THAT(Told(), ElementsAre("model_overloaded m 503"));
  AnswerFacts page = Status(429);
  page.message = MessageClass::kAutomatedQueries;
  Report(grants[3], page);
  EXPECT_THAT(Told(), ElementsAre("source_throttled throttled"));
  Advance(absl::Seconds(11));
  Report(Granted(), Status(200));
  EXPECT_THAT(Told(), ElementsAre("source_works", "model_works m"));
}

TEST_F(Events, BucketThatWorksAfterAGrowingCooldown) {
  Add("AIzaSecret1", "p");
  Report(Granted(), Status(429));
  Told();
  Advance(absl::Seconds(3));
  Report(Granted(), Status(200));
  EXPECT_THAT(Told(), ElementsAre("bucket_works p m"));
}

TEST_F(Events, BareAnswersOfSeveralProjectsAreTheAddress) {
  std::vector<Grant> grants;
  for (int i = 0; i < 3; ++i) {
    Add(absl::StrCat("AIzaSecret", i));
    grants.push_back(Granted());
  }
  Told();
  for (const Grant& grant : grants) Report(grant, Status(429));
  EXPECT_THAT(Told(), testing::Contains("source_throttled 429_bare"));
}

}  // namespace
}  // namespace keypool::policy
