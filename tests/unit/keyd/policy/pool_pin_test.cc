// Requests that one project alone can serve, and those that go to every project in turn.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

class Pin : public PoolTest {
 protected:
  static AcquireCommand Naming(std::vector<std::string> resources,
                               AcquireCommand command = Metered()) {
    command.resources = std::move(resources);
    return command;
  }
  static AcquireCommand To(std::string project, AcquireCommand command = Metered()) {
    command.project = ProjectId{std::move(project)};
    return command;
  }
  static AcquireCommand After(std::string project, AcquireCommand command = Unmetered()) {
    command.after_project = ProjectId{std::move(project)};
    return command;
  }
  void Learn(std::string project, std::string name, absl::Duration time_to_live = absl::Hours(1)) {
    const Grant grant = Granted(To(std::move(project), Unmetered()));
    ReportCommand report = ReportOf(grant, Status(200));
    report.resources = {{std::move(name), time_to_live}};
    Apply(report);
  }
  // Every project that an enumeration comes by.
  std::vector<std::string> Enumerated() {
    std::vector<std::string> projects = {""};
    while (true) {
      const AcquireReply reply = Acquire(After(projects.back()));
      const Grant* grant = std::get_if<Grant>(&reply);
      if (grant == nullptr) {
        EXPECT_EQ(std::get<Refusal>(reply).reason, RefusalReason::kNoMoreProjects);
        projects.erase(projects.begin());
        return projects;
      }
      projects.push_back(grant->project.value());
    }
  }
};

TEST_F(Pin, WhatIsNamedIsServedWhereItLives) {
  for (const char* project : {"a", "b", "c"}) Add(absl::StrCat("secret-", project), project);
  Learn("b", "files/x");
  for (int i = 0; i < 2; ++i) {
    const Grant grant = Granted(Naming({"files/unknown", "files/x"}));
    EXPECT_EQ(grant.project, ProjectId{"b"});
    EXPECT_TRUE(grant.owns);
  }
  EXPECT_FALSE(Granted(Naming({"files/unknown"})).owns);
}

TEST_F(Pin, ItsMinuteIsThatOfItsProject) {
  Add("secret-a", "a");
  Add("secret-b", "b");
  Learn("b", "files/x");
  Granted(Naming({"files/x"}));
  Advance(absl::Seconds(10));
  Granted(Naming({"files/x"}));
  const Refusal refusal = Refused(Naming({"files/x"}));
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.retry_after, kSpan - absl::Seconds(10));
  EXPECT_EQ(refusal.limit, 2);
  EXPECT_EQ(refusal.window, QuotaWindow::kRequestsPerMinute);
  EXPECT_FALSE(refusal.spent_for_the_day);
  EXPECT_THAT(refusal.message, HasSubstr("only project"));
  EXPECT_EQ(Granted().project, ProjectId{"a"}) << "others go on";
  Advance(*refusal.retry_after - absl::Milliseconds(1));
  Refused(Naming({"files/x"}));
  Advance(absl::Milliseconds(1));
  EXPECT_EQ(Granted(Naming({"files/x"})).project, ProjectId{"b"});
}

TEST_F(Pin, ItsDayIsThatOfItsProject) {
  Add("secret-a", "a");
  Add("secret-b", "b");
  for (int i = 0; i < 5; ++i) {
    Granted(To("b"));
    Advance(kSpan);
  }
  const Refusal refusal = Refused(To("b"));
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_TRUE(refusal.spent_for_the_day);
  EXPECT_EQ(refusal.limit, 5);
  EXPECT_EQ(refusal.window, QuotaWindow::kRequestsPerDay);
  EXPECT_EQ(wall + *refusal.retry_after, At(2026, 6, 11, 0, 0));
  EXPECT_THAT(refusal.message, HasSubstr("for today"));
  EXPECT_EQ(Granted().project, ProjectId{"a"});
}

TEST_F(Pin, GooglesWordOnItsProjectHoldsForIt) {
  Add("secret-a", "a");
  Add("secret-b", "b");
  Report(Granted(To("b")), QuotaExceeded({"PerMinute"}, absl::Seconds(80)));
  EXPECT_EQ(Refused(To("b")).retry_after, absl::Seconds(81));
  Report(Granted(To("a")), QuotaExceeded({"PerDay"}));
  EXPECT_TRUE(Refused(To("a")).spent_for_the_day);
}

TEST_F(Pin, TokensThatItsProjectCanNeverTakeAreTooMany) {
  config.default_limits.input_tokens_per_minute = 1'000;
  config.limits.projects["big"].own.all_models.input_tokens_per_minute = 9'000;
  Start();
  Add("secret-a", "a");
  Add("secret-b", "big");
  AcquireCommand command = To("a");
  command.input_tokens = 5'000;
  const Refusal refusal = Refused(command);
  EXPECT_EQ(refusal.reason, RefusalReason::kTooLarge);
  EXPECT_EQ(refusal.limit, 1'000);
  EXPECT_EQ(refusal.window, QuotaWindow::kInputTokensPerMinute);
  EXPECT_EQ(refusal.retry_after, std::nullopt);
  command.project = ProjectId{"big"};
  EXPECT_EQ(Granted(command).project, ProjectId{"big"});
  const Refusal full = Refused(command);
  EXPECT_EQ(full.reason, RefusalReason::kExhausted);
  EXPECT_EQ(full.window, QuotaWindow::kInputTokensPerMinute);
  EXPECT_EQ(full.retry_after, kSpan);
}

TEST_F(Pin, ThingsOfTwoProjectsCannotMeet) {
  Add("secret-a", "x");
  Add("secret-b", "y");
  Learn("x", "files/a");
  Learn("y", "files/b");
  const Refusal refusal = Refused(Naming({"files/none", "files/a", "files/a", "files/b"}));
  EXPECT_EQ(refusal.reason, RefusalReason::kResourcesApart);
  EXPECT_EQ(refusal.message,
            "\"files/a\" is in project \"x\" and \"files/b\" in project \"y\": one request cannot "
            "use both. Upload one of them again.");
  EXPECT_EQ(refusal.retry_after, std::nullopt);
  const std::string long_name = "files/" + std::string(70, 'n') + "\xE2\x82\xAC\xE2\x82\xAC";
  Learn("x", long_name + std::string(100, 'n'));
  const std::string message =
      Refused(Naming({long_name + std::string(100, 'n'), "files/b"})).message;
  EXPECT_THAT(message, HasSubstr("\"files/" + std::string(70, 'n') + "\xE2\x82\xAC...\" is in"));
}

TEST_F(Pin, TheCallersWordGoesBeforeWhatIsNamed) {
  for (const char* project : {"a", "b", "c"}) Add(absl::StrCat("secret-", project), project);
  Learn("b", "files/x");
  Learn("c", "files/y");
  AcquireCommand command = To("a", Naming({"files/x", "files/y"}));
  command.after_project = ProjectId{"b"};
  const Grant grant = Granted(command);
  EXPECT_EQ(grant.project, ProjectId{"a"});
  EXPECT_FALSE(grant.owns);
  EXPECT_TRUE(Granted(To("b", Naming({"files/x", "files/y"}))).owns);
  command.project = {};
  EXPECT_EQ(Granted(command).project, ProjectId{"c"});
}

TEST_F(Pin, TheKeysOfItsProjectTakeTurns) {
  config.default_limits.requests_per_minute = 10;
  config.default_limits.requests_per_day = 100;
  Start();
  const KeyId first = Add("secret-1", "a");
  const KeyId second = Add("secret-2", "a");
  Add("secret-3", "b");
  EXPECT_EQ(Granted(To("a")).key, first);
  EXPECT_EQ(Granted(To("a")).key, second);
  AcquireCommand command = To("a");
  command.exclude_keys = {first};
  EXPECT_EQ(Granted(command).key, second);
  command.exclude_keys = {first, second};
  const Refusal refusal = Refused(command);
  EXPECT_EQ(refusal.reason, RefusalReason::kAllExcluded);
  EXPECT_EQ(refusal.retry_after, absl::ZeroDuration());
  command.exclude_keys.clear();
  command.exclude_projects = {ProjectId{"a"}};
  EXPECT_EQ(Refused(command).reason, RefusalReason::kAllExcluded);
}

TEST_F(Pin, AProjectWithoutAKeyIsUnavailable) {
  const KeyId key = Add("secret-a", "a");
  Learn("a", "files/x");
  const Refusal unknown = Refused(To("nobody"));
  EXPECT_EQ(unknown.reason, RefusalReason::kOwnerUnavailable);
  EXPECT_THAT(unknown.message,
              HasSubstr("\"nobody\" can serve this request, and it has no API key"));
  EXPECT_EQ(unknown.retry_after, std::nullopt);
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, ""}, now(), &mutations).ok());
  const Refusal disabled = Refused(Naming({"files/x"}));
  EXPECT_EQ(disabled.reason, RefusalReason::kOwnerUnavailable);
  EXPECT_THAT(disabled.message, HasSubstr("every API key of it is disabled"));
  EXPECT_EQ(disabled.retry_after, std::nullopt);
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  EXPECT_THAT(Refused(Naming({"files/x"})).message, HasSubstr("it has no API key in the pool"));
}

TEST_F(Pin, ARestedKeyComesBackByItself) {
  Add("secret-a", "a");
  const Grant other = (Add("secret-b", "b"), Granted(To("b")));
  AnswerFacts refused = Status(400);
  refused.message = MessageClass::kKeyNotValid;
  Report(other, refused);
  Advance(absl::Seconds(1));
  Report(Granted(To("a")), refused);
  const Refusal refusal = Refused(To("a"));
  EXPECT_EQ(refusal.reason, RefusalReason::kOwnerUnavailable);
  ASSERT_TRUE(refusal.retry_after.has_value());
  EXPECT_EQ(*Refused(To("b")).retry_after + absl::Seconds(1), *refusal.retry_after)
      << "each by its own keys";
  EXPECT_THAT(refusal.message, HasSubstr("is tried again in"));
  Advance(*refusal.retry_after);
  TickUntilDone();
  EXPECT_EQ(Granted(To("a")).project, ProjectId{"a"});
}

TEST_F(Pin, AnOverloadedModelHoldsItBackAsOthers) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 100};
  Start();
  Add("secret-a", "a");
  Add("secret-b", "b");
  std::vector<Grant> grants;
  for (int i = 0; i < 5; ++i) grants.push_back(Granted());
  for (const Grant& grant : grants) Report(grant, Status(503));
  ASSERT_EQ(Refused().reason, RefusalReason::kModelOverloaded);
  EXPECT_EQ(Refused(To("b")).reason, RefusalReason::kModelOverloaded);
  EXPECT_EQ(Refused(After("", Metered())).reason, RefusalReason::kModelOverloaded);
}

TEST_F(Pin, EveryProjectComesInTheOrderOfIds) {
  for (const char* project : {"b", "a10", "c", "a9"})
    Add(absl::StrCat("secret-", project), project);
  Add("secret-own");
  const KeyId gone = Add("secret-z", "z");
  EXPECT_THAT(Enumerated(), ElementsAre("a10", "a9", "b", "c", "z", "~key_5"));
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{gone, ""}, now(), &mutations).ok());
  EXPECT_THAT(Enumerated(), ElementsAre("a10", "a9", "b", "c", "~key_5"));
  EXPECT_EQ(Granted(After("a95")).project, ProjectId{"b"}) << "need not be there itself";
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{gone}, now(), &mutations).ok());
  AcquireCommand command = After("b");
  command.exclude_projects = {ProjectId{"c"}};
  EXPECT_EQ(Granted(command).project, ProjectId{"z"});
  command.exclude_keys = {gone};
  EXPECT_EQ(Granted(command).project, ProjectId{"~key_5"});
  Start();
  EXPECT_THAT(Enumerated(), ElementsAre("a10", "a9", "b", "c", "z", "~key_5"));
}

TEST_F(Pin, InOrderAProjectThatCoolsIsPassedBy) {
  for (const char* project : {"a", "b", "c"}) Add(absl::StrCat("secret-", project), project);
  ReportCommand report = ReportOf(Granted(After("a")), QuotaExceeded({"PerMinute"}));
  report.model = "";
  Apply(report);
  EXPECT_THAT(Enumerated(), ElementsAre("a", "c"));
  EXPECT_EQ(Granted(After("", Metered())).project, ProjectId{"a"});
  Granted(After("", Metered()));
  EXPECT_EQ(Granted(After("", Metered())).project, ProjectId{"b"}) << "the minute of a is full";
}

TEST_F(Pin, InOrderIsRefusedWhenThereIsNoKey) {
  EXPECT_EQ(Refused(After("")).reason, RefusalReason::kNoKeys);
  const KeyId key = Add("secret-a", "a");
  EXPECT_THAT(Enumerated(), ElementsAre("a"));
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, ""}, now(), &mutations).ok());
  EXPECT_EQ(Refused(After("")).reason, RefusalReason::kAllDisabled);
}

TEST_F(Pin, InOrderLooksAtABoundedNumberOfProjects) {
  config.default_limits.requests_per_day = 0;
  config.default_limits = {.requests_per_minute = 1, .requests_per_day = 1};
  Start();
  for (int i = 0; i < 300; ++i) Add(absl::StrCat("secret-number-", i), absl::StrCat("p", 1000 + i));
  for (int i = 0; i < 300; ++i) Granted();
  const Refusal refusal = Refused(After("", Metered()));
  EXPECT_EQ(refusal.reason, RefusalReason::kLimitReached);
  EXPECT_EQ(Refused(After("p1100", Metered())).reason, RefusalReason::kNoMoreProjects);
  EXPECT_EQ(Granted(After("", Unmetered())).project, ProjectId{"p1000"});
}

TEST_F(Pin, AFreshProjectIsFoundByOthersAfterwards) {
  config.default_limits.requests_per_minute = 1;
  Start();
  for (const char* project : {"a", "b", "c"}) Add(absl::StrCat("secret-", project), project);
  EXPECT_EQ(Granted(To("b")).project, ProjectId{"b"});
  EXPECT_EQ(Granted().project, ProjectId{"a"});
  EXPECT_EQ(Granted().project, ProjectId{"c"});
  EXPECT_EQ(Refused().reason, RefusalReason::kExhausted);
  Advance(kSpan);
  EXPECT_THAT((std::vector{Granted().project, Granted().project, Granted().project}),
              testing::UnorderedElementsAre(ProjectId{"a"}, ProjectId{"b"}, ProjectId{"c"}));
}

TEST_F(Pin, WhatAnUnsentOneTookComesBack) {
  Add("secret-a", "a");
  Granted(To("a"));
  ReportUnsent(Granted(To("a")));
  EXPECT_EQ(Granted(To("a")).project, ProjectId{"a"});
  EXPECT_EQ(Refused(To("a")).reason, RefusalReason::kExhausted);
}

}  // namespace
}  // namespace keypool::policy
