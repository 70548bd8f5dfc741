// HTTPS from client to proxy: certificates by name, read again without anybody noticing, and the
// same bytes as without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"
#include "tests/integration/harness/programs.h"
#include "tests/integration/harness/tls_client.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHttp11 = "\x08http/1.1";
constexpr std::string_view kH2 = "\x02h2";

HttpRequest StreamRequest() {
  HttpRequest request = GenerateContent();
  request.target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
  return request;
}

class TlsListener : public testing::Test {
 protected:
  void SetUp() override {
    first_ = MakeCertificate(dir_, "localhost", "first-");
    second_ = MakeCertificate(dir_, "*.pool.example", "second-");
    cluster_ =
        Cluster::Start({.keys = TestKeys(1),
                        .proxy = {{"TLS_CERT_FILE",
                                   absl::StrCat(first_.certificate, ", ", second_.certificate)},
                                  {"TLS_KEY_FILE", absl::StrCat(first_.key, ",", second_.key)},
                                  {"TLS_PORT", "0"}}})
            .value();
  }
  std::uint16_t port() const { return cluster_->proxy_tls_port(); }
  // Makes the first pair of files another certificate.
  void Replace(const std::string& name) {
    const CertificateFiles other = MakeCertificate(dir_, name, "other-");
    std::filesystem::rename(other.key, first_.key);
    std::filesystem::rename(other.certificate, first_.certificate);
    std::filesystem::rename(other.authority, first_.authority);
  }
  bool AfterReload(std::string_view line) {
    cluster_->proxy().Signal(SIGHUP);
    return cluster_->proxy().WaitForLine(line).has_value();
  }

  TempDir dir_;
  CertificateFiles first_, second_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(TlsListener, RequestsAreServedOneAfterTheOtherAndPlainHttpStillIs) {
  TlsClient client(port(), {.authority = first_.authority});
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Version(), "TLSv1.3");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(GenerateContent().Wire()));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(client.ReadUntil("\r\n0\r\n\r\n"), HasSubstr("candidates"));
  }
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
}

TEST_F(TlsListener, CertificateIsTheOneForTheNameThatIsAskedFor) {
  struct Row {
    std::string name;
    std::string shown;
  };
  for (const Row& row :
       {Row{"localhost", "localhost"}, Row{"", "localhost"},
        Row{"a.pool.example", "*.pool.example"}, Row{"A.POOL.example", "*.pool.example"}}) {
    const std::string& authority = row.shown == "localhost" ? first_.authority : second_.authority;
    const TlsClient client(port(), {.authority = authority, .server_name = row.name});
    ASSERT_TRUE(client.connected()) << row.name;
    EXPECT_EQ(client.PeerName(), row.shown) << row.name;
  }
  for (const char* name : {"pool.example", "a.b.pool.example", "elsewhere.example"}) {
    const TlsClient client(port(), {.server_name = name});
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.PeerName(), "localhost") << name;
  }
}

TEST_F(TlsListener, OldVersionsAreRefused) {
  EXPECT_FALSE(TlsClient(port(), {.version_max = TLS1_1_VERSION}).connected());
  const TlsClient client(port(), {.version_max = TLS1_2_VERSION});
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Version(), "TLSv1.2");
}

TEST_F(TlsListener, HttpOneIsChosenAndClientsThatSpeakNoneOfItAreRefused) {
  const std::string both = absl::StrCat(std::string(kH2), std::string(kHttp11));
  const TlsClient client(port(), {.alpn = both});
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Alpn(), "http/1.1");
  EXPECT_FALSE(TlsClient(port(), {.alpn = std::string(kH2)}).connected());
  EXPECT_EQ(TlsClient(port(), {}).Alpn(), "");
}

TEST_F(TlsListener, PlainHttpIsToldSo) {
  for (const char* method : {"GET", "POST", "OPTIONS", "DELETE"}) {
    const Answer answer = Fetch(port(), {.method = method, .target = "/v1beta/models"});
    EXPECT_EQ(answer.status, 400) << method;
    EXPECT_THAT(answer.body, HasSubstr("https://"));
  }
  RawConnection rubbish(port());
  ASSERT_TRUE(
      rubbish.Send(std::string_view("\x16\x03\x01\x02nonsense that is no handshake\0\0", 34)));
  std::string rest;
  EXPECT_NE(rubbish.ReadToEnd(&rest), End::kDeadline);
  EXPECT_TRUE(TlsClient(port(), {}).connected());
}

TEST_F(TlsListener, NewFilesAreReadUnderARunningStreamWhichGoesOn) {
  Fault fault;
  fault.kind = FaultKind::kStepStream;
  cluster_->fake().AddFault(fault);
  TlsClient before(port(), {.authority = first_.authority});
  ASSERT_TRUE(before.connected());
  ASSERT_TRUE(before.Send(StreamRequest().Wire()));
  cluster_->fake().Step(1);
  EXPECT_THAT(before.ReadUntil("\r\n\r\n\r\n"), StartsWith("HTTP/1.1 200"));

  const std::string old_authority = dir_.File("old.pem");
  std::filesystem::copy(first_.authority, old_authority);
  Replace("localhost");
  ASSERT_TRUE(AfterReload("certificates_reloaded"));
  EXPECT_FALSE(TlsClient(port(), {.authority = old_authority}).connected());
  EXPECT_TRUE(TlsClient(port(), {.authority = first_.authority}).connected());

  cluster_->fake().Step(2);
  EXPECT_THAT(before.ReadUntil("\r\n0\r\n\r\n"), testing::EndsWith("\r\n0\r\n\r\n"));
  ASSERT_TRUE(before.Send(GenerateContent().Wire()));
  EXPECT_THAT(before.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(TlsListener, BadNewFilesLeaveTheOldOnesInUse) {
  dir_.Write("first-certificate.pem", "this is no certificate");
  ASSERT_TRUE(AfterReload("certificates_not_reloaded"));
  EXPECT_THAT(cluster_->proxy().Err(), HasSubstr("TLS_CERT_FILE"));
  EXPECT_TRUE(TlsClient(port(), {.authority = first_.authority}).connected());
  EXPECT_TRUE(TlsClient(port(), {.authority = second_.authority, .server_name = "x.pool.example"})
                  .connected());
}

TEST_F(TlsListener, LargeAnswersAndBodiesPassByteForByte) {
  TlsClient client(port(), {});
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(
      client.Send("GET /echo/bytes?n=3000000&framing=sized HTTP/1.1\r\nHost: a\r\n"
                  "Connection: close\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 3000000"));
  bool clean = false;
  const std::string body = client.ReadToEnd(&clean);
  EXPECT_TRUE(clean);
  EXPECT_EQ(body, Get(cluster_->proxy_port(), "/echo/bytes?n=3000000&framing=sized").body);
  EXPECT_EQ(body.size(), 3'000'000u);

  HttpRequest upload = GenerateContent();
  upload.body =
      absl::StrCat(R"({"contents":[{"parts":[{"text":")", std::string(3'000'000, 'x'), "\"}]}]}");
  TlsClient sender(port(), {});
  ASSERT_TRUE(sender.Send(upload.Wire()));
  EXPECT_THAT(sender.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  const fake::SeenRequest seen = cluster_->fake().Requests().back();
  EXPECT_EQ(seen.body_bytes, static_cast<std::int64_t>(upload.body.size()));
  EXPECT_EQ(seen.body_sha256, fake::Sha256Hex(upload.body));
}

TEST_F(TlsListener, AnswerThatUpstreamCutsIsNoCleanEnd) {
  Fault fault;
  fault.kind = FaultKind::kCutStream;
  fault.events = 1;
  cluster_->fake().AddFault(fault);
  TlsClient client(port(), {});
  ASSERT_TRUE(client.Send(StreamRequest().Wire()));
  bool clean = true;
  EXPECT_THAT(client.ReadToEnd(&clean), HasSubstr("data: "));
  EXPECT_FALSE(clean);
}

TEST_F(TlsListener, ManyAtOnceAreAllServed) {
  constexpr int kClients = 100;
  std::vector<int> good(kClients, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      TlsClient client(port(), {.authority = first_.authority});
      if (!client.connected()) return;
      for (int n = 0; n < 3; ++n) {
        if (!client.Send(StreamRequest().Wire())) return;
        const std::string answer = client.ReadUntil("\r\n0\r\n\r\n");
        good[static_cast<std::size_t>(i)] += answer.starts_with("HTTP/1.1 200") ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(kClients, 3));
}

TEST_F(TlsListener, IdleConnectionIsReadyForTheNextRequest) {
  TlsClient client(port(), {});
  ASSERT_TRUE(client.connected());
  // Others that open and leave, in the midst of a handshake too.
  for (int i = 0; i < 10; ++i) {
    RawConnection leaves(port());
    leaves.Send(std::string_view("\x16\x03\x01"));
    leaves.Close(i % 2 == 0);
  }
  ASSERT_TRUE(client.Send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

// The proxy with these settings does not start, and says why.
std::string Refused(const Settings& settings) {
  const TempDir dir;
  ProcessOptions options{.program = Program("proxy")};
  options.environment = {{"PORT", "0"}, {"DATA_DIR", dir.path()}, {"TLS_PORT", "0"}};
  for (const auto& [name, value] : settings) options.environment[name] = value;
  const Finished finished = RunToEnd(options);
  EXPECT_NE(finished.exit_code, 0);
  EXPECT_NE(finished.exit_code, 137) << "it runs";
  return finished.err;
}

TEST(TlsSettings, FilesThatAreWrongStopTheStartAndAreNamed) {
  const TempDir dir;
  const CertificateFiles good = MakeCertificate(dir, "localhost", "good-");
  const CertificateFiles other = MakeCertificate(dir, "localhost", "other-");
  const std::string rubbish = dir.Write("rubbish.pem", "-----BEGIN CERTIFICATE-----\nx\n");
  EXPECT_THAT(Refused({{"TLS_CERT_FILE", good.certificate}}), HasSubstr("TLS_KEY_FILE"));
  EXPECT_THAT(Refused({{"TLS_KEY_FILE", good.key}}), HasSubstr("TLS_CERT_FILE"));
  EXPECT_THAT(Refused({{"TLS_CERT_FILE", "/no/such.pem"}, {"TLS_KEY_FILE", good.key}}),
              HasSubstr("TLS_CERT_FILE /no/such.pem"));
  EXPECT_THAT(Refused({{"TLS_CERT_FILE", rubbish}, {"TLS_KEY_FILE", good.key}}),
              HasSubstr("TLS_CERT_FILE " + rubbish));
  EXPECT_THAT(Refused({{"TLS_CERT_FILE", good.certificate}, {"TLS_KEY_FILE", rubbish}}),
              HasSubstr("TLS_KEY_FILE " + rubbish));
  EXPECT_THAT(Refused({{"TLS_CERT_FILE", good.certificate}, {"TLS_KEY_FILE", other.key}}),
              HasSubstr("is not the key of TLS_CERT_FILE"));
}

TEST(TlsSettings, SamePortThenHttpsAlone) {
  // A port that is free now.
  std::uint16_t free = 0;
  {
    auto probe = Cluster::Start({.keys = TestKeys(1)}).value();
    free = probe->proxy_port();
  }
  const TempDir dir;
  const CertificateFiles files = MakeCertificate(dir, "localhost");
  auto cluster = Cluster::Start({.keys = TestKeys(1),
                                 .proxy = {{"TLS_CERT_FILE", files.certificate},
                                           {"TLS_KEY_FILE", files.key},
                                           {"PORT", absl::StrCat(free)},
                                           {"TLS_PORT", absl::StrCat(free)}}});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ((*cluster)->proxy_port(), 0);
  EXPECT_EQ((*cluster)->proxy_tls_port(), free);
  EXPECT_TRUE(TlsClient(free, {.authority = files.authority}).connected());
  EXPECT_EQ(Get(free, "/health").status, 400);
}

}  // namespace
}  // namespace keypool::itest
