// Request bodies can be sent again on another key, from memory and from a file; uploads stream
// through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/fakes/gemini/control.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;

constexpr std::size_t kMebibyte = 1024 * 1024;
constexpr std::size_t kBodyBytesMax = 100 * kMebibyte;

// Valid JSON of exactly this many bytes.
std::string JsonOf(std::size_t bytes) {
  const std::string before = R"({"contents":[{"parts":[{"text":")";
  const std::string after = R"("}]}]})";
  return before + std::string(bytes - before.size() - after.size(), 'a') + after;
}

class BodyReplay : public testing::Test {
 protected:
  void SetUp() override { cluster_ = Cluster::Start({.keys = TestKeys(2)}).value(); }
  std::uint16_t port() const { return cluster_->proxy_port(); }
  bool HasNamelessFile() {
    const std::vector<std::string> files = OpenFiles(cluster_->proxy().pid());
    return std::any_of(files.begin(), files.end(),
                       [](const std::string& file) { return file.ends_with(" (deleted)"); });
  }

  std::unique_ptr<Cluster> cluster_;
};

class Replay : public BodyReplay,
               public testing::WithParamInterface<std::tuple<std::size_t, bool>> {};

TEST_P(Replay, SendsTheSameBodyToAnotherProjectAfterA429) {
  Fault fault;
  fault.kind = FaultKind::k429Minute;
  cluster_->fake().AddFault(fault);
  HttpRequest request = GenerateContent();
  request.body = JsonOf(std::get<0>(GetParam()));
  request.chunked = std::get<1>(GetParam());
  EXPECT_EQ(Fetch(port(), request).status, 200);
  const auto seen = cluster_->fake().Requests();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].status, 429);
  EXPECT_NE(seen[0].project, seen[1].project);
  for (const fake::SeenRequest& one : seen) {
    EXPECT_EQ(one.body_sha256, fake::Sha256Hex(request.body));
  }
}

INSTANTIATE_TEST_SUITE_P(FromMemoryAndFromAFile, Replay,
                         testing::Combine(testing::Values(100, 200'000, kMebibyte, kMebibyte + 1,
                                                          2 * kMebibyte),
                                          testing::Bool()),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "Chunked" : "Sized");
                         });

TEST_F(BodyReplay, SpooledBodyLeavesNoFileBehindAndHasNoName) {
  RawConnection connection(port());
  HttpRequest request = GenerateContent();
  request.body = JsonOf(4 * kMebibyte);
  const std::string wire = request.Wire();
  ASSERT_TRUE(connection.Send(wire.substr(0, 3 * kMebibyte)));
  EXPECT_TRUE(WaitUntil([&] { return HasNamelessFile(); }));
  for (const auto& entry : std::filesystem::directory_iterator(cluster_->dir().path())) {
    EXPECT_LT(entry.is_regular_file() ? entry.file_size() : 0, kMebibyte) << entry.path();
  }
  ASSERT_TRUE(connection.Send(wire.substr(3 * kMebibyte)));
  EXPECT_EQ(connection.ReadAnswer().status, 200);
  EXPECT_TRUE(WaitUntil([&] { return !HasNamelessFile(); }));
}

TEST_F(BodyReplay, LargestBodyPassesWithoutFillingMemory) {
  const std::int64_t before = ResidentBytes(cluster_->proxy().pid());
  HttpRequest request = GenerateContent();
  request.body = JsonOf(kBodyBytesMax);
  EXPECT_EQ(Fetch(port(), request).status, 200);
  EXPECT_EQ(cluster_->fake().Requests().back().body_sha256, fake::Sha256Hex(request.body));
  EXPECT_LT(PeakResidentBytes(cluster_->proxy().pid()) - before,
            static_cast<std::int64_t>(kBodyBytesMax / 4));
}

TEST_F(BodyReplay, ChunkedBodyOverTheLimitIsRefusedAndReachesNoUpstream) {
  RawConnection connection(port());
  HttpRequest request = GenerateContent();
  request.body = JsonOf(kBodyBytesMax + 1);
  request.chunked = true;
  connection.Send(request);
  EXPECT_EQ(connection.ReadAnswer().status, 413);
  EXPECT_NE(connection.ReadToEnd(), End::kDeadline);
  EXPECT_EQ(cluster_->fake().Counts().requests, 0u);
}

TEST_F(BodyReplay, RefusalOfALargeBodyDoesNotWaitForIt) {
  RawConnection connection(port());
  ASSERT_TRUE(
      connection.Send("POST /v1beta/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 104857601\r\n\r\n"));
  EXPECT_EQ(connection.ReadHead().status, 413);
}

std::string UploadHead(const std::string& framing) {
  return "POST /upload/v1beta/files?upload_id=x HTTP/1.1\r\nHost: a\r\n"
         "X-Goog-Upload-Command: upload, finalize\r\n" +
         framing + "\r\n\r\n";
}

TEST_F(BodyReplay, UploadReachesUpstreamBeforeItIsComplete) {
  RawConnection connection(port());
  ASSERT_TRUE(connection.Send(UploadHead("Content-Length: 10") + "01234"));
  ASSERT_TRUE(
      cluster_->fake().WaitFor([&] { return cluster_->fake().Counts().requests == 1; }, kDeadline));
  EXPECT_EQ(cluster_->fake().Requests().back().body_sha256, "");
  ASSERT_TRUE(connection.Send("56789"));
  EXPECT_EQ(connection.ReadAnswer().status, 404);  // the fake knows no such upload
  EXPECT_EQ(cluster_->fake().Requests().back().body, "0123456789");
}

TEST_F(BodyReplay, UploadsHaveNoLimitAndStayWhatTheyWere) {
  const std::string body = fake::EchoBytes(kBodyBytesMax + kMebibyte);
  for (const bool chunked : {false, true}) {
    const HttpRequest request{.method = "POST",
                              .target = "/upload/v1beta/files?upload_id=x",
                              .headers = {{"X-Goog-Upload-Command", "upload"}},
                              .body = body,
                              .chunked = chunked};
    EXPECT_EQ(Fetch(port(), request).status, 404);
    const fake::SeenRequest seen = cluster_->fake().Requests().back();
    EXPECT_EQ(seen.body_sha256, fake::Sha256Hex(body));
    EXPECT_EQ(seen.chunked, chunked);
  }
}

TEST_F(BodyReplay, UploadThatIsRefusedEarlyGetsItsAnswer) {
  Fault fault;
  fault.kind = FaultKind::kEarly503;
  cluster_->fake().AddFault(fault);
  RawConnection connection(port());
  ASSERT_TRUE(connection.Send(UploadHead("Content-Length: 1000000000") + "01234"));
  EXPECT_EQ(connection.ReadAnswer().status, 503);
  EXPECT_NE(connection.ReadToEnd(), End::kDeadline);
}

TEST_F(BodyReplay, UploadThatBreaksOffIsNeverCompleteUpstream) {
  for (const std::string framing : {"Content-Length: 10", "Transfer-Encoding: chunked"}) {
    const std::uint64_t before = cluster_->fake().Counts().requests;
    RawConnection connection(port());
    const bool chunked = framing.starts_with("T");
    ASSERT_TRUE(connection.Send(UploadHead(framing) + (chunked ? "5\r\n01234\r\n" : "01234")));
    ASSERT_TRUE(cluster_->fake().WaitFor(
        [&] { return cluster_->fake().Counts().requests > before; }, kDeadline));
    connection.Close();
    EXPECT_TRUE(cluster_->fake().WaitFor(
        [&] { return cluster_->fake().Requests().back().ending == fake::Ending::kPeerClosed; },
        kDeadline));
    EXPECT_EQ(cluster_->fake().Requests().back().body_sha256, "");
  }
}

}  // namespace
}  // namespace keypool::itest
