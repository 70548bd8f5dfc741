#include "proxy/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/harness/certificate.h"

namespace keypool::proxy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CertificatesTest : public testing::Test {
 protected:
  CertificateFiles Make(const std::string& name) {
    const itest::CertificateFiles made =
        itest::MakeCertificate(dir_, name, std::to_string(++made_) + "-");
    return {made.certificate, made.key};
  }
  static std::string Problem(std::vector<CertificateFiles> files) {
    return std::string(Certificates::Load(std::move(files)).status().message());
  }

  itest::TempDir dir_;
  int made_ = 0;
};

TEST_F(CertificatesTest, NameIsAskedForThenTheFirstThatHasItIsShownAndElseTheFirstOfAll) {
  auto loaded = Certificates::Load(
      {Make("localhost"), Make("*.example"), Make("a.example"), Make("b.other"), Make("B.OTHER")});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Certificates& certificates = **loaded;
  EXPECT_EQ(certificates.Choose("localhost"), 0u);
  EXPECT_EQ(certificates.Choose("a.example"), 2u);
  EXPECT_EQ(certificates.Choose("A.Example."), 2u);
  EXPECT_EQ(certificates.Choose("c.example"), 1u);
  EXPECT_EQ(certificates.Choose("c.d.example"), 0u);
  EXPECT_EQ(certificates.Choose("example"), 0u);
  EXPECT_EQ(certificates.Choose(".example"), 0u);
  EXPECT_EQ(certificates.Choose("b.other"), 3u);
  EXPECT_EQ(certificates.Choose(""), 0u);
  EXPECT_EQ(certificates.Choose("*.example"), 1u);
}

TEST_F(CertificatesTest, FilesAreWrongThenEachIsNamed) {
  const CertificateFiles good = Make("localhost");
  const CertificateFiles other = Make("localhost");
  const std::string empty = dir_.Write("empty.pem", "");
  EXPECT_EQ(Problem({good}), "");
  EXPECT_THAT(
      Problem({{"/no/such", good.key}, {good.certificate, empty}, {good.certificate, other.key}}),
      AllOf(HasSubstr("TLS_CERT_FILE /no/such"), HasSubstr("TLS_KEY_FILE " + empty),
            HasSubstr("TLS_KEY_FILE " + other.key + " is not the key of TLS_CERT_FILE " +
                      good.certificate)));
  EXPECT_THAT(Problem({{good.key, good.key}}), HasSubstr("TLS_CERT_FILE " + good.key));
  EXPECT_THAT(Problem({{good.certificate, good.certificate}}),
              HasSubstr("TLS_KEY_FILE " + good.certificate));
}

TEST_F(CertificatesTest, ReadAgainThenNewNamesAreKnownAndABadFileChangesNothing) {
  const CertificateFiles first = Make("first.example");
  const CertificateFiles second = Make("second.example");
  auto loaded = Certificates::Load({Make("localhost"), first});
  ASSERT_TRUE(loaded.ok());
  Certificates& certificates = **loaded;
  EXPECT_EQ(certificates.Choose("first.example"), 1u);
  std::filesystem::rename(second.certificate, first.certificate);
  EXPECT_FALSE(certificates.Reload().ok());  // its key is still the old one
  EXPECT_EQ(certificates.Choose("first.example"), 1u);
  std::filesystem::rename(second.key, first.key);
  EXPECT_TRUE(certificates.Reload().ok());
  EXPECT_EQ(certificates.Choose("first.example"), 0u);
  EXPECT_EQ(certificates.Choose("second.example"), 1u);
}

}  // namespace
}  // namespace keypool::proxy
