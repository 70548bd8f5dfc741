// Memory of a proxy does not grow with what passes through it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fakes/gemini/control.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/proc.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

constexpr std::int64_t kMebibyte = 1024 * 1024;
// A sanitizer's own memory says nothing, and what it slows down need not be long.
struct Scale {
  std::int64_t upload_bytes = 2048 * kMebibyte;
  int readers = 100;
  int live_sessions = 1000;
};
constexpr Scale kMeasured;
constexpr Scale kSanitized{64 * kMebibyte, 10, 50};
constexpr std::int64_t kUploadGrowthMax = 16 * kMebibyte;
constexpr std::int64_t kLiveSessionMax = 12 * 1024;
constexpr std::size_t kAnswerBytes = 8 * kMebibyte;
constexpr std::int64_t kReadersGrowthMax = 64 * kMebibyte;

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = Cluster::Start({.keys = TestKeys(1)}).value();
    // What a first request leaves behind is there from now on.
    ASSERT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
    before_ = ResidentBytes(cluster_->proxy().pid());
  }
  void ExpectGrowthBelow(std::int64_t bound, std::int64_t now, const char* what) {
    std::printf("%s: resident memory of the proxy grew by %.1f MiB\n", what,
                static_cast<double>(now - before_) / kMebibyte);
    if (!ProgramsAreSanitized()) {
      EXPECT_LT(now - before_, bound);
    }
  }

  const Scale scale_ = ProgramsAreSanitized() ? kSanitized : kMeasured;
  std::unique_ptr<Cluster> cluster_;
  std::int64_t before_ = 0;
};

TEST_F(Memory, UploadOf2GibLeavesItAlone) {
  const Answer start =
      Fetch(cluster_->proxy_port(), {.method = "POST",
                                     .target = "/upload/v1beta/files",
                                     .headers = {{"X-Goog-Upload-Command", "start"}},
                                     .body = "{}"});
  ASSERT_EQ(start.status, 200);
  const std::string url = start.Header("x-goog-upload-url");
  const std::string block = fake::EchoBytes(kMebibyte);
  RawConnection connection(cluster_->proxy_port(), absl::Minutes(4));
  ASSERT_TRUE(connection.Send(absl::StrCat(
      "POST ", url.substr(url.find("/upload/")), " HTTP/1.1\r\nHost: localhost\r\n",
      "X-Goog-Upload-Command: upload, finalize\r\nX-Goog-Upload-Offset: 0\r\nContent-Length: ",
      scale_.upload_bytes, "\r\n\r\n")));
  fake::Sha256 sum;
  for (std::int64_t sent = 0; sent < scale_.upload_bytes; sent += kMebibyte) {
    ASSERT_TRUE(connection.Send(block));
    sum.Add(block);
  }
  const Answer final = connection.ReadAnswer();
  EXPECT_EQ(final.status, 200);
  EXPECT_EQ(final.Header("x-goog-upload-status"), "final");
  EXPECT_EQ(cluster_->fake().Requests().back().body_sha256, sum.Hex());
  ExpectGrowthBelow(kUploadGrowthMax, PeakResidentBytes(cluster_->proxy().pid()), "upload");
}

TEST_F(Memory, SlowReadersKeepNoAnswersInIt) {
  const HttpRequest request{.target = absl::StrCat("/echo/bytes?framing=chunked&n=", kAnswerBytes)};
  std::vector<std::unique_ptr<RawConnection>> readers;
  for (int i = 0; i < scale_.readers; ++i) {
    readers.push_back(std::make_unique<RawConnection>(cluster_->proxy_port()));
    ASSERT_TRUE(readers.back()->Send(request));
  }
  std::vector<Answer> answers;
  for (const auto& reader : readers) {
    answers.push_back(reader->ReadHead());
    ASSERT_EQ(answers.back().status, 200);
  }
  // All are on their way, and nobody has read more than the first bytes.
  const std::string expected = fake::Sha256Hex(fake::EchoBytes(kAnswerBytes));
  for (std::size_t i = 0; i < readers.size(); ++i) {
    readers[i]->ReadBody(&answers[i]);
    EXPECT_TRUE(answers[i].complete);
    EXPECT_EQ(fake::Sha256Hex(answers[i].body), expected);
    answers[i].body.clear();
  }
  ExpectGrowthBelow(kReadersGrowthMax, PeakResidentBytes(cluster_->proxy().pid()), "slow readers");
}

// Each has a socket at the proxy, and more here.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_F(Memory, LiveSessionThatIsIdleTakesLittle) {
  RaiseDescriptorLimit();
  std::vector<std::unique_ptr<LiveClient>> sessions;
  const auto open = [&](int count) {
    for (int i = 0; i < count; ++i) {
      sessions.push_back(std::make_unique<LiveClient>(cluster_->proxy_port()));
      if (!sessions.back()->Setup() || !sessions.back()->Receive()) return false;
    }
    return true;
  };
  // What the first ones leave behind serves the others too.
  ASSERT_TRUE(open(scale_.live_sessions / 2));
  const std::int64_t before = AnonymousBytes(cluster_->proxy().pid());
  ASSERT_TRUE(open(scale_.live_sessions));
  const std::int64_t each =
      (AnonymousBytes(cluster_->proxy().pid()) - before) / scale_.live_sessions;
  std::printf("%d idle Live sessions: %.2f KiB each in the proxy\n", scale_.live_sessions,
              static_cast<double>(each) / 1024);
  if (!ProgramsAreSanitized()) {
    EXPECT_LE(each, kLiveSessionMax);
  }
}

}  // namespace
}  // namespace keypool::itest
