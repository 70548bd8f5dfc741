// Admin tokens, over a socket: how they are made, and what a call made for somebody who came over
// HTTP needs.
#include "keyd/base/admin_tokens.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

constexpr char kKey[] = "keypool-admin-token";

class AdminTokens : public ServerFixture {
 protected:
  void SetUp() override {
    ServerFixture::SetUp();
    stub_ = v1::Admin::NewStub(Channel());
  }
  std::string Add(const std::string& name) {
    grpc::ClientContext context;
    v1::AddAdminTokenRequest request;
    request.set_name(name);
    v1::IssuedAdminToken issued;
    const grpc::Status status = stub_->AddAdminToken(&context, request, &issued);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return issued.token();
  }
  grpc::Status Revoke(const std::string& name) {
    grpc::ClientContext context;
    v1::RevokeAdminTokenRequest request;
    request.set_name(name);
    v1::AdminToken token;
    return stub_->RevokeAdminToken(&context, request, &token);
  }
  grpc::StatusCode StatusOver(const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata(kKey, token);
    v1::StatusResponse response;
    return stub_->Status(&context, {}, &response).error_code();
  }
  grpc::StatusCode ResetOver(const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata(kKey, token);
    v1::ResetResponse response;
    return stub_->Reset(&context, {}, &response).error_code();
  }

  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminTokens, TheTokenThatIsShownIsTheOneWhoseDigestIsKept) {
  const std::string first = Add("ops");
  EXPECT_EQ(engine_.AdminToken("ops"), DigestOfToken(kAdminToken, first));
  grpc::ClientContext context, listing;
  v1::RotateAdminTokenRequest rotate;
  rotate.set_name("ops");
  v1::IssuedAdminToken rotated;
  ASSERT_TRUE(stub_->RotateAdminToken(&context, rotate, &rotated).ok());
  EXPECT_NE(rotated.token(), first);
  EXPECT_EQ(engine_.AdminToken("ops"), DigestOfToken(kAdminToken, rotated.token()));
  v1::ListAdminTokensResponse list;
  ASSERT_TRUE(stub_->ListAdminTokens(&listing, {}, &list).ok());
  ASSERT_EQ(list.admin_tokens_size(), 1);
  EXPECT_EQ(list.admin_tokens(0).name(), "ops");
  EXPECT_EQ(Revoke("none").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Revoke("no name").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTokens, WhoComesOverHttpNeedsAGoodOneToLookAndToChange) {
  for (const std::string& wrong : {std::string(), std::string("gka_x"), std::string(9000, 'x')}) {
    EXPECT_EQ(StatusOver(wrong), grpc::StatusCode::UNAUTHENTICATED) << wrong.size();
    EXPECT_EQ(ResetOver(wrong), grpc::StatusCode::UNAUTHENTICATED) << wrong.size();
  }
  const std::string token = Add("ops");
  EXPECT_EQ(StatusOver(token), grpc::StatusCode::OK);
  EXPECT_EQ(ResetOver(token), grpc::StatusCode::OK);
  ASSERT_TRUE(Revoke("ops").ok());
  EXPECT_EQ(StatusOver(token), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ResetOver(token), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(AdminTokens, TwoAtATimeAreNone) {
  const std::string token = Add("ops");
  grpc::ClientContext context;
  context.AddMetadata(kKey, token);
  context.AddMetadata(kKey, "");
  v1::StatusResponse response;
  EXPECT_EQ(stub_->Status(&context, {}, &response).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(AdminTokens, AWatchEndsWhenItsTokenIsRevoked) {
  const std::string token = Add("ops");
  grpc::ClientContext context;
  context.AddMetadata(kKey, token);
  v1::WatchRequest request;
  request.set_min_interval_ms(100);
  const auto reader = stub_->Watch(&context, request);
  v1::StatusResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(Revoke("ops").ok());
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(AdminTokens, WhoComesByTheSocketNeedsNone) {
  grpc::ClientContext context;
  v1::StatusResponse response;
  EXPECT_TRUE(stub_->Status(&context, {}, &response).ok());
}

}  // namespace
}  // namespace keypool::rpc
