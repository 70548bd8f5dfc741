// Streams flow event by event, and both ends learn when the other one goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::Ending;
using fake::Fault;
using fake::FaultKind;
using testing::HasSubstr;

constexpr std::string_view kEventEnd = "\r\n\r\n";
constexpr int kEvents = 3;  // of the fake's streams

HttpRequest StreamRequest() {
  HttpRequest request = GenerateContent();
  request.target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
  return request;
}

// One event, however it is cut into chunks.
std::string ReadEvent(RawConnection& connection) {
  std::string event;
  while (!event.ends_with(kEventEnd)) {
    const std::optional<std::string> chunk = connection.ReadChunk();
    if (!chunk || chunk->empty()) break;
    event += *chunk;
  }
  return event;
}

class Stream : public testing::Test {
 protected:
  void SetUp() override { cluster_ = Cluster::Start({.keys = TestKeys(1)}).value(); }
  fake::FakeGemini& fake() { return cluster_->fake(); }
  void AddFault(FaultKind kind, int events = 0, std::int64_t bytes = 0) {
    Fault fault;
    fault.kind = kind;
    fault.events = events;
    fault.bytes = bytes;
    fake().AddFault(fault);
  }
  bool FakeSaw(Ending ending) {
    return fake().WaitFor(
        [&] {
          const auto requests = fake().Requests();
          return !requests.empty() && requests.back().ending == ending;
        },
        kDeadline);
  }
  bool AllLeasesEnd() {
    return AdminCalls(cluster_->keyd_address()).WaitForStatus([](const PoolStatus& status) {
      return status.summary.leases_open == 0;
    });
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Stream, EachEventArrivesBeforeTheNextOneIsSent) {
  AddFault(FaultKind::kStepStream);
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(StreamRequest()));
  const Answer head = connection.ReadHead();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-type"), "text/event-stream");
  for (int i = 0; i < kEvents; ++i) {
    fake().Step(1);
    EXPECT_THAT(ReadEvent(connection), testing::StartsWith("data: {"));
  }
  EXPECT_EQ(connection.ReadChunk(), "");
}

TEST_F(Stream, BytesOfAStreamAreNotChanged) {
  const Answer answer = Fetch(cluster_->proxy_port(), StreamRequest());
  HttpRequest direct = StreamRequest();
  direct.headers.push_back({"x-goog-api-key", TestKey(1)});
  std::string expected = Fetch(fake().port(), direct).body;
  // The fake numbers its answers.
  for (std::size_t at; (at = expected.find("fake-2")) != std::string::npos;) expected[at + 5] = '1';
  expected.replace(expected.find("answer 2"), 8, "answer 1");
  EXPECT_EQ(answer.body, expected);
}

TEST_F(Stream, ClientThatLeavesInTheMiddleClosesUpstream) {
  AddFault(FaultKind::kHangStream, 1);
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(StreamRequest()));
  EXPECT_EQ(connection.ReadHead().status, 200);
  EXPECT_NE(ReadEvent(connection), "");
  connection.Close();
  EXPECT_TRUE(FakeSaw(Ending::kPeerClosed));
  EXPECT_TRUE(AllLeasesEnd());
}

TEST_F(Stream, ClientThatLeavesBeforeTheAnswerClosesUpstream) {
  for (const bool reset : {false, true}) {
    AddFault(FaultKind::kHang);
    const std::uint64_t before = fake().Counts().requests;
    RawConnection connection(cluster_->proxy_port());
    ASSERT_TRUE(connection.Send(StreamRequest()));
    ASSERT_TRUE(fake().WaitFor([&] { return fake().Counts().requests > before; }, kDeadline));
    connection.Close(reset);
    EXPECT_TRUE(FakeSaw(Ending::kPeerClosed));
  }
  EXPECT_TRUE(AllLeasesEnd());
}

TEST_F(Stream, CutUpstreamIsNeverACleanEnd) {
  AddFault(FaultKind::kCutStream, 2);
  const Answer stream = Fetch(cluster_->proxy_port(), StreamRequest());
  EXPECT_EQ(stream.status, 200);
  EXPECT_FALSE(stream.complete);
  EXPECT_THAT(stream.body, HasSubstr("answer 1"));

  AddFault(FaultKind::kCutBody, 0, 100);
  const Answer sized = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_EQ(sized.status, 200);
  EXPECT_FALSE(sized.complete);
  EXPECT_EQ(sized.body.size(), 100u);

  AddFault(FaultKind::kBadChunk);
  const Answer garbled = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_TRUE(garbled.status == 502 || !garbled.complete);
  EXPECT_TRUE(AllLeasesEnd());
}

TEST_F(Stream, CutUpstreamWithoutLengthsIsNeverACleanEndForAnOldClientEither) {
  AddFault(FaultKind::kCutStream, 2);
  RawConnection connection(cluster_->proxy_port());
  std::string wire = StreamRequest().Wire();
  wire.replace(wire.find("HTTP/1.1"), 8, "HTTP/1.0");
  ASSERT_TRUE(connection.Send(wire));
  std::string all;
  // Without lengths a reset is the only way to say it.
  EXPECT_EQ(connection.ReadToEnd(&all), End::kReset);
}

TEST_F(Stream, HugeAnswerFlowsThroughBoundedMemory) {
  constexpr std::int64_t kBytes = 200 * 1024 * 1024;
  AddFault(FaultKind::kHugeBody, 0, kBytes);
  const std::int64_t before = ResidentBytes(cluster_->proxy().pid());
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(StreamRequest()));
  EXPECT_EQ(connection.ReadHead().status, 200);
  std::int64_t bytes = 0;
  std::int64_t most = 0;
  while (const std::optional<std::string> chunk = connection.ReadChunk()) {
    if (chunk->empty()) break;
    bytes += static_cast<std::int64_t>(chunk->size());
    if (bytes % (16 << 20) < (1 << 16)) {
      most = std::max(most, ResidentBytes(cluster_->proxy().pid()));
    }
  }
  EXPECT_EQ(bytes, kBytes);
  EXPECT_LT(most - before, kBytes / 8);
}

TEST_F(Stream, SigtermLetsARunningStreamEndAndThenExitsClean) {
  AddFault(FaultKind::kStepStream);
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(StreamRequest()));
  EXPECT_EQ(connection.ReadHead().status, 200);
  fake().Step(1);
  EXPECT_NE(ReadEvent(connection), "");

  cluster_->proxy().Signal(SIGTERM);
  ASSERT_TRUE(cluster_->proxy().WaitForLine("proxy_stopping"));
  for (int i = 1; i < kEvents; ++i) {
    fake().Step(1);
    EXPECT_NE(ReadEvent(connection), "");
  }
  EXPECT_EQ(connection.ReadChunk(), "");
  EXPECT_EQ(cluster_->proxy().WaitForExit(), 0);
  EXPECT_FALSE(RawConnection(cluster_->proxy_port()).connected());
  EXPECT_TRUE(AllLeasesEnd());
}

TEST_F(Stream, SigtermDoesNotWaitForIdleConnections) {
  RawConnection idle(cluster_->proxy_port());
  ASSERT_TRUE(idle.Send(GenerateContent()));
  EXPECT_EQ(idle.ReadAnswer().status, 200);
  cluster_->proxy().Signal(SIGTERM);
  EXPECT_EQ(idle.ReadToEnd(), End::kClosed);
  EXPECT_EQ(cluster_->proxy().WaitForExit(), 0);
}

// What came before an error, and the error as it came. gemini-wire.md §6.4.
TEST_F(Stream, AnErrorInsideIsPassedOnUnchangedAndCoolsTheBucket) {
  const std::string error =
      R"({"error":{"code":429,"message":"Quota.","status":"RESOURCE_EXHAUSTED","details":[{"@type":)"
      R"("type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":)"
      R"("GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}})";
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"gemini-2.5-flash", "data: " + error + "\r\n\r\n"},  // an event
      {"gemini-2.5-pro", error + "\n"},                     // no event at all
  };
  for (const auto& [model, raw] : forms) {
    Fault fault = fake::FaultOf(FaultKind::kErrorInside);
    fault.events = 2;
    fault.raw = raw;
    fake().AddFault(fault);
    HttpRequest request = StreamRequest();
    request.target = "/v1beta/models/" + model + ":streamGenerateContent?alt=sse";
    const Answer answer = Fetch(cluster_->proxy_port(), request);
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_THAT(answer.body,
                testing::AllOf(testing::StartsWith("data: {"), testing::EndsWith(raw)));
    // The report is on its way while the client reads the end.
    AdminCalls admin(cluster_->keyd_address());
    EXPECT_TRUE(WaitUntil([&] {
      const absl::StatusOr<PoolStatus> status = admin.Status();
      if (!status.ok()) return false;
      for (const BucketStatus& bucket : status->keys.at(0).buckets) {
        if (bucket.model == model) return bucket.state == BucketState::kCooling;
      }
      return false;
    }));
    const Answer next = Fetch(cluster_->proxy_port(), request);
    EXPECT_EQ(next.status, 429) << model;
    EXPECT_THAT(next.body, HasSubstr("PerDay"));
  }
}

}  // namespace
}  // namespace keypool::itest
