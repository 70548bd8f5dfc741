// What a client makes is its own: who may name it, and how uploads go on without a token.
#include <gmock/gmock.h>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PoolOwners : public PoolTest {
 protected:
  PoolOwners() {
    config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1'000};
    Start();
    Add("secret-a", "p");
  }
  static TokenDigest Token(std::uint8_t number) { return {number, 5}; }
  void Do(const ClientCommand& command) {
    ASSERT_TRUE(pool->Apply(command, now(), &mutations).ok());
    Commit();
  }
  void AddTwo() {
    Do(AddClientCommand{"a", {}, Token(1)});
    Do(AddClientCommand{"b", {}, Token(2)});
  }
  // 0: without a token.
  static AcquireCommand Naming(std::uint8_t token, std::vector<std::string> names) {
    AcquireCommand command = Unmetered();
    if (token != 0) command.token_digest = Token(token);
    command.resources = std::move(names);
    return command;
  }
  void Make(const AcquireCommand& by, std::string name) {
    ReportCommand report = ReportOf(Granted(by), Status(200));
    report.resources = {{std::move(name), absl::Hours(1)}};
    Apply(report);
  }
  std::vector<std::uint32_t> Foreign(std::uint8_t token, std::vector<std::string> names) {
    AcquireCommand command = Naming(token, std::move(names));
    command.kind = Kind::kOwnership;
    const Refusal refusal = Refused(command);
    EXPECT_EQ(refusal.reason, RefusalReason::kNotOwner);
    return refusal.foreign;
  }
};

TEST_F(PoolOwners, OthersAreAnsweredAsByGoogle) {
  AddTwo();
  Make(Naming(1, {}), "files/x");
  EXPECT_EQ(Granted(Naming(1, {"files/x"})).client, "a");
  const Refusal refusal = Refused(Naming(2, {"files/x"}));
  EXPECT_EQ(refusal.reason, RefusalReason::kNotOwner);
  EXPECT_EQ(refusal.message,
            "You do not have permission to access the File x or it may not exist.");
  EXPECT_EQ(Refused(Naming(2, {"files/nobody-knows"})).message,
            "You do not have permission to access the File nobody-knows or it may not exist.")
      << "is not told apart from what is another's";
  Make(Naming(1, {}), "cachedContents/c");
  EXPECT_THAT(Refused(Naming(2, {"cachedContents/c"})).message,
              HasSubstr("does not have permission"));
  AcquireCommand metered = Metered();
  metered.token_digest = Token(2);
  metered.resources = {"files/x"};
  EXPECT_EQ(Refused(metered).reason, RefusalReason::kNotOwner);
}

TEST_F(PoolOwners, ItIsRememberedOverARestart) {
  AddTwo();
  Make(Naming(1, {}), "files/x");
  Start();
  Granted(Naming(1, {"files/x"}));
  EXPECT_EQ(Refused(Naming(2, {"files/x"})).reason, RefusalReason::kNotOwner);
}

TEST_F(PoolOwners, ByAReportOfAnotherReignToo) {
  AddTwo();
  ReportCommand report = ReportOf(Granted(Naming(1, {})), Status(200));
  report.resources = {{"files/x", absl::Hours(1)}};
  report.client = "a";
  Start();
  Apply(report);
  Granted(Naming(1, {"files/x"}));
  EXPECT_EQ(Refused(Naming(2, {"files/x"})).reason, RefusalReason::kNotOwner);
}

TEST_F(PoolOwners, WhatWasMadeBeforeThereWereClientsIsEverybodys) {
  Make(Naming(0, {}), "files/old");
  AddTwo();
  Granted(Naming(1, {"files/old"}));
  Granted(Naming(2, {"files/old"}));
}

TEST_F(PoolOwners, WithoutClientsNothingIsAnybodys) {
  Make(Naming(0, {}), "files/x");
  Granted(Naming(0, {"files/x", "files/unknown"}));
  EXPECT_THAT(Foreign(0, {"files/x", "files/unknown"}), IsEmpty());
}

TEST_F(PoolOwners, WhichOfManyAreForeignIsTold) {
  AddTwo();
  Make(Naming(1, {}), "files/1");
  Make(Naming(2, {}), "files/2");
  EXPECT_THAT(Foreign(1, {"files/1", "files/2", "files/3"}), ElementsAre(1, 2));
  EXPECT_THAT(Foreign(2, {"files/1", "files/2"}), ElementsAre(0));
  EXPECT_THAT(Foreign(1, {"agents/of-google", "live/abc", "uploads/abc"}), IsEmpty());
}

TEST_F(PoolOwners, AnUploadGoesOnWithoutATokenForWhoBeganIt) {
  AddTwo();
  Make(Naming(1, {}), "uploads/u");
  EXPECT_EQ(Granted(Naming(0, {"uploads/u"})).client, "a");
  EXPECT_EQ(Granted(Naming(1, {"uploads/u"})).client, "a");
  EXPECT_EQ(Refused(Naming(2, {"uploads/u"})).reason, RefusalReason::kNotOwner);
  EXPECT_EQ(Refused(Naming(0, {"uploads/other"})).reason, RefusalReason::kUnauthenticated);
  EXPECT_EQ(Refused(Naming(0, {"files/x"})).reason, RefusalReason::kUnauthenticated);
  // What comes of it is his.
  Make(Naming(0, {"uploads/u"}), "files/made");
  Granted(Naming(1, {"files/made"}));
  EXPECT_EQ(Refused(Naming(2, {"files/made"})).reason, RefusalReason::kNotOwner);
  Do(RevokeClientCommand{"a"});
  EXPECT_EQ(Refused(Naming(0, {"uploads/u"})).reason, RefusalReason::kUnauthenticated);
}

}  // namespace
}  // namespace keypool::policy
