#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "keypool/v1/lease.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LeaseServiceTest : public ServerFixture {
 protected:
  using Stream = grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>;

  void SetUp() override {
    ServerFixture::SetUp();
    stub_ = v1::Lease::NewStub(Channel());
  }

  static void AddAcquire(v1::SessionRequest* message, std::uint64_t id, const std::string& model) {
    auto* acquire = message->add_acquires();
    acquire->set_request_id(id);
    acquire->mutable_request()->set_kind(v1::KIND_METERED);
    acquire->mutable_request()->set_model(model);
  }
  static void AddReport(v1::SessionRequest* message, std::uint64_t sequence, std::uint64_t lease) {
    auto* report = message->add_reports();
    report->set_sequence(sequence);
    report->mutable_request()->set_lease_id(lease);
    report->mutable_request()->set_epoch(fakes::FakeEngine::kEpoch);
    report->mutable_request()->set_sent(true);
  }

  std::unique_ptr<v1::Lease::Stub> stub_;
};

TEST_F(LeaseServiceTest, UnaryAcquireIsGrantedWithTheTermsOfTheReign) {
  grpc::ClientContext context;
  v1::AcquireRequest request;
  request.set_kind(v1::KIND_METERED);
  request.set_model("m");
  v1::AcquireResponse response;
  ASSERT_TRUE(stub_->Acquire(&context, request, &response).ok());
  const v1::Granted& granted = response.granted();
  EXPECT_EQ(granted.lease_id(), 1u);
  EXPECT_EQ(granted.epoch(), fakes::FakeEngine::kEpoch);
  EXPECT_EQ(granted.key_id(), "key_1");
  EXPECT_EQ(granted.secret(), fakes::FakeEngine::kSecret);
  EXPECT_EQ(granted.project_id(), "p-1");
  EXPECT_EQ(granted.send_by_ms(), 400u);
  EXPECT_EQ(granted.waited_ms(), 0u);
  EXPECT_EQ(granted.time_to_live_ms(), 420'000u);
}

TEST_F(LeaseServiceTest, UnaryErrorsCarryCodeAndField) {
  v1::AcquireResponse response;
  grpc::ClientContext invalid;
  const grpc::Status status = stub_->Acquire(&invalid, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("kind"));

  engine_.BecomeUnhealthy(absl::UnavailableError("the disk is full"));
  v1::ReportRequest report;
  report.set_lease_id(1);
  report.set_epoch(1);
  v1::ReportResponse reported;
  grpc::ClientContext unhealthy;
  const grpc::Status unavailable = stub_->Report(&unhealthy, report, &reported);
  EXPECT_EQ(unavailable.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(unavailable.error_message(), "the disk is full");
}

TEST_F(LeaseServiceTest, UnaryReportSaysHowItWasSettled) {
  v1::ReportRequest report;
  report.set_lease_id(1);
  report.set_epoch(1);
  v1::ReportResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Report(&context, report, &response).ok());
  EXPECT_EQ(response.settled(), v1::ReportResponse::SETTLED_NOW);
}

TEST_F(LeaseServiceTest, OneMessageIsOnePostWithItsReportsFirst) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  v1::SessionRequest message;
  AddAcquire(&message, 10, "a");
  AddAcquire(&message, 11, "exhausted");
  AddReport(&message, 1, 90);
  AddReport(&message, 2, 91);
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_THAT(engine_.PostSizes(), ElementsAre(4));
  EXPECT_THAT(engine_.Log(),
              ElementsAre("report 90", "report 91", "acquire a", "acquire exhausted"));
  EXPECT_EQ(response.reports_applied_through(), 2u);
  ASSERT_EQ(response.acquired_size(), 2);
  EXPECT_EQ(response.acquired(0).request_id(), 10u);
  EXPECT_TRUE(response.acquired(0).response().has_granted());
  EXPECT_EQ(response.acquired(1).request_id(), 11u);
  EXPECT_EQ(response.acquired(1).response().refused().reason(), v1::Refused::REASON_EXHAUSTED);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// The engine answers one message while the next one has been read and not yet been posted.
TEST_F(LeaseServiceTest, MessagesBehindEachOtherAreEachAnsweredOnce) {
  constexpr std::uint64_t kMessages = 20'000;
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  std::vector<int> answers(kMessages + 1);
  std::thread reader([&] {
    std::uint64_t seen = 0;
    for (v1::SessionResponse response; seen < kMessages && stream->Read(&response);) {
      for (const auto& acquired : response.acquired()) {
        ++answers[acquired.request_id() <= kMessages ? acquired.request_id() : 0];
        ++seen;
      }
    }
  });
  for (std::uint64_t id = 1; id <= kMessages; ++id) {
    v1::SessionRequest message;
    AddAcquire(&message, id, "a");
    ASSERT_TRUE(stream->Write(message));
  }
  stream->WritesDone();
  reader.join();
  v1::SessionResponse response;
  while (stream->Read(&response)) continue;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers[0], 0);
  for (std::uint64_t id = 1; id <= kMessages; ++id) ASSERT_EQ(answers[id], 1) << "request " << id;
}

TEST_F(LeaseServiceTest, AnswersThatPileUpTravelTogether) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  engine_.Hold();
  for (std::uint64_t id = 1; id <= 200; ++id) {
    v1::SessionRequest message;
    AddAcquire(&message, id, "a");
    ASSERT_TRUE(stream->Write(message));
  }
  ASSERT_TRUE(Eventually([&] { return engine_.Waiting() == 200; }));
  engine_.Release();
  int messages = 0, answers = 0;
  v1::SessionResponse response;
  while (answers < 200 && stream->Read(&response)) {
    ++messages;
    answers += response.acquired_size();
  }
  EXPECT_EQ(answers, 200);
  EXPECT_LT(messages, 150);
}

TEST_F(LeaseServiceTest, WhatIsBoundToAProjectComesThroughBothWays) {
  v1::SessionRequest message;
  AddAcquire(&message, 1, "m");
  v1::AcquireRequest* request = message.mutable_acquires(0)->mutable_request();
  request->add_resources("files/a");
  request->set_project_id("p");
  request->set_after_project_id("");
  AddReport(&message, 1, 5);
  v1::ResourceNote* note = message.mutable_reports(0)->mutable_request()->add_resources();
  note->set_name("files/b");
  note->set_time_to_live_ms(1500);
  grpc::ClientContext unary, session, reporting;
  v1::AcquireResponse acquired;
  ASSERT_TRUE(stub_->Acquire(&unary, *request, &acquired).ok());
  v1::ReportResponse reported;
  ASSERT_TRUE(stub_->Report(&reporting, message.reports(0).request(), &reported).ok());
  const std::unique_ptr<Stream> stream = stub_->Session(&session);
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const std::vector<AcquireCommand> acquires = engine_.Acquires();
  ASSERT_EQ(acquires.size(), 2u);
  for (const AcquireCommand& command : acquires) {
    EXPECT_THAT(command.resources, ElementsAre("files/a"));
    EXPECT_EQ(command.project, ProjectId("p"));
    EXPECT_EQ(command.after_project, ProjectId(""));
  }
  const std::vector<ReportCommand> reports = engine_.Reports();
  ASSERT_EQ(reports.size(), 2u);
  for (const ReportCommand& report : reports) {
    EXPECT_THAT(report.resources, ElementsAre(ResourceNote{"files/b", absl::Milliseconds(1500)}));
  }
}

TEST_F(LeaseServiceTest, InvalidElementsDoNotHurtTheirNeighbours) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  v1::SessionRequest message;
  AddAcquire(&message, 1, "");
  AddAcquire(&message, 2, "good");
  AddReport(&message, 1, 0);  // no lease
  AddReport(&message, 2, 77);
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse all, response;
  while (all.acquired_size() < 2 && stream->Read(&response)) all.MergeFrom(response);
  ASSERT_EQ(all.acquired_size(), 2);
  for (const auto& acquired : all.acquired()) {
    EXPECT_EQ(acquired.error().empty(), acquired.request_id() == 2) << acquired.error();
    EXPECT_EQ(acquired.response().has_granted(), acquired.request_id() == 2);
  }
  EXPECT_EQ(all.reports_applied_through(), 2u);
  EXPECT_THAT(engine_.Log(), ElementsAre("report 77", "acquire good"));
}

TEST_F(LeaseServiceTest, MessageWithNothingValidIsStillAnswered) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  v1::SessionRequest message;
  AddReport(&message, 1, 0);
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.reports_applied_through(), 1u);
}

TEST_F(LeaseServiceTest, ReportsOfTwoMessagesAreConfirmedInOrder) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  engine_.Hold();
  v1::SessionRequest good, bad;
  AddReport(&good, 1, 5);
  AddReport(&bad, 2, 0);  // invalid: needs no engine, and must not overtake
  ASSERT_TRUE(stream->Write(good));
  ASSERT_TRUE(stream->Write(bad));
  v1::SessionRequest last;
  AddAcquire(&last, 1, "a");
  ASSERT_TRUE(stream->Write(last));
  ASSERT_TRUE(Eventually([&] { return engine_.Waiting() == 2; }));
  engine_.Release();
  v1::SessionResponse response;
  std::uint64_t applied = 0;
  int answers = 0;
  while (answers < 1 && stream->Read(&response)) {
    EXPECT_GE(response.reports_applied_through(), 1u) << "told only after the engine's answer";
    applied = response.reports_applied_through();
    answers += response.acquired_size();
  }
  EXPECT_EQ(applied, 2u);
}

TEST_F(LeaseServiceTest, MessageBeyondTheBoundEndsTheStreamWithTheReason) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  v1::SessionRequest message;
  for (std::uint64_t id = 1; id <= 2049; ++id) AddAcquire(&message, id, "a");
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("2048"));
}

TEST_F(LeaseServiceTest, FailedStoreEndsTheStreamWithUnavailable) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  engine_.BecomeUnhealthy(absl::UnavailableError("the disk is full"));
  v1::SessionRequest message;
  AddAcquire(&message, 1, "a");
  ASSERT_TRUE(stream->Write(message));
  v1::SessionResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the disk is full");
}

TEST_F(LeaseServiceTest, CancelledStreamGivesBackWhatItWasGranted) {
  engine_.Hold();
  {
    grpc::ClientContext context;
    const std::unique_ptr<Stream> stream = stub_->Session(&context);
    v1::SessionRequest message;
    AddAcquire(&message, 1, "a");
    ASSERT_TRUE(stream->Write(message));
    ASSERT_TRUE(Eventually([&] { return engine_.Waiting() == 1; }));
    context.TryCancel();
    stream->Finish();
  }
  // The server has heard of it when it answers something later on the same connection.
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    v1::AcquireResponse response;
    EXPECT_EQ(stub_->Acquire(&context, {}, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  engine_.Release();
  ASSERT_TRUE(Eventually([&] { return !engine_.Reports().empty(); }));
  EXPECT_EQ(engine_.Reports()[0].lease, LeaseId(1));
  EXPECT_FALSE(engine_.Reports()[0].sent);
}

TEST_F(LeaseServiceTest, StreamThatDoesNotListenIsNotReadWithoutEnd) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  engine_.Hold();
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 6; ++i) {
      v1::SessionRequest message;
      for (std::uint64_t k = 1; k <= 2048; ++k) AddAcquire(&message, i * 2048 + k, "a");
      if (!stream->Write(message)) return;
    }
    stream->WritesDone();
  });
  ASSERT_TRUE(Eventually([&] { return engine_.Waiting() == 1; }));
  // One message is with the engine: the next one is read only when it is answered.
  engine_.Release();
  v1::SessionResponse response;
  int answers = 0;
  while (stream->Read(&response)) {
    EXPECT_LE(response.acquired_size(), 4096);
    answers += response.acquired_size();
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers, 6 * 2048);
}

TEST_F(LeaseServiceTest, StopAnswersWhatIsUnderWayThenEndsTheStream) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  engine_.Hold();
  v1::SessionRequest message;
  AddAcquire(&message, 1, "a");
  ASSERT_TRUE(stream->Write(message));
  ASSERT_TRUE(Eventually([&] { return engine_.Waiting() == 1; }));
  std::thread stop([&] { server_->Stop(); });
  engine_.Release();
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.acquired_size(), 1);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stop.join();
  server_->Stop();  // idempotent
}

}  // namespace
}  // namespace keypool::rpc
