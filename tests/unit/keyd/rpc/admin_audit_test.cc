// Who calls, and the audit, over a socket.
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "keyd/rpc/denied_calls.h"
#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::StartsWith;

class AdminAudit : public ServerFixture {
 protected:
  void SetUp() override {
    ServerOptions options = Options();
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
  ASSERT_EQ(page.records_size(), 4);
  EXPECT_THAT(page.records(0).who(), StartsWith(me_));
  EXPECT_EQ(page.records(0).what(), "rotate master key");
  EXPECT_EQ(page.records(0).target(), "begins");
  EXPECT_EQ(page.records(1).target(), "is done: 3 keys");
  EXPECT_EQ(page.records(3).target(), "has failed");
  EXPECT_EQ(page.records(3).result(), "FAILED_PRECONDITION: no other key");
}

TEST_F(AdminAudit, IsListedPageByPageAndChecked) {
  ASSERT_TRUE(Rotate().ok());
  ASSERT_TRUE(Rotate().ok());
  const v1::ListAuditResponse newest = List(0, 3);
  ASSERT_EQ(newest.records_size(), 3);
  EXPECT_EQ(newest.records(0).number(), 2u);
  EXPECT_EQ(newest.next_before(), 2u);
  const v1::ListAuditResponse oldest = List(newest.next_before(), 3);
  ASSERT_EQ(oldest.records_size(), 1);
  EXPECT_EQ(oldest.next_before(), 0u);
  grpc::ClientContext context;
  v1::VerifyAuditResponse verdict;
  ASSERT_TRUE(stub_->VerifyAudit(&context, {}, &verdict).ok());
  EXPECT_EQ(verdict.records(), 4u);
  EXPECT_EQ(verdict.broken().number(), 2u);
  EXPECT_EQ(verdict.broken().why(), "the record was changed");
}

TEST(DeniedCalls, OneAMinuteIsTold) {
  DeniedCalls calls;
  const AuditEntry entry{"certificate eve, serial 1", "remove key", ""};
  const MonoTime begin;
  EXPECT_EQ(calls.Note(entry, begin), entry);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(calls.Note(entry, begin + absl::Seconds(59)));
  const auto later = calls.Note(entry, begin + absl::Seconds(60));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->target, "and 5 more calls before it");
  EXPECT_EQ(calls.Note(entry, begin + absl::Seconds(120)), entry);
}

}  // namespace
}  // namespace keypool::rpc
