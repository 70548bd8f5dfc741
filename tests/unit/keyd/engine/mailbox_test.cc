#include "keyd/engine/mailbox.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

constexpr std::chrono::nanoseconds kNoWait(0);

Call CallOf(std::size_t commands) {
  return LeaseCall{std::vector<LeaseCommand>(commands),
                   [](absl::Status, std::vector<LeaseReply>) {}};
}

absl::Status Push(Mailbox& mailbox, std::size_t commands) {
  Call call = CallOf(commands);
  return mailbox.Push(&call);
}

TEST(Mailbox, TakesEverythingAtOnceInOrder) {
  Mailbox mailbox(100);
  for (std::size_t i = 1; i <= 5; ++i) ASSERT_TRUE(Push(mailbox, i).ok());
  std::vector<Call> calls;
  ASSERT_TRUE(mailbox.Take(&calls, kNoWait));
  ASSERT_EQ(calls.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(WeightOf(calls[i]), i + 1);
}

TEST(Mailbox, CountsCommandsAndIsEmptyAgainAfterTake) {
  Mailbox mailbox(10);
  ASSERT_TRUE(Push(mailbox, 9).ok());
  EXPECT_EQ(Push(mailbox, 2).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Push(mailbox, 0).ok()) << "an empty call weighs one";
  EXPECT_EQ(Push(mailbox, 0).code(), absl::StatusCode::kResourceExhausted);
  std::vector<Call> calls;
  ASSERT_TRUE(mailbox.Take(&calls, kNoWait));
  EXPECT_TRUE(Push(mailbox, 10).ok());
}

TEST(Mailbox, CallThatIsTurnedAwayStaysWithItsCaller) {
  Mailbox mailbox(1);
  Call call = CallOf(2);
  EXPECT_FALSE(mailbox.Push(&call).ok());
  EXPECT_EQ(WeightOf(call), 2u);
}

TEST(Mailbox, ClosedMailboxGivesOutWhatIsInAndTakesNoMore) {
  Mailbox mailbox(10);
  ASSERT_TRUE(Push(mailbox, 1).ok());
  mailbox.Close();
  EXPECT_EQ(Push(mailbox, 1).code(), absl::StatusCode::kUnavailable);
  std::vector<Call> calls;
  EXPECT_TRUE(mailbox.Take(&calls, std::chrono::hours(1)));
  EXPECT_EQ(calls.size(), 1u);
  calls.clear();
  EXPECT_FALSE(mailbox.Take(&calls, std::chrono::hours(1)));
}

TEST(Mailbox, PushWakeAndCloseEachEndAWait) {
  Mailbox mailbox(10);
  for (const auto& end_the_wait :
       std::vector<std::function<void()>>{[&] { ASSERT_TRUE(Push(mailbox, 1).ok()); },
                                          [&] { mailbox.Wake(); }, [&] { mailbox.Close(); }}) {
    std::thread other(end_the_wait);
    std::vector<Call> calls;
    mailbox.Take(&calls, std::chrono::hours(1));
    other.join();
  }
}

}  // namespace
}  // namespace keypool::engine
