// The other side of the proxy: TLS, connections that went stale, and upstreams that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using testing::HasSubstr;

Fault Raw(std::string bytes) {
  Fault fault;
  fault.kind = FaultKind::kRaw;
  fault.raw = std::move(bytes);
  return fault;
}

Fault Of(FaultKind kind, std::int64_t bytes = 0) {
  Fault fault;
  fault.kind = kind;
  fault.bytes = bytes;
  return fault;
}

TEST(StaleConnection, ClosedByUpstreamWhileIdleIsReplacedUnnoticed) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  RawConnection client(cluster->proxy_port());
  for (int i = 0; i < 30; ++i) {
    cluster->fake().AddFault(Of(FaultKind::kCloseIdle));
    ASSERT_TRUE(client.Send(GenerateContent()));
    EXPECT_EQ(client.ReadAnswer().status, 200);
    // The fake has closed, the proxy may or may not know it.
    ASSERT_TRUE(cluster->fake().WaitFor(
        [&] { return cluster->fake().Counts().connections_open == 0; }, kDeadline));
  }
  EXPECT_EQ(cluster->fake().Counts().admitted, 30);
}

class TlsUpstream : public testing::Test {
 protected:
  // A cluster whose fake has a certificate for `certified` and is known to the proxies as `host`.
  std::unique_ptr<Cluster> Start(const std::string& certified, const std::string& host,
                                 Settings proxy = {}) {
    files_ = MakeCertificate(dir_, certified);
    if (proxy.empty()) proxy = {{"UPSTREAM_CA_FILE", files_.authority}};
    ClusterOptions options{.keys = TestKeys(1)};
    options.fake.tls_certificate_file = files_.certificate;
    options.fake.tls_key_file = files_.key;
    options.upstream_host = host;
    options.proxy = std::move(proxy);
    return Cluster::Start(std::move(options)).value();
  }

  TempDir dir_;
  CertificateFiles files_;
};

TEST_F(TlsUpstream, IsUsedWithItsNameAndResumed) {
  const auto cluster = Start("localhost", "localhost", {});
  RawConnection client(
      cluster->proxy_port());  // one, because every thread of the proxy has its own sessions
  for (int i = 0; i < 2; ++i) {
    cluster->fake().AddFault(Of(FaultKind::kCloseIdle));
    ASSERT_TRUE(client.Send(GenerateContent()));
    EXPECT_EQ(client.ReadAnswer().status, 200);
    ASSERT_TRUE(cluster->fake().WaitFor(
        [&] { return cluster->fake().Counts().connections_open == 0; }, kDeadline));
  }
  const auto seen = cluster->fake().Requests();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].tls_server_name, "localhost");
  EXPECT_THAT(std::string(*seen[0].head.Find("host")), testing::StartsWith("localhost:"));
  EXPECT_FALSE(seen[0].tls_resumed);
  EXPECT_TRUE(seen[1].tls_resumed);
}

TEST_F(TlsUpstream, KeepsItsConnection) {
  const auto cluster = Start("localhost", "localhost", {});
  RawConnection client(cluster->proxy_port());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.Send(GenerateContent()));
    EXPECT_EQ(client.ReadAnswer().status, 200);
  }
  EXPECT_EQ(cluster->fake().Counts().connections, 1u);
}

TEST_F(TlsUpstream, SystemsAuthoritiesAreUsedWhenNoneAreNamed) {
  files_ = MakeCertificate(dir_, "localhost");
  ClusterOptions options{.keys = TestKeys(1)};
  options.fake.tls_certificate_file = files_.certificate;
  options.fake.tls_key_file = files_.key;
  options.upstream_host = "localhost";
  options.proxy = {{"SSL_CERT_FILE", files_.authority}};
  const auto trusting = Cluster::Start(options).value();
  EXPECT_EQ(Fetch(trusting->proxy_port(), GenerateContent()).status, 200);
  options.proxy = {};
  const auto strict = Cluster::Start(options).value();
  EXPECT_EQ(Fetch(strict->proxy_port(), GenerateContent()).status, 502);
  EXPECT_EQ(strict->fake().Counts().requests, 0u);
}

TEST_F(TlsUpstream, WithAnotherNameIsRefusedBeforeTheKeyIsSent) {
  const auto cluster = Start("other.example", "localhost", {});
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.body, HasSubstr("certificate"));
  EXPECT_EQ(cluster->fake().Counts().requests, 0u);
}

TEST_F(TlsUpstream, ByAddressIsVerifiedToo) {
  const auto cluster = Start("127.0.0.1", "127.0.0.1", {});
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
}

TEST(MissingUpstream, IsABadGatewayAndSettlesTheLease) {
  ClusterOptions options{.keys = TestKeys(1)};
  // Nothing listens on the discard port of loopback; names under .invalid never resolve.
  for (const std::string url : {"http://127.0.0.1:9", "http://upstream.invalid"}) {
    options.proxy = {{"GEMINI_BASE_URL", url}};
    const auto cluster = Cluster::Start(options).value();
    const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
    EXPECT_EQ(answer.status, 502) << url;
    EXPECT_THAT(answer.body, HasSubstr("UNAVAILABLE"));
    // What was never sent costs nothing.
    AdminCalls admin(cluster->keyd_address());
    EXPECT_TRUE(admin.WaitForStatus([](const PoolStatus& status) {
      return status.summary.leases_open == 0 && UsedToday(status.keys[0]) == 0;
    }));
  }
}

struct BadAnswer {
  std::string name;
  Fault fault;
};
class BadUpstreamAnswer : public testing::TestWithParam<BadAnswer> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = Cluster::Start({.keys = TestKeys(1)}).value().release();
  }
  static void TearDownTestSuite() { delete cluster_; }
  static Cluster* cluster_;
};
Cluster* BadUpstreamAnswer::cluster_ = nullptr;

TEST_P(BadUpstreamAnswer, BecomesABadGatewayAndHarmsNothingElse) {
  cluster_->fake().ClearFaults();
  cluster_->fake().AddFault(GetParam().fault);
  RawConnection client(cluster_->proxy_port());
  ASSERT_TRUE(client.Send(GenerateContent()));
  const Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 502) << answer.raw_head;
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
}

INSTANTIATE_TEST_SUITE_P(
    OfEveryKind, BadUpstreamAnswer,
    testing::Values(
        BadAnswer{"Nothing", Of(FaultKind::kCloseUnsent)},
        BadAnswer{"HalfAHead", Of(FaultKind::kCutHead)},
        BadAnswer{"BothLengths", Of(FaultKind::kBothLengths)},
        BadAnswer{"HugeHead", Of(FaultKind::kHugeHead, 2 * 1024 * 1024)},
        BadAnswer{"NoHttp", Raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")},
        BadAnswer{"NoStatus", Raw("HTTP/1.1 banana\r\n\r\n")},
        BadAnswer{"StatusTooLarge", Raw("HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n")},
        BadAnswer{"LengthNoNumber", Raw("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")},
        BadAnswer{"LengthsDiffer",
                  Raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")},
        BadAnswer{"CodingUnknown", Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab")},
        BadAnswer{"Folded", Raw("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n")},
        BadAnswer{"BareLf", Raw("HTTP/1.1 200 OK\nContent-Length: 0\n\n")},
        BadAnswer{"SwitchingProtocolsUnasked",
                  Raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace keypool::itest
