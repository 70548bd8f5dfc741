// keyd over TCP: who is let in, and what the role of a certificate may call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/programs.h"
#include "tests/integration/harness/tls_client.h"

namespace keypool::itest {
namespace {

using testing::HasSubstr;

constexpr char kProxyRole[] = "URI:keypool://role/proxy";
constexpr char kAdminRole[] = "URI:keypool://role/admin";
constexpr char kKeydNames[] = "DNS:localhost,IP:127.0.0.1";

client::TlsFiles FilesOf(const CertificateFiles& certificate, const std::string& authority) {
  return {authority, certificate.certificate, certificate.key};
}

class Roles : public testing::Test {
 protected:
  void SetUp() override {
    const CertificateFiles keyd = authority_.Issue("keyd", kKeydNames, "keyd-");
    cluster_ = Cluster::Start({.keys = TestKeys(2),
                               .proxies = 0,
                               .keyd = {{"KEYD_TLS_LISTEN", "127.0.0.1:0"},
                                        {"KEYD_TLS_CERT_FILE", keyd.certificate},
                                        {"KEYD_TLS_KEY_FILE", keyd.key},
                                        {"KEYD_TLS_CA_FILE", authority_.file()}}})
                   .value();
    const std::string line = cluster_->keyd().WaitForLine("tls_port=").value_or("tls_port=0");
    const char* port = line.data() + line.find("tls_port=") + 9;
    std::from_chars(port, line.data() + line.size(), port_);
  }

  std::string Address() const { return absl::StrCat("tls://localhost:", port_); }
  Settings SettingsOf(const CertificateFiles& certificate) const {
    return {{"DATA_DIR", cluster_->dir().path()},
            {"KEYD_ADDRESS", Address()},
            {"KEYD_TLS_CA_FILE", authority_.file()},
            {"KEYD_TLS_CERT_FILE", certificate.certificate},
            {"KEYD_TLS_KEY_FILE", certificate.key}};
  }
  Finished Poolctl(const CertificateFiles& certificate, std::vector<std::string> args,
                   std::string input = "") {
    ProcessOptions options{.program = Program("poolctl"), .args = std::move(args)};
    options.environment = SettingsOf(certificate);
    options.input = std::move(input);
    return RunToEnd(options);
  }
  // Whether keyd answers who shows this.
  absl::Status StatusFor(const CertificateFiles& certificate, const std::string& address) const {
    const client::KeydAddress keyd(address, FilesOf(certificate, authority_.file()));
    return AdminCalls(keyd).Status().status();
  }

  TempDir dir_;
  TestAuthority authority_{dir_, ""};
  std::unique_ptr<Cluster> cluster_;
  std::uint16_t port_ = 0;
};

TEST_F(Roles, AProxyLeasesAndDoesNotAdminister) {
  const CertificateFiles proxy = authority_.Issue("proxy", kProxyRole, "proxy-");
  ASSERT_TRUE(cluster_->StartProxy(SettingsOf(proxy)).ok());
  const std::uint16_t port = cluster_->proxy_port();
  EXPECT_EQ(Fetch(port, GenerateContent()).status, 200);
  EXPECT_EQ(Fetch(port, {.target = "/health"}).status, 200);
  EXPECT_EQ(Fetch(port, {.target = "/admin/status"}).status, 401);
  EXPECT_EQ(Fetch(port, {.method = "DELETE", .target = "/admin/keys/key_1"}).status, 401);
  const Finished refused = Poolctl(proxy, {"remove", "key_1"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("the role of this certificate is proxy"));
  EXPECT_EQ(Poolctl(proxy, {"admin-token", "add", "own"}).exit_code, 1);
  EXPECT_EQ(AdminCalls(cluster_->keyd_address()).Status()->keys.size(), 2u);
}

TEST_F(Roles, WhoShowsAnAdminTokenAdministersThroughAProxyToo) {
  const CertificateFiles proxy = authority_.Issue("proxy", kProxyRole, "proxy-");
  ASSERT_TRUE(cluster_->StartProxy(SettingsOf(proxy)).ok());
  const std::uint16_t port = cluster_->proxy_port();
  const fake::Header admin = cluster_->AdminHeader();
  EXPECT_EQ(Fetch(port, {.target = "/admin/status", .headers = {admin}}).status, 200);
  EXPECT_EQ(
      Fetch(port, {.method = "DELETE", .target = "/admin/keys/key_1", .headers = {admin}}).status,
      200);
  EXPECT_EQ(AdminCalls(cluster_->keyd_address()).Status()->keys.size(), 1u);
}

TEST_F(Roles, AnAdministratorAdministersAndDoesNotLease) {
  const CertificateFiles admin = authority_.Issue("admin", kAdminRole, "admin-");
  const Finished added = Poolctl(admin, {"add", "--project", "p"}, TestKey(9) + "\n");
  EXPECT_EQ(added.exit_code, 0) << added.err;
  EXPECT_EQ(Poolctl(admin, {"status"}).exit_code, 0);
  EXPECT_EQ(Poolctl(admin, {"rotate-master-key"}).exit_code, 0);
  ASSERT_TRUE(cluster_->StartProxy(SettingsOf(admin)).ok());
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 503);
  EXPECT_TRUE(cluster_->fake().Requests().empty());
}

TEST_F(Roles, NobodyElseIsServed) {
  const CertificateFiles good = authority_.Issue("admin", kAdminRole, "admin-");
  ASSERT_TRUE(StatusFor(good, Address()).ok());
  TestAuthority other(dir_, "other-");
  const struct {
    const char* what;
    CertificateFiles certificate;
  } refused[] = {
      {"no role", authority_.Issue("admin", "DNS:keypool", "a-")},
      {"no alternative name", authority_.Issue("admin", "", "b-")},
      {"an unknown role", authority_.Issue("admin", "URI:keypool://role/root", "c-")},
      {"two roles", authority_.Issue("x", absl::StrCat(kProxyRole, ",", kAdminRole), "d-")},
      {"a role as a name", authority_.Issue("x", "DNS:keypool.role.admin", "e-")},
      {"expired", authority_.Issue("admin", kAdminRole, "f-", absl::Hours(-1))},
      {"of another authority", other.Issue("admin", kAdminRole, "g-")},
      {"keyd's own", authority_.Issue("keyd", kKeydNames, "h-")},
  };
  for (const auto& [what, certificate] : refused) {
    EXPECT_TRUE(absl::IsUnavailable(StatusFor(certificate, Address()))) << what;
  }
  // Without a certificate, with an older TLS, and in the clear.
  const auto first_byte = [&](const TlsOptions& options) {
    TlsClient client(port_, options);
    bool clean = false;
    client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    return client.ReadToEnd(&clean);
  };
  EXPECT_EQ(first_byte({.authority = authority_.file(), .alpn = "\x02h2"}), "");
  EXPECT_EQ(first_byte({.version_max = TLS1_2_VERSION, .alpn = "\x02h2"}), "");
  RawConnection plain(port_);
  plain.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  std::string bytes;
  EXPECT_NE(plain.ReadToEnd(&bytes), End::kDeadline);
  EXPECT_EQ(bytes.find("HTTP"), std::string::npos);
}

TEST_F(Roles, AClientTrustsOnlyAKeydOfItsAuthority) {
  const CertificateFiles admin = authority_.Issue("admin", kAdminRole, "admin-");
  const TestAuthority other(dir_, "other-");
  const client::KeydAddress keyd(Address(), FilesOf(admin, other.file()));
  EXPECT_TRUE(absl::IsUnavailable(AdminCalls(keyd).Status().status()));
}

TEST_F(Roles, CertificatesAreReadAgainWhileConnectionsLast) {
  const CertificateFiles proxy = authority_.Issue("proxy", kProxyRole, "proxy-");
  ASSERT_TRUE(cluster_->StartProxy(SettingsOf(proxy)).ok());
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
  authority_.Issue("keyd anew", kKeydNames, "keyd-");
  TlsClient client(port_, {.authority = authority_.file(), .alpn = "\x02h2"});
  EXPECT_EQ(client.PeerName(), "keyd anew");
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
}

TEST_F(Roles, WhatDeployMakesWorks) {
  const Finished made = RunToEnd({.program = KEYPOOL_DEPLOY_DIR "/make-keyd-ca",
                                  .args = {"--dir", dir_.File("made")},
                                  .environment = {{"HOME", dir_.path()}}});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string folder = dir_.File("made/");
  for (const char* file : {"keyd-certificate.pem", "keyd-key.pem", "authority.pem"}) {
    const std::string from = std::string_view(file) == "authority.pem"          ? "ca.pem"
                             : std::string_view(file) == "keyd-certificate.pem" ? "keyd.pem"
                                                                                : "keyd-key.pem";
    std::filesystem::copy_file(folder + from, dir_.File(file),
                               std::filesystem::copy_options::overwrite_existing);
  }
  const CertificateFiles admin{folder + "ca.pem", folder + "admin.pem", folder + "admin-key.pem"};
  EXPECT_TRUE(StatusFor(admin, Address()).ok());
}

TEST(RolesSettings, WhatIsMissingIsNamed) {
  const TempDir dir;
  const Finished keyd =
      RunToEnd({.program = Program("keyd"),
                .environment = {{"DATA_DIR", dir.path()}, {"KEYD_TLS_LISTEN", "127.0.0.1:0"}}});
  EXPECT_EQ(keyd.exit_code, 2);
  EXPECT_THAT(keyd.err, HasSubstr("KEYD_TLS_CERT_FILE"));
  const Finished poolctl =
      RunToEnd({.program = Program("poolctl"),
                .args = {"status"},
                .environment = {{"DATA_DIR", dir.path()}, {"KEYD_ADDRESS", "tls://localhost:1"}}});
  EXPECT_EQ(poolctl.exit_code, 2);
  EXPECT_THAT(poolctl.err, HasSubstr("KEYD_TLS_CA_FILE"));
}

}  // namespace
}  // namespace keypool::itest
