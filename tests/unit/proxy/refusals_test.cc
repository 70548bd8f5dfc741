#include "proxy/refusals.h"

#include <gtest/gtest.h>

#include <tuple>

namespace keypool::proxy {
namespace {

Refusal Of(RefusalReason reason, QuotaWindow window) {
  Refusal refusal;
  refusal.reason = reason;
  refusal.limit = 1000;
  refusal.window = window;
  refusal.message = "why";
  return refusal;
}

TEST(ForRefusal, WhatIsTooLargeIsTheCallersToMend) {
  const ErrorAnswer answer = ForRefusal(
      Of(RefusalReason::kTooLarge, QuotaWindow::kInputTokensPerMinute), "m", absl::Seconds(1));
  EXPECT_EQ(answer.http_status, 400);
  EXPECT_EQ(answer.message, "why");
  EXPECT_FALSE(answer.retry_after.has_value());
  EXPECT_FALSE(answer.quota.has_value());
}

TEST(ForRefusal, WindowInTheWayIsNamed) {
  for (const auto& [window, per_day, tokens] :
       {std::tuple(QuotaWindow::kRequestsPerMinute, false, false),
        std::tuple(QuotaWindow::kRequestsPerDay, true, false),
        std::tuple(QuotaWindow::kInputTokensPerMinute, false, true),
        std::tuple(QuotaWindow::kInputTokensPerDay, true, true)}) {
    const ErrorAnswer answer =
        ForRefusal(Of(RefusalReason::kExhausted, window), "m", absl::Seconds(1));
    EXPECT_EQ(answer.http_status, 429);
    ASSERT_TRUE(answer.quota.has_value());
    EXPECT_EQ(answer.quota->per_day, per_day);
    EXPECT_EQ(answer.quota->input_tokens, tokens);
    EXPECT_EQ(answer.quota->limit, 1000);
  }
}

TEST(ForRefusal, NobodyKnownIsToldInGooglesWords) {
  const ErrorAnswer answer = ForRefusal(
      Of(RefusalReason::kUnauthenticated, QuotaWindow::kRequestsPerMinute), "m", absl::Seconds(1));
  EXPECT_EQ(answer.http_status, 401);
  EXPECT_TRUE(answer.message.starts_with("Request had invalid authentication credentials. "));
  EXPECT_FALSE(answer.retry_after.has_value());
  EXPECT_FALSE(answer.quota.has_value());
  EXPECT_EQ(OutcomeOf(RefusalReason::kUnauthenticated), "unauthenticated");
}

TEST(ForRefusal, AModelThatAClientMayNotUseIsNoQuestionOfTime) {
  const ErrorAnswer answer = ForRefusal(
      Of(RefusalReason::kModelNotAllowed, QuotaWindow::kRequestsPerMinute), "m", absl::Seconds(1));
  EXPECT_EQ(answer.http_status, 403);
  EXPECT_EQ(answer.message, "why");
  EXPECT_FALSE(answer.retry_after.has_value());
}

TEST(ForRefusal, AClientsOwnQuotaIsToldApartFromThePools) {
  Refusal refusal = Of(RefusalReason::kClientQuota, QuotaWindow::kRequestsPerDay);
  refusal.retry_after = absl::Seconds(30);
  const ErrorAnswer answer = ForRefusal(refusal, "m", absl::Seconds(1));
  EXPECT_EQ(answer.http_status, 429);
  EXPECT_EQ(answer.retry_after, absl::Seconds(30));
  ASSERT_TRUE(answer.quota.has_value());
  EXPECT_TRUE(answer.quota->of_client);
  EXPECT_TRUE(answer.quota->per_day);
  EXPECT_EQ(CloseReason(answer), "The client's own quota is used up; try again in 30 s. why");
}

TEST(CloseReason, QuotaThenItIsSaidFirstWithTheTime) {
  Refusal refusal = Of(RefusalReason::kExhausted, QuotaWindow::kRequestsPerMinute);
  refusal.retry_after = absl::Milliseconds(36'100);
  EXPECT_EQ(CloseReason(ForRefusal(refusal, "m", absl::Seconds(1))),
            "The pool's quota is used up; try again in 37 s. why");
  refusal.reason = RefusalReason::kNoKeys;
  EXPECT_EQ(CloseReason(ForRefusal(refusal, "m", absl::Seconds(1))), "why");
}

}  // namespace
}  // namespace keypool::proxy
