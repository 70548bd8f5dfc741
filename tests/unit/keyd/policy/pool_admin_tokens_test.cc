// Admin tokens: who may use /admin over HTTP, and how that is remembered.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PoolAdminTokens : public PoolTest {
 protected:
  static TokenDigest Token(std::uint8_t number) { return {number, 1, 2, 3}; }
  absl::StatusOr<AdminTokenStatus> Do(const AdminTokenCommand& command) {
    auto status = pool->Apply(command, now(), &mutations);
    Commit();
    return status;
  }
  void AddToken(std::string name, std::uint8_t token,
                absl::Duration expires_in = absl::InfiniteDuration()) {
    ASSERT_TRUE(Do(AddAdminTokenCommand{std::move(name), expires_in, Token(token)}).ok());
  }
  std::string NameOf(std::uint8_t token) const {
    const auto name = pool->NameOfAdminToken(Token(token), now());
    if (name.ok()) return *name;
    EXPECT_EQ(name.status(), pool->NameOfAdminToken(std::nullopt, now()).status())
        << "tells what is wrong with the token";
    return "nobody";
  }
};

TEST_F(PoolAdminTokens, AreKnownByNameOverRestartsUntilTheyAreRevoked) {
  EXPECT_EQ(NameOf(1), "nobody");
  AddToken("ops", 1);
  AddToken("ci", 2);
  Start();
  EXPECT_EQ(NameOf(1), "ops");
  EXPECT_EQ(NameOf(2), "ci");
  EXPECT_EQ(NameOf(3), "nobody");
  ASSERT_TRUE(Do(RevokeAdminTokenCommand{"ops"}).ok());
  EXPECT_EQ(NameOf(1), "nobody");
  Start();
  EXPECT_EQ(NameOf(1), "nobody");
  EXPECT_EQ(NameOf(2), "ci");
  EXPECT_EQ(stored_admin_tokens.size(), 1u);
  AddToken("ops", 4);  // the name is free again
  EXPECT_EQ(NameOf(4), "ops");
}

TEST_F(PoolAdminTokens, WithoutAGoodOneTheAnswerSaysHowToMakeOne) {
  const absl::Status none = pool->NameOfAdminToken(std::nullopt, now()).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(none.message()), HasSubstr("poolctl admin-token add"));
}

TEST_F(PoolAdminTokens, AnExpiredOneIsAsGoodAsNoneAndSaysSoToTheOperatorOnly) {
  AddToken("ops", 1, absl::Hours(1));
  Advance(absl::Hours(1) - absl::Seconds(1));
  EXPECT_EQ(NameOf(1), "ops");
  EXPECT_FALSE(pool->ListAdminTokens(now()).at(0).expired);
  Advance(absl::Seconds(1));
  EXPECT_EQ(NameOf(1), "nobody");
  EXPECT_TRUE(pool->ListAdminTokens(now()).at(0).expired);
  const auto dead = Do(RotateAdminTokenCommand{.name = "ops", .token = Token(2)});
  EXPECT_EQ(dead.status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(
      Do(RotateAdminTokenCommand{.name = "ops", .expires_in = absl::Hours(1), .token = Token(2)})
          .ok());
  EXPECT_EQ(NameOf(2), "ops");
  EXPECT_EQ(NameOf(1), "nobody") << "does not come back with the new one";
}

TEST_F(PoolAdminTokens, TwoAreGoodWhileTheyOverlapAndNoMoreThanTwo) {
  AddToken("ops", 1);
  const auto rotated = Do(RotateAdminTokenCommand{.name = "ops", .token = Token(2)});
  ASSERT_TRUE(rotated.ok());
  EXPECT_EQ(rotated->tokens.size(), 2u);
  Start();
  EXPECT_EQ(NameOf(1), "ops");
  EXPECT_EQ(NameOf(2), "ops");
  Advance(kTokenOverlap);
  EXPECT_EQ(NameOf(1), "nobody");
  ASSERT_TRUE(Do(RotateAdminTokenCommand{.name = "ops", .token = Token(3)}).ok());
  ASSERT_TRUE(Do(RotateAdminTokenCommand{.name = "ops", .token = Token(4)}).ok());
  EXPECT_EQ(NameOf(2), "nobody");
  EXPECT_EQ(NameOf(3), "ops");
  ASSERT_TRUE(
      Do(RotateAdminTokenCommand{"ops", absl::ZeroDuration(), std::nullopt, Token(5)}).ok());
  EXPECT_EQ(NameOf(4), "nobody");
  EXPECT_EQ(NameOf(5), "ops");
}

TEST_F(PoolAdminTokens, AnEndThatIsGivenAnewDoesNotProlongTheOldToken) {
  AddToken("ops", 1, absl::Hours(1));
  ASSERT_TRUE(Do(RotateAdminTokenCommand{"ops", absl::Hours(24), absl::Hours(100), Token(2)}).ok());
  Advance(absl::Hours(2));
  EXPECT_EQ(NameOf(1), "nobody");
  EXPECT_EQ(NameOf(2), "ops");
}

TEST_F(PoolAdminTokens, MistakesOfTheOperatorAreToldApartAndTheNumberIsBounded) {
  AddToken("ops", 1);
  EXPECT_EQ(Do(AddAdminTokenCommand{.name = "ops", .token = Token(2)}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Do(RevokeAdminTokenCommand{"x"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Do(RotateAdminTokenCommand{.name = "x"}).status().code(), absl::StatusCode::kNotFound);
  for (std::size_t i = 1; i < kAdminTokensMax; ++i) {
    AddToken("t" + std::to_string(i), static_cast<std::uint8_t>(i + 1));
  }
  const auto full = Do(AddAdminTokenCommand{.name = "one-more", .token = Token(200)});
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.status().message()),
              AllOf(HasSubstr("100"), HasSubstr("admin-token revoke")));
  EXPECT_EQ(pool->ListAdminTokens(now()).size(), kAdminTokensMax);
}

TEST_F(PoolAdminTokens, ChangesAreEventsAndAStoreThatContradictsItselfIsRefused) {
  AddToken("ops", 1);
  ASSERT_TRUE(Do(RevokeAdminTokenCommand{"ops"}).ok());
  const std::vector<PoolEvent> events = pool->Events({}).events;
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events.back().kind, EventKind::kAdminTokensChanged);
  EXPECT_EQ(events.back().text, "admin token ops was revoked");
  EXPECT_EQ(events[events.size() - 2].text, "admin token ops was added");
  Snapshot snapshot;
  snapshot.epoch = Epoch{99};
  for (const char* name : {"a", "b"}) {
    AdminTokenRecord& record = snapshot.admin_tokens.emplace_back();
    record.name = name;
    record.tokens = {{.digest = Token(1), .made_at = wall}};
  }
  const auto restored = Pool::Restore(config, std::move(snapshot), now(), &mutations);
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace keypool::policy
