// Clients: who may have a lease, within what terms, and how that is remembered.
#include <gmock/gmock.h>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PoolClients : public PoolTest {
 protected:
  PoolClients() {
    config.default_limits = {.requests_per_minute = 1'000, .requests_per_day = 10'000};
    Start();
    Add("AIzaSecretNumberOne");
  }

  static TokenDigest Token(std::uint8_t number) { return {number, 1, 2, 3, 4, 5, 6, 7, 8}; }
  absl::StatusOr<ClientStatus> Do(const ClientCommand& command) {
    auto status = pool->Apply(command, now(), &mutations);
    Commit();
    return status;
  }
  void AddClient(std::string name, std::uint8_t token, ClientChange terms = {}) {
    const auto status = Do(AddClientCommand{std::move(name), std::move(terms), Token(token)});
    ASSERT_TRUE(status.ok()) << status.status();
  }
  static AcquireCommand As(std::uint8_t token, AcquireCommand command = Metered()) {
    command.token_digest = Token(token);
    command.client = "10.0.0.1";
    return command;
  }
  ClientStatus Client(std::string name) const {
    return pool->ListClients({.name = std::move(name)}, now()).value().rows.at(0);
  }
  void ExpectUnauthenticated(const AcquireCommand& command) {
    const Refusal refusal = Refused(command);
    EXPECT_EQ(refusal.reason, RefusalReason::kUnauthenticated) << refusal.message;
    EXPECT_FALSE(refusal.retry_after.has_value());
    const Refusal nobody = Refused(Metered());
    EXPECT_EQ(refusal.message, nobody.message) << "tells what is wrong with the token";
  }
};

TEST_F(PoolClients, WithoutAnyEverybodyIsServedWhateverIsShown) {
  EXPECT_EQ(Granted().client, "");
  EXPECT_EQ(Granted(As(9)).client, "");
}

TEST_F(PoolClients, WithOneNobodyElseIs) {
  AddClient("team-a", 1);
  EXPECT_EQ(Granted(As(1)).client, "team-a");
  EXPECT_EQ(Granted(As(1, Unmetered())).client, "team-a");
  ExpectUnauthenticated(Metered());
  ExpectUnauthenticated(Unmetered());
  ExpectUnauthenticated(As(2));
}

TEST_F(PoolClients, TokensCanBeRequiredBeforeThereIsAClient) {
  AcquireCommand asked_so = Metered();
  asked_so.token_required = true;
  EXPECT_EQ(Refused(asked_so).reason, RefusalReason::kUnauthenticated);
  config.require_client_token = true;
  Start();
  ExpectUnauthenticated(Metered());
  ExpectUnauthenticated(As(1));
}

TEST_F(PoolClients, ARevokedOrExpiredTokenIsAsGoodAsNone) {
  AddClient("a", 1);
  AddClient("b", 2, {.expires_in = absl::Hours(1)});
  Granted(As(2));
  ASSERT_TRUE(Do(RevokeClientCommand{"a"}).ok());
  ExpectUnauthenticated(As(1));
  EXPECT_EQ(Client("a").state, ClientState::kRevoked);
  Advance(absl::Hours(1));
  ExpectUnauthenticated(As(2));
  EXPECT_EQ(Client("b").state, ClientState::kExpired);
  ASSERT_TRUE(Do(SetClientCommand{"b", {.expires_in = absl::InfiniteDuration()}}).ok());
  Granted(As(2));
}

TEST_F(PoolClients, RevokingTheLastOneOpensThePoolToNobodyAndRemovingItDoes) {
  AddClient("a", 1);
  EXPECT_EQ(Do(RemoveClientCommand{"a"}).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Do(RevokeClientCommand{"a"}).ok());
  Start();
  ExpectUnauthenticated(Metered());
  ASSERT_TRUE(Do(RemoveClientCommand{"a"}).ok());
  Granted();
  EXPECT_TRUE(stored_clients.empty());
}

TEST_F(PoolClients, TwoTokensAreGoodWhileTheyOverlapAndNoMoreThanTwo) {
  AddClient("a", 1);
  const auto rotated = Do(RotateClientCommand{"a", absl::Hours(24), Token(2)});
  ASSERT_TRUE(rotated.ok());
  EXPECT_EQ(rotated->tokens.size(), 2u);
  Granted(As(1));
  Granted(As(2));
  Start();  // remembered
  Advance(absl::Hours(24) - absl::Seconds(1));
  Granted(As(1));
  Advance(absl::Seconds(1));
  ExpectUnauthenticated(As(1));
  ASSERT_TRUE(Do(RotateClientCommand{"a", absl::Hours(24), Token(3)}).ok());
  ASSERT_TRUE(Do(RotateClientCommand{"a", absl::Hours(24), Token(4)}).ok());
  ExpectUnauthenticated(As(2));
  Granted(As(3));
  ASSERT_TRUE(Do(RotateClientCommand{"a", absl::ZeroDuration(), Token(5)}).ok());
  ExpectUnauthenticated(As(4));
  Granted(As(5));
}

TEST_F(PoolClients, MistakesOfTheOperatorAreToldApart) {
  AddClient("a", 1);
  EXPECT_EQ(Do(AddClientCommand{"a", {}, Token(2)}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Do(RevokeClientCommand{"b"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(pool->ListClients({.name = "b"}, now()).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Do(RevokeClientCommand{"a"}).ok());
  EXPECT_EQ(Do(RotateClientCommand{"a", {}, Token(2)}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Do(SetClientCommand{"a", {}}).status().code(), absl::StatusCode::kFailedPrecondition);
  config.clients_max = 1;
  Start();
  EXPECT_EQ(Do(AddClientCommand{"b", {}, Token(2)}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(PoolClients, OwnQuotaHoldsBesideThePoolsAndSaysSo) {
  AddClient("a", 1, {.requests_per_minute = 2, .requests_per_day = 3});
  AddClient("b", 2);
  Granted(As(1));
  Granted(As(1));
  const Refusal minute = Refused(As(1));
  EXPECT_EQ(minute.reason, RefusalReason::kClientQuota);
  EXPECT_EQ(minute.retry_after, absl::Minutes(1));
  EXPECT_EQ(minute.limit, 2);
  EXPECT_EQ(minute.window, QuotaWindow::kRequestsPerMinute);
  EXPECT_THAT(minute.message, HasSubstr("own quota of client a (2 requests a minute)"));
  Granted(As(2));
  Granted(As(1, Unmetered()));
  Advance(absl::Minutes(1));
  Granted(As(1));
  const Refusal day = Refused(As(1));
  EXPECT_EQ(day.window, QuotaWindow::kRequestsPerDay);
  EXPECT_EQ(day.retry_after, At(2026, 6, 11, 0, 0) - wall);
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Granted(As(1));
}

TEST_F(PoolClients, TokensOfADayAreChargedByEstimateAndSetRight) {
  AddClient("a", 1, {.input_tokens_per_day = 1'000});
  AcquireCommand command = As(1);
  command.input_tokens = 600;
  const Grant grant = Granted(command);
  EXPECT_EQ(Refused(command).window, QuotaWindow::kInputTokensPerDay);
  ReportCommand report = ReportOf(grant, Status(200));
  report.usage = TokenUsage{.input = 100};
  Apply(report);
  EXPECT_EQ(Client("a").tokens_today, 100);
  command.input_tokens = 2'000'000;
  const Refusal never = Refused(command);
  EXPECT_EQ(never.reason, RefusalReason::kTooLarge);
  EXPECT_THAT(never.message, HasSubstr("own quota of client a"));
}

TEST_F(PoolClients, WhatDidNotLeaveOrFailedForAKeyIsGivenBack) {
  AddClient("a", 1, {.requests_per_minute = 10});
  ReportUnsent(Granted(As(1)));
  EXPECT_EQ(Client("a").used_today, 0);
  Report(Granted(As(1)), QuotaExceeded({"PerMinute"}, absl::Seconds(1)));
  EXPECT_EQ(Client("a").used_today, 0);
  EXPECT_EQ(Client("a").tokens_today, 0);
  Advance(absl::Minutes(2));
  Report(Granted(As(1)), Status(200));
  Report(Granted(As(1)), Status(400));
  EXPECT_EQ(Client("a").used_today, 2);
  EXPECT_EQ(Client("a").used_this_minute, 2);
}

TEST_F(PoolClients, ModelsAreAllowedByPattern) {
  AddClient("a", 1, {.models = std::vector<std::string>{"gemini-2.5-*", "text-?"}});
  Granted(As(1, Metered("gemini-2.5-pro")));
  Granted(As(1, Metered("text-1")));
  Granted(As(1, Unmetered()));
  AcquireCommand count = Unmetered();
  count.model = "gemini-3-pro";
  for (const AcquireCommand& command : {Metered("gemini-3-pro"), count}) {
    const Refusal refusal = Refused(As(1, command));
    EXPECT_EQ(refusal.reason, RefusalReason::kModelNotAllowed);
    EXPECT_THAT(refusal.message, HasSubstr("may not use model gemini-3-pro"));
    EXPECT_THAT(refusal.message, HasSubstr("gemini-2.5-*, text-?"));
  }
  ASSERT_TRUE(Do(SetClientCommand{"a", {.models = std::vector<std::string>{}}}).ok());
  Granted(As(1, Metered("gemini-3-pro")));
}

// A restart must not give quota back, whenever it comes.
TEST_F(PoolClients, ARestartNeverCountsLessThanWasGranted) {
  AddClient("a", 1, {.requests_per_minute = 300, .requests_per_day = 500});
  int granted = 0;
  for (int i = 0; i < 120; ++i) {
    AcquireCommand command = As(1);
    command.input_tokens = 7;
    Granted(command);
    ++granted;
    if (i % 7 == 0) Start();
    EXPECT_GE(Client("a").used_today, granted);
    EXPECT_GE(Client("a").tokens_today, 7 * granted);
    EXPECT_GE(Client("a").used_this_minute, granted);
  }
  EXPECT_LE(Client("a").used_today, granted + 3 * 18) << "a block of 1 % at each restart";
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Start();
  EXPECT_EQ(Client("a").used_today, 0);
}

TEST_F(PoolClients, CountsFollowTermsThatChangeAndANameThatComesBack) {
  AddClient("a", 1);
  for (int i = 0; i < 5; ++i) Granted(As(1));
  ASSERT_TRUE(Do(SetClientCommand{"a", {.requests_per_day = 5}}).ok());
  EXPECT_EQ(Refused(As(1)).reason, RefusalReason::kClientQuota);
  ASSERT_TRUE(Do(RevokeClientCommand{"a"}).ok());
  AddClient("a", 2, {.requests_per_day = 5});
  EXPECT_EQ(Refused(As(2)).reason, RefusalReason::kClientQuota);
  ExpectUnauthenticated(As(1));
}

TEST_F(PoolClients, AccountsAreKeptByTheirNames) {
  AddClient("team-a", 1);
  ReportCommand report = ReportOf(Granted(As(1)), Status(200));
  report.client = "10.0.0.1";
  Apply(report);
  const UsagePage page = pool->Usage({.by = UsageDimension::kClient}, now());
  ASSERT_EQ(page.rows.size(), 1u);
  EXPECT_EQ(page.rows[0].place.name, "team-a");
}

TEST_F(PoolClients, ListsGoOnBehindAName) {
  for (const char* name : {"c", "a", "b"}) AddClient(name, static_cast<std::uint8_t>(name[0]));
  ClientsQuery query;
  query.rows_max = 2;
  const ClientsPage first = pool->ListClients(query, now()).value();
  ASSERT_EQ(first.rows.size(), 2u);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.rows[0].name, "a");
  query.after = "b";
  const ClientsPage second = pool->ListClients(query, now()).value();
  ASSERT_EQ(second.rows.size(), 1u);
  EXPECT_EQ(second.rows[0].name, "c");
  EXPECT_FALSE(second.more);
  EXPECT_THAT(pool->Events({}).events.back().text, HasSubstr("client b was added"));
  EXPECT_THAT(pool->Events({}).events.back().text, Not(HasSubstr("gkp_")));
}

}  // namespace
}  // namespace keypool::policy
