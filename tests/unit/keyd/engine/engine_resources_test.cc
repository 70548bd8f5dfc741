// What a report tells of things that live in one project is durable before it is confirmed.
#include <gtest/gtest.h>

#include "keyd/engine/engine.h"
#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

class EngineResources : public EngineTest {
 protected:
  // The question that confirms a report: nothing is granted.
  static LeaseCommand Confirming(const Grant& grant, Epoch epoch, std::string name) {
    ReportCommand report = ReportOf(grant, epoch, 200);
    report.resources = {{std::move(name), absl::Hours(48)}};
    LeaseCommand command = AcquireOf();
    command.previous = std::move(report);
    return command;
  }
  AcquireReply AcquireNaming(std::string name) {
    LeaseCommand command = AcquireOf();
    std::get<AcquireCommand>(command.command).resources = {std::move(name)};
    return std::get<AcquireReply>(Await(Post(*engine_, {command})).replies.at(0).reply);
  }
};

TEST_F(EngineResources, AConfirmedNoteIsKnownToTheNextReign) {
  Start();
  AddKeyNow("AIza-first-secret-text", "project-a");
  AddKeyNow("AIza-second-secret-text", "project-b");
  const Grant grant = std::get<Grant>(AcquireNow());
  store_.Hold();
  std::future<LeaseAnswer> confirmed = Post(*engine_, {Confirming(grant, Epoch{1}, "files/x")});
  ASSERT_TRUE(Eventually([&] { return store_.Pending() > 0; }));
  EXPECT_FALSE(IsReady(confirmed)) << "before it is committed";
  store_.Release();
  const LeaseAnswer answer = Await(std::move(confirmed));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  const auto& reply = std::get<AcquireReply>(answer.replies.at(0).reply);
  EXPECT_EQ(std::get<Refusal>(reply).reason, RefusalReason::kNotRetryable);
  Start();
  for (int i = 0; i < 2; ++i) {
    const Grant there = std::get<Grant>(AcquireNaming("files/x"));
    EXPECT_TRUE(there.owns);
    EXPECT_EQ(there.project, grant.project);
  }
}

TEST_F(EngineResources, ANoteWhoseCommitFailsIsNotConfirmed) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  const Grant grant = std::get<Grant>(AcquireNow());
  store_.FailAfter(0, absl::UnavailableError("the disk is full"));
  const LeaseAnswer answer = Await(Post(*engine_, {Confirming(grant, Epoch{1}, "files/x")}));
  EXPECT_FALSE(answer.status.ok());
}

}  // namespace
}  // namespace keypool::engine
