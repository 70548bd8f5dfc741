#include "tests/unit/keyd/engine/engine_fixture.h"

#include "keyd/engine/outbox.h"

namespace keypool::engine {

Options TestOptions() {
  Options options;
  EXPECT_TRUE(absl::LoadTimeZone("America/Los_Angeles", &options.pool.pacific));
  options.pool.default_limits = {.requests_per_minute = 10'000, .requests_per_day = 1'000'000};
  options.seed = 1;
  return options;
}

LeaseCommand AcquireOf(std::uint64_t tag, std::string model) {
  LeaseCommand command;
  command.tag = tag;
  AcquireCommand acquire;
  acquire.model = std::move(model);
  command.command = std::move(acquire);
  return command;
}

ReportCommand ReportOf(const Grant& grant, Epoch epoch, int http_status) {
  ReportCommand report;
  report.lease = grant.lease;
  report.epoch = epoch;
  report.key = grant.key;
  report.model = kModel;
  report.facts.http_status = http_status;
  return report;
}

std::future<LeaseAnswer> Post(Engine& engine, std::vector<LeaseCommand> commands) {
  auto promise = std::make_shared<std::promise<LeaseAnswer>>();
  std::future<LeaseAnswer> future = promise->get_future();
  engine.Post(std::move(commands), [promise](absl::Status status, std::vector<LeaseReply> replies) {
    promise->set_value({std::move(status), std::move(replies)});
  });
  return future;
}

std::future<absl::StatusOr<KeyStatus>> AddKey(Engine& engine, std::string secret,
                                              std::string project) {
  auto [done, future] = Expecting<absl::StatusOr<KeyStatus>>();
  AddKeyCommand command;
  command.secret = std::make_shared<const Secret>(secret);
  command.project = ProjectId{std::move(project)};
  engine.AddKey(std::move(command), done);
  return std::move(future);
}

absl::StatusOr<PoolStatus> StatusNow(Engine& engine) {
  auto [done, future] = Expecting<absl::StatusOr<PoolStatus>>();
  engine.Status({}, done);
  return Await(std::move(future));
}

void EngineTest::Start(const Options& options) {
  engine_.reset();
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Start(options, clock_, store_);
  ASSERT_TRUE(engine.ok()) << engine.status();
  engine_ = std::move(engine).value();
}

KeyId EngineTest::AddKeyNow(std::string secret, std::string project) {
  const absl::StatusOr<KeyStatus> key =
      Await(AddKey(*engine_, std::move(secret), std::move(project)));
  EXPECT_TRUE(key.ok()) << key.status();
  return key.ok() ? key->id : KeyId{};
}

AcquireReply EngineTest::AcquireNow() {
  LeaseAnswer answer = Await(Post(*engine_, {AcquireOf()}));
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  return std::get<AcquireReply>(answer.replies.at(0).reply);
}

void EngineTest::Block() {
  store_.Hold();
  for (std::size_t i = 1; i <= kCommitsInFlightMax; ++i) {
    blockers_.push_back(AddKey(*engine_, "AIza-blocker-secret-" + std::to_string(i), "project-a"));
    ASSERT_TRUE(Eventually([&] { return store_.Pending() == static_cast<int>(i); }));
  }
}

}  // namespace keypool::engine
