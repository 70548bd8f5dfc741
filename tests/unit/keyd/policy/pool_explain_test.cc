// Why a key is next, goes after another, or is left alone.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Explain : public PoolTest {
 protected:
  Explanation Ask(const ExplainQuery& query = {.model = "m"}) const {
    return pool->Explain(query, now()).value();
  }
  KeyExplanation Of(KeyId id) const {
    for (KeyExplanation& key : Ask().keys) {
      if (key.key == id) return key;
    }
    ADD_FAILURE() << "no " << ToString(id);
    return {};
  }
  // What explain says an Acquire would be answered is what it is answered.
  void ExpectTrue() {
    const Explanation said = Ask();
    const AcquireReply reply = Acquire(Metered());
    if (const Grant* grant = std::get_if<Grant>(&reply)) {
      EXPECT_EQ(said.next_key, grant->key);
      EXPECT_EQ(said.next_project, grant->project);
      return;
    }
    const Refusal& refusal = std::get<Refusal>(reply);
    EXPECT_EQ(said.next_key, std::nullopt);
    EXPECT_EQ(said.refusal, refusal.message);
    EXPECT_EQ(said.first_at, wall + *refusal.retry_after);
  }
};

TEST_F(Explain, SaysOfAnEmptyPoolThatItHasNoKey) {
  const Explanation said = Ask();
  EXPECT_EQ(said.next_key, std::nullopt);
  EXPECT_THAT(said.refusal, HasSubstr("no API key"));
  EXPECT_EQ(said.first_at, std::nullopt);
}

TEST_F(Explain, NextIsTheOneThatIsGrantedAndNothingIsTaken) {
  for (int i = 0; i < 3; ++i) Add(absl::StrCat("AIzaSecret", i), "p");
  for (int i = 3; i < 6; ++i) Add(absl::StrCat("AIzaSecret", i));
  const int before = committed;
  for (int i = 0; i < 10; ++i) Ask();
  EXPECT_EQ(committed, before);
  for (int i = 0; i < 25; ++i) {
    ExpectTrue();
    Advance(absl::Seconds(7));
  }
}

TEST_F(Explain, NextIsTrueWhateverWaitsAndComesBack) {
  for (int i = 0; i < 4; ++i) Add(absl::StrCat("AIzaSecret", i));
  for (int i = 0; i < 400; ++i) {
    ExpectTrue();
    if (i % 7 == 0) {
      const AcquireReply reply = Acquire(Metered());
      if (const Grant* grant = std::get_if<Grant>(&reply)) {
        Report(*grant, i % 2 ? Status(429) : QuotaExceeded({"PerMinute"}, absl::Seconds(20)));
      }
    }
    Advance(absl::Minutes(i % 11));
    if (i % 5 == 0) TickUntilDone();
  }
}

TEST_F(Explain, ReadyKeyIsToldWhoGoesFirstAndWhy) {
  const KeyId one = Add("AIzaSecret1", "p");
  const KeyId two = Add("AIzaSecret2", "p");
  const KeyId other = Add("AIzaSecret3", "q");
  EXPECT_EQ(Of(one).verdict, KeyVerdict::kNext);
  EXPECT_EQ(Of(two).verdict, KeyVerdict::kReady);
  EXPECT_THAT(Of(two).reason, HasSubstr("another key of the project goes first: key_1"));
  EXPECT_THAT(Of(other).reason, HasSubstr("project p goes first: as many left"));
  Granted();
  EXPECT_EQ(Of(other).verdict, KeyVerdict::kNext);
  EXPECT_THAT(Of(two).reason, HasSubstr("project q goes first: 5 requests left today, 4 here"));
}

TEST_F(Explain, MinuteAndDayByOurOwnCount) {
  const KeyId key = Add("AIzaSecret1");
  Granted();
  Granted();
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kMinuteFull);
  EXPECT_EQ(Of(key).reason, "minute full by our own count: 2 of 2");
  EXPECT_EQ(Of(key).until, wall + absl::Milliseconds(60'500));
  EXPECT_EQ(Of(key).row, "");
  ExpectTrue();
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Minutes(2));
    Granted();
  }
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kDaySpent);
  EXPECT_EQ(Of(key).reason, "day spent by our own count: 5 of 5");
  EXPECT_EQ(Of(key).until, At(2026, 6, 11, 0, 0));
  ExpectTrue();
}

TEST_F(Explain, CooldownNamesTheAnswerThatBeganItAndWhen) {
  const KeyId key = Add("AIzaSecret1");
  const absl::Time first = wall;
  const Grant one = Granted(), two = Granted();
  Report(one, QuotaExceeded({"PerMinute"}, absl::Seconds(30)));
  Advance(absl::Seconds(2));
  Report(two, QuotaExceeded({"PerMinute"}, absl::Seconds(300)));
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kCooling);
  EXPECT_EQ(Of(key).reason, "Google says too many this minute");
  EXPECT_EQ(Of(key).row, "429_minute");
  EXPECT_EQ(Of(key).since, first);
  EXPECT_EQ(Of(key).until, wall + absl::Seconds(301));
  Advance(absl::Minutes(6));
  Report(Granted(), QuotaExceeded({"PerDay"}));
  EXPECT_EQ(Of(key).row, "429_day");
  EXPECT_EQ(Of(key).since, wall);
  EXPECT_EQ(Of(key).until, At(2026, 6, 11, 0, 0));
  Start();  // which answer it was is not remembered, that it was one is
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kCooling);
  EXPECT_EQ(Of(key).row, "");
  EXPECT_EQ(Of(key).since, std::nullopt);
}

TEST_F(Explain, DisabledByTheOperatorOrRestingByGoogle) {
  const KeyId one = Add("AIzaSecret1");
  const KeyId two = Add("AIzaSecret2");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{one, "billing"}, now(), &mutations).ok());
  EXPECT_EQ(Of(one).verdict, KeyVerdict::kDisabled);
  EXPECT_EQ(Of(one).reason, "billing");
  EXPECT_EQ(Of(one).until, std::nullopt);
  EXPECT_EQ(Of(one).since, wall);
  AnswerFacts invalid = Status(400);
  invalid.reason = "API_KEY_INVALID";
  Report(Granted(), invalid);
  EXPECT_EQ(Of(two).verdict, KeyVerdict::kResting);
  EXPECT_EQ(Of(two).row, "key_invalid");
  EXPECT_EQ(Of(two).until, wall + absl::Hours(1));
  ExpectTrue();
}

TEST_F(Explain, OverloadedModelAndThrottledAddressHoldBackWhatIsReady) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 100};
  Start();
  const KeyId key = Add("AIzaSecret1");
  std::vector<Grant> grants;
  for (int i = 0; i < 4; ++i) grants.push_back(Granted());
  for (int i = 0; i < 3; ++i) Report(grants[static_cast<std::size_t>(i)], Status(503));
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kModelOverloaded);
  EXPECT_EQ(Of(key).row, "503");
  EXPECT_EQ(Of(key).since, wall);
  ExpectTrue();
  AnswerFacts page = Status(429);
  page.message = MessageClass::kAutomatedQueries;
  Report(grants[3], page);
  EXPECT_EQ(Of(key).verdict, KeyVerdict::kSourceThrottled);
  EXPECT_EQ(Of(key).row, "throttled");
  EXPECT_EQ(Of(key).until, wall + absl::Seconds(10));
  ExpectTrue();
}

TEST_F(Explain, ModelWithoutAccessIsRefusedBeforeItWasEverAskedFor) {
  config.limits.everywhere.models["none"].requests_per_day = 0;
  Start();
  Add("AIzaSecret1");
  const Explanation said = Ask({.model = "none"});
  EXPECT_EQ(said.next_key, std::nullopt);
  EXPECT_THAT(said.refusal, HasSubstr("No project of the pool may take requests"));
  EXPECT_EQ(said.first_at, At(2026, 6, 11, 0, 0));
  EXPECT_EQ(said.keys[0].verdict, KeyVerdict::kDaySpent);
}

TEST_F(Explain, PagesAndOneProjectOnly) {
  for (int i = 0; i < 5; ++i) Add(absl::StrCat("AIzaSecret", i), i % 2 ? "odd" : "even");
  ExplainQuery query{.model = "m"};
  query.keys_max = 2;
  std::vector<std::uint64_t> ids;
  bool more = true;
  while (more) {
    const Explanation page = Ask(query);
    for (const KeyExplanation& key : page.keys) ids.push_back(key.key.value());
    more = page.more;
    query.after = page.keys.back().key;
  }
  EXPECT_THAT(ids, testing::ElementsAre(1, 2, 3, 4, 5));
  const Explanation odd = Ask({.model = "m", .project = ProjectId{"odd"}});
  ASSERT_EQ(odd.keys.size(), 2u);
  EXPECT_EQ(odd.keys[0].key, KeyId{2});
  EXPECT_EQ(pool->Explain({.model = "m", .project = ProjectId{"no"}}, now()).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace keypool::policy
