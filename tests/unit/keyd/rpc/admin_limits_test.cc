// Limits at run time, over a socket.
#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

// "5": five requests a minute everywhere; "many": a hundred mistakes.
absl::StatusOr<std::vector<ScopeLimits>> Parse(std::string_view text, std::string_view name) {
  if (text == "5") return std::vector<ScopeLimits>{{{}, {.requests_per_minute = 5}, ""}};
  std::string mistakes;
  for (int line = 1; line <= 100; ++line) {
    absl::StrAppend(&mistakes, line == 1 ? "" : "\n", std::string(name), ":", line,
                    ": a mistake of a usual length, with what would be allowed instead of it");
  }
  return absl::InvalidArgumentError(mistakes);
}

class AdminLimits : public ServerFixture {
 protected:
  void SetUp() override {
    ServerOptions options = Options();
    options.parse_limits = Parse;
    auto server = Server::Start(options, &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Admin::NewStub(Channel());
  }
  v1::ListLimitsResponse List() {
    grpc::ClientContext context;
    v1::ListLimitsResponse response;
    EXPECT_TRUE(stub_->ListLimits(&context, {}, &response).ok());
    return response;
  }
  grpc::Status Import(const std::string& text, v1::ImportLimitsResponse* response) {
    grpc::ClientContext context;
    v1::ImportLimitsRequest request;
    request.set_text(text);
    request.set_name("file");
    return stub_->ImportLimits(&context, request, response);
  }
  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminLimits, AreSetListedAndUnset) {
  v1::SetLimitsRequest set;
  set.mutable_limits()->mutable_scope()->set_project_id("p");
  set.mutable_limits()->mutable_requests_per_minute()->set_limit(4);
  v1::ScopeLimits said;
  grpc::ClientContext first, second, third;
  ASSERT_TRUE(stub_->SetLimits(&first, set, &said).ok());
  EXPECT_EQ(said.requests_per_minute().limit(), 4u);
  const v1::ListLimitsResponse list = List();
  ASSERT_EQ(list.rows_size(), 1);
  EXPECT_EQ(list.rows(0).source(), v1::LimitRow::SOURCE_OPERATOR);
  EXPECT_EQ(list.rows(0).limits().scope().project_id(), "p");
  v1::UnsetLimitsRequest unset;
  unset.mutable_scope()->set_project_id("p");
  ASSERT_TRUE(stub_->UnsetLimits(&second, unset, &said).ok());
  EXPECT_FALSE(said.has_requests_per_minute());
  EXPECT_EQ(List().rows_size(), 0);
  EXPECT_EQ(stub_->UnsetLimits(&third, unset, &said).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminLimits, ATextIsReadAndSet) {
  v1::ImportLimitsResponse response;
  const grpc::Status status = Import("5", &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.scopes(), 1u);
  EXPECT_EQ(List().rows(0).limits().requests_per_minute().limit(), 5u);
}

TEST_F(AdminLimits, MistakesComeInWholeLinesAndTheRestIsCounted) {
  v1::ImportLimitsResponse response;
  const grpc::Status status = Import("many", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const std::string message = status.error_message();
  EXPECT_THAT(message, StartsWith("file:1: a mistake"));
  EXPECT_THAT(message, EndsWith(" more mistakes"));
  int lines = 0;
  for (const char c : message) lines += c == '\n';
  EXPECT_THAT(message, EndsWith(absl::StrCat("\nand ", 100 - lines, " more mistakes")));
  EXPECT_GT(lines, 20);
}

}  // namespace
}  // namespace keypool::rpc
