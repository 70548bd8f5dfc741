// Clients that wait: each within its own quota, and in turns of its weight.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

class ClientsWait : public PoolTest {
 protected:
  ClientsWait() {
    config.default_limits = {.requests_per_minute = 6, .requests_per_day = 1'000};
    Start();
    Add("secret-a", "a");
  }
  static TokenDigest Token(std::uint8_t number) { return {number, 9}; }
  void AddClient(std::string name, std::uint8_t token, ClientChange terms = {}) {
    const AddClientCommand command{std::move(name), std::move(terms), Token(token)};
    ASSERT_TRUE(pool->Apply(ClientCommand(command), now(), &mutations).ok());
    Commit();
  }
  static AcquireCommand As(std::uint8_t token, absl::Duration wait = absl::Minutes(3)) {
    AcquireCommand command = Metered();
    command.token_digest = Token(token);
    command.client = "10.0.0.1";
    command.wait_up_to = wait;
    return command;
  }
  bool Holds(std::uint64_t ticket, const AcquireCommand& command) {
    const auto reply = pool->ApplyOrHold(command, ticket, now(), random, &mutations);
    Commit();
    return !reply.has_value();
  }
  std::vector<std::uint64_t> Served() {
    std::vector<std::uint64_t> tickets;
    for (const Pool::Answered& answer : pool->ServeWaiting(now(), random, &mutations)) {
      if (std::holds_alternative<Grant>(answer.reply)) tickets.push_back(answer.ticket);
    }
    Commit();
    return tickets;
  }
  void FillMinute(std::uint8_t token) {
    for (int i = 0; i < 6; ++i) Granted(As(token));
  }
};

TEST_F(ClientsWait, TakeTurnsByNameWhereverTheyCallFrom) {
  AddClient("a", 1);
  AddClient("b", 2);
  FillMinute(1);
  for (std::uint64_t ticket : {1, 2, 3}) {
    AcquireCommand command = As(1);
    command.client = absl::StrCat("10.0.0.", ticket);
    ASSERT_TRUE(Holds(ticket, command));
  }
  ASSERT_TRUE(Holds(4, As(2)));
  ASSERT_TRUE(Holds(5, As(2)));
  Advance(kSpan);
  EXPECT_THAT(Served(), ElementsAre(1, 4, 2, 5, 3));
}

TEST_F(ClientsWait, AreServedAsOftenInATurnAsTheyWeigh) {
  AddClient("heavy", 1, {.weight = 3});
  AddClient("light", 2);
  FillMinute(1);
  for (std::uint64_t ticket : {1, 2, 3, 4, 5}) ASSERT_TRUE(Holds(ticket, As(1)));
  for (std::uint64_t ticket : {11, 12, 13}) ASSERT_TRUE(Holds(ticket, As(2)));
  Advance(kSpan);
  EXPECT_THAT(Served(), ElementsAre(1, 2, 3, 11, 4, 5));
}

TEST_F(ClientsWait, ForTheirOwnQuotaToo) {
  AddClient("a", 1, {.requests_per_minute = 1});
  Granted(As(1));
  ASSERT_TRUE(Holds(1, As(1)));
  EXPECT_THAT(Served(), IsEmpty());
  EXPECT_EQ(pool->NextWaitingDue(), mono + absl::Minutes(1));
  Advance(absl::Minutes(1));
  EXPECT_THAT(Served(), ElementsAre(1));
  EXPECT_FALSE(Holds(2, As(1, absl::Seconds(59)))) << "would be in vain";
}

TEST_F(ClientsWait, OneOverItsOwnQuotaKeepsNobodyWaiting) {
  AddClient("a", 1, {.requests_per_minute = 1});
  AddClient("b", 2);
  FillMinute(2);
  Advance(absl::Seconds(50));
  // What a has comes back 60 s from here, what the pool has in 10.5 s.
  ASSERT_TRUE(Holds(1, As(1)));
  ASSERT_TRUE(Holds(2, As(2)));
  ASSERT_TRUE(Holds(3, As(1)));
  ASSERT_TRUE(Holds(4, As(2)));
  Advance(absl::Seconds(10.5));
  EXPECT_THAT(Served(), ElementsAre(1, 2, 4));
  EXPECT_EQ(pool->NextWaitingDue(), mono + absl::Minutes(1));
  Advance(absl::Minutes(1));
  EXPECT_THAT(Served(), ElementsAre(3));
  EXPECT_EQ(pool->Held(), 0u);
}

TEST_F(ClientsWait, ManyOverTheirOwnQuotaKeepNobodyWaiting) {
  AddClient("b", 200);
  config.default_limits.requests_per_minute = 1'000;
  for (int i = 0; i < 100; ++i) {
    AddClient(absl::StrCat("a", i), static_cast<std::uint8_t>(i), {.requests_per_minute = 1});
  }
  Start();
  for (int i = 0; i < 100; ++i) {
    Granted(As(static_cast<std::uint8_t>(i)));
    ASSERT_TRUE(Holds(static_cast<std::uint64_t>(i) + 1, As(static_cast<std::uint8_t>(i))));
  }
  ASSERT_TRUE(Holds(500, As(200)));
  std::vector<std::uint64_t> served = Served();
  if (served.empty()) served = Served();
  EXPECT_THAT(served, ElementsAre(500));
}

TEST_F(ClientsWait, NobodyUnknownIsHeldBack) {
  AddClient("a", 1);
  FillMinute(1);
  ASSERT_TRUE(Holds(1, As(1)));
  EXPECT_FALSE(Holds(2, As(7)));
  AcquireCommand anonymous = As(1);
  anonymous.token_digest.reset();
  EXPECT_FALSE(Holds(3, anonymous));
}

TEST_F(ClientsWait, OneThatIsRevokedMeanwhileIsNotServed) {
  AddClient("a", 1);
  FillMinute(1);
  ASSERT_TRUE(Holds(1, As(1)));
  ASSERT_TRUE(pool->Apply(ClientCommand(RevokeClientCommand{"a"}), now(), &mutations).ok());
  const auto answers = pool->ServeWaiting(now(), random, &mutations);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(std::get<Refusal>(answers[0].reply).reason, RefusalReason::kUnauthenticated);
  EXPECT_EQ(pool->Held(), 0u);
}

}  // namespace
}  // namespace keypool::policy
