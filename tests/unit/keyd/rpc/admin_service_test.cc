#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <thread>

#include "keyd/rpc/advice.h"
#include "keypool/v1/admin.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AdminServiceTest : public ServerFixture {
 protected:
  void SetUp() override {
    ServerFixture::SetUp();
    stub_ = v1::Admin::NewStub(Channel());
  }

  template <class Request, class Response>
  grpc::Status Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, response);
  }

  std::unique_ptr<v1::Admin::Stub> stub_;
};

TEST_F(AdminServiceTest, StatusComesPageByPageInTheOrderOfIds) {
  engine_.MakeKeys(5);
  v1::StatusRequest request;
  request.set_page_size(2);
  std::vector<std::string> ids;
  int pages = 0;
  do {
    v1::StatusResponse response;
    ASSERT_TRUE(Call(&v1::Admin::Stub::Status, request, &response).ok());
    EXPECT_EQ(response.summary().keys_total(), 5u);
    for (const auto& key : response.keys()) ids.push_back(key.key_id());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(ids, ElementsAre("key_1", "key_2", "key_3", "key_4", "key_5"));
}

TEST_F(AdminServiceTest, PageThatWouldBeTooLargeToReceiveEndsEarly) {
  engine_.MakeKeys(100, 4000);
  v1::StatusRequest request;
  int keys = 0, pages = 0;
  do {
    v1::StatusResponse response;
    const grpc::Status status = Call(&v1::Admin::Stub::Status, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    keys += response.keys_size();
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(keys, 100);
  EXPECT_GT(pages, 1);
}

TEST_F(AdminServiceTest, KeysAreAddedShownDisabledEnabledAndRemoved) {
  v1::AddKeyRequest add;
  add.set_secret("AIzaSy-0123456789");
  add.set_project_id("mine");
  v1::KeyStatus key;
  ASSERT_TRUE(Call(&v1::Admin::Stub::AddKey, add, &key).ok());
  EXPECT_EQ(key.key_id(), "key_1");
  EXPECT_EQ(key.project_id(), "mine");

  v1::DisableKeyRequest disable;
  disable.set_key_id("key_1");
  ASSERT_TRUE(Call(&v1::Admin::Stub::DisableKey, disable, &key).ok());
  EXPECT_EQ(key.state(), v1::KeyStatus::STATE_DISABLED);
  EXPECT_EQ(key.disabled_reason(), "disabled by the operator");

  v1::EnableKeyRequest enable;
  enable.set_key_id("key_1");
  ASSERT_TRUE(Call(&v1::Admin::Stub::EnableKey, enable, &key).ok());
  EXPECT_EQ(key.state(), v1::KeyStatus::STATE_ACTIVE);

  v1::GetKeyRequest get;
  get.set_key_id("key_1");
  ASSERT_TRUE(Call(&v1::Admin::Stub::GetKey, get, &key).ok());

  v1::RemoveKeyRequest remove;
  remove.set_key_id("key_1");
  v1::RemoveKeyResponse removed;
  ASSERT_TRUE(Call(&v1::Admin::Stub::RemoveKey, remove, &removed).ok());
  EXPECT_EQ(Call(&v1::Admin::Stub::RemoveKey, remove, &removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Call(&v1::Admin::Stub::GetKey, get, &key).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Call(&v1::Admin::Stub::EnableKey, enable, &key).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminServiceTest, ResetSaysHowManyBuckets) {
  v1::ResetResponse response;
  ASSERT_TRUE(Call(&v1::Admin::Stub::Reset, v1::ResetRequest(), &response).ok());
  EXPECT_EQ(response.buckets(), 5u);
}

TEST_F(AdminServiceTest, UsageComesPageByPage) {
  engine_.MakeUsage(5);
  v1::UsageRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  int pages = 0;
  do {
    v1::UsageResponse response;
    ASSERT_TRUE(Call(&v1::Admin::Stub::Usage, request, &response).ok());
    for (const auto& row : response.rows()) names.push_back(row.name());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e"));
  v1::UsageResponse response;
  request.set_days(91);
  EXPECT_EQ(Call(&v1::Admin::Stub::Usage, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminServiceTest, ExplainComesPageByPageAndEventsFromANumberOn) {
  engine_.MakeKeys(3);
  v1::ExplainRequest request;
  v1::ExplainResponse page;
  EXPECT_EQ(Call(&v1::Admin::Stub::Explain, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_model("m");
  request.set_page_size(2);
  ASSERT_TRUE(Call(&v1::Admin::Stub::Explain, request, &page).ok());
  EXPECT_EQ(page.next_key_id(), "key_1");
  ASSERT_EQ(page.keys_size(), 2);
  EXPECT_EQ(page.keys(1).reason(), "of m");
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(Call(&v1::Admin::Stub::Explain, request, &page).ok());
  ASSERT_EQ(page.keys_size(), 1);
  EXPECT_EQ(page.keys(0).key_id(), "key_3");
  EXPECT_EQ(page.next_page_token(), "");
  request.set_project_id("none");
  EXPECT_EQ(Call(&v1::Admin::Stub::Explain, request, &page).error_code(),
            grpc::StatusCode::NOT_FOUND);

  v1::EventsRequest after;
  after.set_after(2);
  after.set_limit(2);
  v1::EventsResponse events;
  ASSERT_TRUE(Call(&v1::Admin::Stub::Events, after, &events).ok());
  EXPECT_EQ(events.epoch(), fakes::FakeEngine::kEpoch);
  ASSERT_EQ(events.events_size(), 2);
  EXPECT_EQ(events.events(0).number(), 4u);
}

TEST_F(AdminServiceTest, InvalidRequestsNameTheField) {
  v1::AddKeyRequest add;
  add.set_secret("short");
  v1::KeyStatus key;
  const grpc::Status status = Call(&v1::Admin::Stub::AddKey, add, &key);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("secret"));
  v1::WatchRequest watch;
  watch.set_min_interval_ms(1);
  grpc::ClientContext context;
  const auto reader = stub_->Watch(&context, watch);
  v1::StatusResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_THAT(reader->Finish().error_message(), HasSubstr("min_interval_ms"));
}

TEST_F(AdminServiceTest, WatchTellsNowAndAfterEachChange) {
  v1::WatchRequest request;
  request.set_min_interval_ms(100);
  grpc::ClientContext context;
  const auto reader = stub_->Watch(&context, request);
  v1::StatusResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.summary().keys_total(), 0u);
  EXPECT_THAT(response.summary().advice(), HasSubstr("poolctl add"));
  engine_.MakeKeys(3);
  engine_.Change();
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.summary().keys_total(), 3u);
  EXPECT_EQ(response.summary().advice(), "");
  context.TryCancel();
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AdminServiceTest, StopEndsAWatch) {
  grpc::ClientContext context;
  const auto reader = stub_->Watch(&context, {});
  v1::StatusResponse response;
  ASSERT_TRUE(reader->Read(&response));
  server_->Stop();
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(Advice, SaysWhatIsInTheWayOfTheFirstRequest) {
  PoolSummary summary;
  EXPECT_THAT(Advice(summary), HasSubstr("empty"));
  summary.keys_total = 2;
  EXPECT_THAT(Advice(summary), HasSubstr("disabled"));
  summary.keys_active = 1;
  EXPECT_THAT(Advice(summary), HasSubstr("out of use"));
  summary.keys_usable = 1;
  EXPECT_EQ(Advice(summary), "");
}

}  // namespace
}  // namespace keypool::rpc
