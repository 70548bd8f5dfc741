// Who calls, and the audit, over a socket.
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/rpc/call_throttle.h"
#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class AdminAudit : public ServerFixture {
 protected:
  void SetUp() override {
    ServerOptions options = Options();
    options.parse_limits = [](std::string_view, std::string_view) {
      return absl::InvalidArgumentError("line 1: no number");
    };
    options.rotate_master_key = [this]() -> absl::StatusOr<RotatedMasterKey> {
      if (rotation_fails_) return absl::FailedPreconditionError("no other key");
      return RotatedMasterKey{3, "a place"};
    };
    auto server = Server::Start(options, &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Admin::NewStub(Channel());
  }
  grpc::Status Rotate() {
    grpc::ClientContext context;
    v1::RotateMasterKeyResponse response;
    return stub_->RotateMasterKey(&context, {}, &response);
  }
  grpc::Status Status() {
    grpc::ClientContext context;
    v1::StatusResponse response;
    return stub_->Status(&context, {}, &response);
  }
  std::vector<std::string> WhatIsRecorded() {
    const v1::ListAuditResponse page = List();
    std::vector<std::string> what;
    for (const v1::AuditRecord& record : page.records()) what.push_back(record.what());
    return what;
  }
  v1::ListAuditResponse List(std::uint64_t before = 0, std::uint32_t page_size = 0) {
    grpc::ClientContext context;
    v1::ListAuditRequest request;
    request.set_before(before);
    request.set_page_size(page_size);
    v1::ListAuditResponse response;
    EXPECT_TRUE(stub_->ListAudit(&context, request, &response).ok());
    return response;
  }

  const std::string me_ = absl::StrCat("uid ", geteuid());
  std::atomic<bool> rotation_fails_ = false;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminAudit, UserAtTheOtherEndOfTheSocketIsTheCaller) {
  grpc::ClientContext first, second;
  v1::AddKeyRequest add;
  add.set_secret("AIza-0123456789");
  v1::KeyStatus key;
  ASSERT_TRUE(stub_->AddKey(&first, add, &key).ok());
  EXPECT_THAT(engine_.LastCaller(), StartsWith(me_));
  v1::AddClientRequest client;
  client.set_name("team-a");
  v1::IssuedClient issued;
  ASSERT_TRUE(stub_->AddClient(&second, client, &issued).ok());
  EXPECT_THAT(engine_.LastCaller(), StartsWith(me_));
}

TEST_F(AdminAudit, RotationIsRecordedBeforeItBeginsAndWhenItIsDone) {
  ASSERT_TRUE(Rotate().ok());
  rotation_fails_ = true;
  EXPECT_EQ(Rotate().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const v1::ListAuditResponse page = List();
  ASSERT_EQ(page.records_size(), 5);
  EXPECT_THAT(page.records(0).who(), StartsWith(me_));
  EXPECT_EQ(page.records(0).what(), "rotate master key");
  EXPECT_EQ(page.records(0).target(), "begins");
  EXPECT_EQ(page.records(1).target(), "is done: 3 keys");
  EXPECT_EQ(page.records(3).target(), "has failed");
  EXPECT_EQ(page.records(3).result(), "FAILED_PRECONDITION: no other key");
  EXPECT_EQ(page.records(4).what(), "read audit");
}

TEST_F(AdminAudit, IsListedPageByPageAndChecked) {
  ASSERT_TRUE(Rotate().ok());
  ASSERT_TRUE(Rotate().ok());
  const v1::ListAuditResponse newest = List(0, 3);
  ASSERT_EQ(newest.records_size(), 3);
  EXPECT_EQ(newest.records(0).number(), 3u);
  EXPECT_EQ(newest.next_before(), 3u);
  const v1::ListAuditResponse oldest = List(newest.next_before(), 3);
  ASSERT_EQ(oldest.records_size(), 2);
  EXPECT_EQ(oldest.next_before(), 0u);
  grpc::ClientContext context;
  v1::VerifyAuditResponse verdict;
  ASSERT_TRUE(stub_->VerifyAudit(&context, {}, &verdict).ok());
  EXPECT_EQ(verdict.records(), 5u);
  EXPECT_EQ(verdict.broken().number(), 2u);
  EXPECT_EQ(verdict.broken().why(), "the record was changed");
}

TEST_F(AdminAudit, LooksAreRecordedOnceInAWhileForEachCallerAndCall) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Status().ok());
  grpc::ClientContext context, listing;
  v1::ListClientsResponse clients;
  ASSERT_TRUE(stub_->ListClients(&listing, {}, &clients).ok());
  const auto reader = stub_->Watch(&context, v1::WatchRequest());
  v1::StatusResponse status;
  ASSERT_TRUE(reader->Read(&status));
  context.TryCancel();
  EXPECT_THAT(WhatIsRecorded(), ElementsAre("read status", "read clients", "read audit"));
}

TEST_F(AdminAudit, LookIsRefusedWhenItCannotBeRecorded) {
  engine_.FailRecords(absl::UnavailableError("the disk is full"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Status().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  engine_.FailRecords(absl::OkStatus());
  EXPECT_TRUE(Status().ok());
  EXPECT_THAT(WhatIsRecorded(), ElementsAre("read status", "read audit"));
}

TEST_F(AdminAudit, RequestsThatCannotBeReadAreRecorded) {
  grpc::ClientContext first, second, third;
  v1::AddClientRequest client;
  client.set_name("no name");
  v1::IssuedClient issued;
  EXPECT_EQ(stub_->AddClient(&first, client, &issued).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::KeyStatus key;
  EXPECT_EQ(stub_->AddKey(&second, {}, &key).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::ImportLimitsRequest limits;
  limits.set_text("rpm = many");
  limits.set_name("limits.toml");
  v1::ImportLimitsResponse imported;
  EXPECT_EQ(stub_->ImportLimits(&third, limits, &imported).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(WhatIsRecorded(),
              ElementsAre("add client", "add key", "import limits", "read audit"));
  const v1::ListAuditResponse page = List();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(page.records(i).result(), StartsWith("INVALID_ARGUMENT: ")) << i;
    EXPECT_THAT(page.records(i).who(), StartsWith(me_)) << i;
  }
}

TEST_F(AdminAudit, GuessesOfAdminTokensAreRecordedOnceInAWhile) {
  for (const char* guess : {"gka_a", "gka_b", "gka_c"}) {
    grpc::ClientContext context;
    context.AddMetadata("keypool-admin-token", guess);
    v1::StatusResponse status;
    EXPECT_EQ(stub_->Status(&context, {}, &status).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  EXPECT_THAT(WhatIsRecorded(), ElementsAre("read status", "read audit"));
  EXPECT_THAT(List().records(0).result(), StartsWith("UNAUTHENTICATED: "));
}

TEST(CallThrottle, OneInAWhileIsTold) {
  CallThrottle calls(absl::Minutes(1));
  const AuditEntry entry{"certificate eve, serial 1", "remove key", ""};
  const MonoTime begin;
  EXPECT_EQ(calls.Note("", entry, begin), entry);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(calls.Note("", entry, begin + absl::Seconds(59)));
  EXPECT_EQ(calls.Note("of another kind", entry, begin + absl::Seconds(59)), entry);
  const auto later = calls.Note("", entry, begin + absl::Seconds(60));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->target, "and 5 more calls before it");
  EXPECT_EQ(calls.Note("", entry, begin + absl::Seconds(120)), entry);
}

TEST(CallThrottle, TellsEveryCallOfMoreKindsThanItKnows) {
  CallThrottle calls(absl::Minutes(1));
  const AuditEntry entry{"uid 7", "read status", ""};
  const MonoTime begin;
  for (std::size_t i = 0; i < CallThrottle::kKindsMax; ++i) {
    calls.Note(absl::StrCat(i), entry, begin);
  }
  EXPECT_TRUE(calls.Note("new", entry, begin));
  EXPECT_TRUE(calls.Note("new", entry, begin));
  EXPECT_FALSE(calls.Note("7", entry, begin));
  EXPECT_TRUE(calls.Note("new", entry, begin + absl::Minutes(1)));
  EXPECT_FALSE(calls.Note("new", entry, begin + absl::Minutes(1)));
}

}  // namespace
}  // namespace keypool::rpc
