// Clients, over a socket.
#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

class AdminClients : public ServerFixture {
 protected:
  void SetUp() override {
    auto server = Server::Start(Options(), &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Admin::NewStub(Channel());
  }
  grpc::Status Add(const std::string& name, v1::IssuedClient* issued) {
    grpc::ClientContext context;
    v1::AddClientRequest request;
    request.set_name(name);
    request.mutable_terms()->mutable_requests_per_minute()->set_limit(5);
    return stub_->AddClient(&context, request, issued);
  }
  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminClients, TheTokenThatIsShownIsTheOneWhoseDigestIsKept) {
  v1::IssuedClient issued, rotated;
  ASSERT_TRUE(Add("team-a", &issued).ok());
  EXPECT_EQ(issued.client().requests_per_minute().limit(), 5u);
  EXPECT_EQ(engine_.ClientToken("team-a"), DigestOfClientToken(issued.token()));
  grpc::ClientContext context;
  v1::RotateClientRequest rotate;
  rotate.set_name("team-a");
  ASSERT_TRUE(stub_->RotateClient(&context, rotate, &rotated).ok());
  EXPECT_NE(rotated.token(), issued.token());
  EXPECT_EQ(engine_.ClientToken("team-a"), DigestOfClientToken(rotated.token()));
}

TEST_F(AdminClients, AreListedChangedRevokedAndForgotten) {
  v1::IssuedClient issued;
  ASSERT_TRUE(Add("a", &issued).ok());
  ASSERT_TRUE(Add("b", &issued).ok());
  grpc::ClientContext first, second, third, fourth, fifth;
  v1::SetClientRequest set;
  set.set_name("b");
  set.mutable_terms()->set_weight(3);
  v1::Client client;
  ASSERT_TRUE(stub_->SetClient(&first, set, &client).ok());
  EXPECT_EQ(client.weight(), 3u);
  v1::RevokeClientRequest revoke;
  revoke.set_name("b");
  ASSERT_TRUE(stub_->RevokeClient(&second, revoke, &client).ok());
  EXPECT_EQ(client.state(), v1::Client::STATE_REVOKED);
  v1::RemoveClientRequest remove;
  remove.set_name("b");
  ASSERT_TRUE(stub_->RemoveClient(&third, remove, &client).ok());
  v1::ListClientsRequest list;
  v1::ListClientsResponse page;
  ASSERT_TRUE(stub_->ListClients(&fourth, list, &page).ok());
  ASSERT_EQ(page.clients_size(), 1);
  EXPECT_EQ(page.clients(0).name(), "a");
  list.set_name("b");
  EXPECT_EQ(stub_->ListClients(&fifth, list, &page).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminClients, MistakesAreAnswered) {
  v1::IssuedClient issued;
  EXPECT_EQ(Add("10.0.0.1", &issued).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::RevokeClientRequest revoke;
  revoke.set_name("nobody");
  v1::Client client;
  EXPECT_EQ(stub_->RevokeClient(&context, revoke, &client).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace keypool::rpc
