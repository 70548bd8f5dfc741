#include "keyd/client/admin_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "keyd/rpc/server.h"
#include "tests/fakes/engine/fake_engine.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::client {
namespace {

using ::testing::HasSubstr;

class AdminClientTest : public ::testing::Test {
 protected:
  void StartServer() {
    auto server = rpc::Server::Start({.listen = address_,
                                      .send_by = absl::Milliseconds(500),
                                      .lease_time_to_live = absl::Minutes(10),
                                      .threads = 1,
                                      .drain_max = absl::Milliseconds(200)},
                                     &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<AdminClient> Open(absl::Duration timeout = absl::Seconds(20)) const {
    return AdminClient::Open({.address = address_, .timeout = timeout});
  }

  // Waits for the answer of one call.
  template <class T>
  static absl::StatusOr<T> Await(const std::function<void(AdminClient::Done<T>)>& call) {
    std::promise<absl::StatusOr<T>> answer;
    call([&](absl::StatusOr<T> got) { answer.set_value(std::move(got)); });
    return answer.get_future().get();
  }

  absl::StatusOr<PoolStatus> AwaitStatus(AdminClient* client) {
    return Await<PoolStatus>([&](auto done) { client->Status({}, std::move(done)); });
  }

  fakes::TempDir dir_;
  const std::string address_ = "unix:" + dir_.File("keyd.sock");
  fakes::FakeEngine engine_;
  std::unique_ptr<rpc::Server> server_;
};

TEST_F(AdminClientTest, LimitsAreSetListedAndUnset) {
  StartServer();
  const auto client = Open();
  const ScopeLimits said{{LimitLevel::kProject, "p", LimitModels::kOne, "m"},
                         {.requests_per_minute = 4, .input_tokens_per_day = kUnlimited},
                         ""};
  const auto set = Await<ScopeLimits>([&](auto done) { client->SetLimits({said}, done); });
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(*set, said);
  const auto list = Await<LimitsPage>([&](auto done) { client->ListLimits({}, done); });
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->rows.size(), 1u);
  EXPECT_EQ(list->rows[0].said, said);
  UnsetLimitsCommand unset;
  unset.scope = said.scope;
  EXPECT_TRUE(Await<ScopeLimits>([&](auto done) { client->UnsetLimits(unset, done); }).ok());
  // This server was given no reader of texts.
  const auto imported = Await<ImportedLimits>([&](auto done) {
    client->ImportLimits({"", "f", false}, done);
  });
  EXPECT_EQ(imported.status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(AdminClientTest, AdminTokensAreMadeListedAndRevokedAndLetSomebodyInOverHttp) {
  StartServer();
  const auto client = Open();
  const auto added =
      Await<IssuedAdminToken>([&](auto done) { client->AddAdminToken({"ops"}, done); });
  ASSERT_TRUE(added.ok()) << added.status();
  const auto rotated = Await<IssuedAdminToken>([&](auto done) {
    client->RotateAdminToken({"ops", absl::ZeroDuration()}, done);
  });
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(engine_.AdminToken("ops"), DigestOfToken(kAdminToken, *rotated->token));
  using All = std::vector<AdminTokenStatus>;
  const auto all = Await<All>([&](auto done) { client->ListAdminTokens(done); });
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().name, "ops");
  // The token before, one of another kind, and none.
  for (const SecretPtr& token :
       {added->token, std::make_shared<const Secret>("AIza\x01 is no token"), SecretPtr()}) {
    const auto nobody = client->ForHttp(token);
    EXPECT_EQ(AwaitStatus(nobody.get()).status().code(), absl::StatusCode::kUnauthenticated);
  }
  const auto ops = client->ForHttp(rotated->token);
  EXPECT_TRUE(AwaitStatus(ops.get()).ok());
  EXPECT_TRUE(
      Await<AdminTokenStatus>([&](auto done) { client->RevokeAdminToken({"ops"}, done); }).ok());
  EXPECT_EQ(AwaitStatus(ops.get()).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(AwaitStatus(client.get()).ok()) << "nobody came over HTTP";
}

TEST_F(AdminClientTest, ClientsAreMadeChangedListedAndRevoked) {
  StartServer();
  const auto client = Open();
  const auto added = Await<IssuedClient>([&](auto done) {
    client->AddClient({"team-a", {.requests_per_minute = 4}, {}}, done);
  });
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->client.terms.requests_per_minute, 4);
  EXPECT_EQ(engine_.ClientToken("team-a"), DigestOf(*added->token));
  const auto rotated = Await<IssuedClient>([&](auto done) {
    client->RotateClient({"team-a", absl::ZeroDuration(), {}}, done);
  });
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_FALSE(*rotated->token == *added->token);
  const auto set = Await<ClientStatus>([&](auto done) {
    client->SetClient({"team-a", {.weight = 3}}, done);
  });
  EXPECT_EQ(set->terms.weight, 3);
  const auto list = Await<ClientsPage>([&](auto done) { client->ListClients({}, done); });
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->rows.size(), 1u);
  EXPECT_EQ(Await<ClientStatus>([&](auto done) { client->RevokeClient({"team-a"}, done); })->state,
            ClientState::kRevoked);
  EXPECT_TRUE(Await<ClientStatus>([&](auto done) { client->RemoveClient({"team-a"}, done); }).ok());
  EXPECT_EQ(Await<ClientStatus>([&](auto done) { client->RevokeClient({"team-a"}, done); })
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

TEST_F(AdminClientTest, EveryCallReachesKeydAndComesBack) {
  StartServer();
  const auto client = Open();
  const auto added = Await<KeyStatus>([&](auto done) {
    client->AddKey({.secret = std::make_shared<const Secret>("AIzaSy-0123456789"),
                    .project = ProjectId("p"),
                    .imported = false},
                   std::move(done));
  });
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->project, ProjectId("p"));
  const auto disabled = Await<KeyStatus>([&](auto done) {
    client->DisableKey({added->id, "leaked"}, std::move(done));
  });
  ASSERT_TRUE(disabled.ok());
  EXPECT_EQ(disabled->disabled_reason, "leaked");
  const auto enabled =
      Await<KeyStatus>([&](auto done) { client->EnableKey(added->id, std::move(done)); });
  ASSERT_TRUE(enabled.ok());
  EXPECT_TRUE(enabled->active);
  const auto key =
      Await<KeyStatus>([&](auto done) { client->Key(added->id, "m", std::move(done)); });
  ASSERT_TRUE(key.ok());
  const auto reset =
      Await<std::int64_t>([&](auto done) { client->Reset({added->id}, std::move(done)); });
  ASSERT_TRUE(reset.ok());
  EXPECT_EQ(*reset, 1);
  engine_.MakeUsage(3);
  const auto usage =
      Await<UsagePage>([&](auto done) { client->Usage({.rows_max = 2}, std::move(done)); });
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->rows.size(), 2u);
  EXPECT_TRUE(usage->more);
  const auto status = AwaitStatus(client.get());
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->keys.size(), 1u);
  std::promise<absl::Status> removed, again;
  client->RemoveKey(added->id, [&](absl::Status s) { removed.set_value(std::move(s)); });
  EXPECT_TRUE(removed.get_future().get().ok());
  client->RemoveKey(added->id, [&](absl::Status s) { again.set_value(std::move(s)); });
  EXPECT_EQ(again.get_future().get().code(), absl::StatusCode::kNotFound);
}

TEST_F(AdminClientTest, QuestionsReachKeydAndComeBack) {
  StartServer();
  engine_.MakeKeys(2);
  const auto client = Open();
  const auto said =
      Await<Explanation>([&](auto done) { client->Explain({.model = "m"}, std::move(done)); });
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->next_key, KeyId(1));
  ASSERT_EQ(said->keys.size(), 2u);
  EXPECT_EQ(said->keys[1].reason, "of m");
  const auto events = Await<PoolEvents>([&](auto done) { client->Events({3}, std::move(done)); });
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->events.size(), 2u);
  EXPECT_EQ(events->events[0].row, "429_day");
}

TEST_F(AdminClientTest, InvalidArgumentComesBackWithTheField) {
  StartServer();
  const auto client = Open();
  const auto added = Await<KeyStatus>([&](auto done) {
    client->AddKey({.secret = std::make_shared<const Secret>("AIzaSy-0123456789"),
                    .project = ProjectId("-bad"),
                    .imported = false},
                   std::move(done));
  });
  EXPECT_EQ(added.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(added.status().message()), HasSubstr("project_id"));
}

TEST_F(AdminClientTest, UnreachableKeydIsUnavailableAndTheAddressIsNamed) {
  const auto client = Open();
  const auto status = AwaitStatus(client.get());
  EXPECT_EQ(status.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.status().message()), HasSubstr(address_));
  const absl::Status watched = client->Watch({}, absl::Seconds(1), [](PoolStatus) { return true; });
  EXPECT_EQ(watched.code(), absl::StatusCode::kUnavailable);
}

TEST_F(AdminClientTest, AddressThatKeydCannotHaveIsToldWithTheSetting) {
  const auto client = AdminClient::Open({.address = "keyd:9000", .timeout = absl::Seconds(20)});
  const auto status = AwaitStatus(client.get());
  EXPECT_EQ(status.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.status().message()), HasSubstr("KEYD_ADDRESS"));
}

TEST_F(AdminClientTest, SilentKeydIsDeadlineExceeded) {
  StartServer();
  engine_.Hold();
  const auto client = Open(absl::Milliseconds(50));
  EXPECT_EQ(AwaitStatus(client.get()).status().code(), absl::StatusCode::kDeadlineExceeded);
  engine_.Release();
}

TEST_F(AdminClientTest, DestructionCancelsCallsUnderWay) {
  StartServer();
  engine_.Hold();
  auto client = Open();
  absl::Status got;
  client->Status({}, [&](absl::StatusOr<PoolStatus> status) { got = status.status(); });
  client = nullptr;
  EXPECT_EQ(got.code(), absl::StatusCode::kCancelled);
  engine_.Release();
}

TEST_F(AdminClientTest, WatchEndsWhenItsCallerHasSeenEnough) {
  StartServer();
  const auto client = Open();
  int seen = 0;
  const absl::Status status = client->Watch({}, absl::Milliseconds(100), [&](PoolStatus) {
    engine_.Change();
    return ++seen < 3;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 3);
}

TEST_F(AdminClientTest, WatchTellsWhenKeydGoes) {
  StartServer();
  const auto client = Open();
  std::thread stop;
  const absl::Status status = client->Watch({}, absl::Milliseconds(100), [&](PoolStatus) {
    if (!stop.joinable()) stop = std::thread([&] { server_->Stop(); });
    return true;
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  stop.join();
}

}  // namespace
}  // namespace keypool::client
