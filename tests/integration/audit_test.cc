// Who has done what, with the real programs, and what was done to the record of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "keyd/store/sqlite_db.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Audit : public testing::Test {
 protected:
  void Start(ClusterOptions options = {}) {
    options.keys = TestKeys(2);
    options.proxies = 0;
    cluster_ = Cluster::Start(std::move(options)).value();
  }
  Finished Do(std::vector<std::string> args, int exit_code = 0, std::string input = "") {
    const Finished done = cluster_->Poolctl(args, std::move(input));
    EXPECT_EQ(done.exit_code, exit_code) << args.front() << ": " << done.err;
    return done;
  }
  std::string Json() { return Do({"audit", "--json", "--limit", "1000"}).out; }
  // As somebody does who can write the file.
  void Tamper(const std::string& sql) {
    const auto db = store::SqliteDb::Open(cluster_->dir().File("keyd.db"));
    ASSERT_TRUE(db.ok()) << db.status();
    const absl::Status status = db->Execute(sql.c_str());
    ASSERT_TRUE(status.ok()) << status;
  }
  void Restart() {
    cluster_->KillKeyd();
    ASSERT_TRUE(cluster_->StartKeyd().ok());
  }

  std::unique_ptr<Cluster> cluster_;
};

std::string Record(const std::string& who, const std::string& what, const std::string& target) {
  return absl::StrCat(R"("who":")", who, R"(","what":")", what, R"(","target":")", target,
                      R"(","result":")");
}

TEST_F(Audit, HasEveryCallAndWhoHasMadeItAndNoSecret) {
  Start();
  Do({"add", "--project", "p"}, 0, TestKey(9) + "\n");
  Do({"disable", "key_3"});
  Do({"enable", "key_3"});
  Do({"remove", "key_1"});
  Do({"remove", "key_77"}, 1);
  Do({"reset", "--yes"});
  Do({"limits", "set", "--project", "p", "--rpm", "7"});
  Do({"limits", "unset", "--project", "p"});
  const std::string token(absl::StripAsciiWhitespace(Do({"client", "add", "team-a"}).out));
  Do({"client", "limits", "team-a", "--rpd", "9"});
  Do({"client", "rotate", "team-a"});
  Do({"client", "revoke", "team-a"});
  Do({"client", "remove", "team-a"});
  Do({"rotate-master-key"});
  for (int i = 0; i < 3; ++i) Do({"status"});
  const std::string json = Json();
  const std::string uid = absl::StrCat("uid ", geteuid());
  EXPECT_THAT(
      json,
      HasSubstr(Record("keyd (GEMINI_API_KEYS)", "add key", "key_1 of project project-1") + "ok"));
  for (const auto& [what, target] :
       std::vector<std::pair<std::string, std::string>>{{"add key", "key_3 of project p"},
                                                        {"disable key", "key_3"},
                                                        {"enable key", "key_3"},
                                                        {"remove key", "key_1"},
                                                        {"remove key", "key_77"},
                                                        {"reset", "every project"},
                                                        {"unset limits", "project p"},
                                                        {"add client", "team-a"},
                                                        {"set client", "team-a"},
                                                        {"rotate client", "team-a"},
                                                        {"revoke client", "team-a"},
                                                        {"remove client", "team-a"},
                                                        {"rotate master key", "begins"},
                                                        {"rotate master key", "is done: 2 keys"}}) {
    EXPECT_THAT(json, HasSubstr(absl::StrCat(R"(,"what":")", what, R"(","target":")", target)));
  }
  EXPECT_THAT(json, HasSubstr(absl::StrCat(R"("who":")", uid)));
  for (const char* what : {"read status", "read audit"}) {
    EXPECT_THAT(json, HasSubstr(absl::StrCat(R"(,"what":")", what, R"(","target":null,)")));
  }
  EXPECT_THAT(json, HasSubstr(R"("what":"set limits","target":"project p: 7 requests a minute)"));
  EXPECT_THAT(json, HasSubstr(R"("target":"key_77","result":"NOT_FOUND: )"));
  EXPECT_THAT(json, Not(HasSubstr(R"("who":"unknown")")));
  for (const std::string& secret : {TestKey(1), TestKey(2), TestKey(9), token}) {
    EXPECT_THAT(json, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(Do({"audit", "--verify"}).out, HasSubstr("intact: 20 records, from number 1 on"));
}

TEST_F(Audit, SurvivesAKillAndAnotherMasterKey) {
  Start();
  Do({"rotate-master-key"});
  Restart();
  Do({"disable", "key_1"});
  EXPECT_THAT(Do({"audit", "--verify"}).out, HasSubstr("intact: 7 records, from number 1 on"));
  const Finished shown = Do({"audit", "--limit", "2"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("disable key"), HasSubstr("read audit"),
                               Not(HasSubstr("rotate master key"))));
}

TEST_F(Audit, ChangedRecordIsFoundWhileKeydRunsAndAfterAStart) {
  Start();
  Do({"disable", "key_1"});
  Do({"enable", "key_1"});
  Tamper("UPDATE audit SET record = (SELECT record FROM audit WHERE number = 4) WHERE number = 3");
  EXPECT_THAT(Do({"audit", "--verify"}, 1).err, HasSubstr("broken at record 3"));
  Restart();
  EXPECT_TRUE(cluster_->keyd().WaitForLine("audit_broken"));
  Do({"disable", "key_2"});
  EXPECT_THAT(Do({"audit", "--verify"}, 1).err, HasSubstr("broken at record 3"));
  EXPECT_THAT(Json(), HasSubstr(R"({"number":3,"damage":)"));
}

TEST_F(Audit, RemovedRecordsAndAnEndThatIsCutOffAreFound) {
  Start();
  Do({"disable", "key_1"});
  Do({"enable", "key_1"});
  Tamper("DELETE FROM audit WHERE number = 5");
  EXPECT_THAT(Do({"audit", "--verify"}, 1).err, HasSubstr("broken at record 5"));
  Tamper("DELETE FROM audit WHERE number = 2");
  EXPECT_THAT(Do({"audit", "--verify", "--json"}, 1).out, HasSubstr(R"("broken":{"number":2,)"));
}

TEST_F(Audit, AllOfItRemovedIsFoundForGood) {
  Start();
  cluster_->KillKeyd();
  Tamper("DELETE FROM audit; DELETE FROM audit_state;");
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  EXPECT_TRUE(cluster_->keyd().WaitForLine("audit_broken"));
  Do({"disable", "key_1"});
  Restart();
  EXPECT_THAT(Do({"audit", "--verify"}, 1).err, HasSubstr("its end was missing"));
}

TEST_F(Audit, CertificatesAreNamedAndWhatARoleMayNotIsTold) {
  const TempDir dir;
  TestAuthority authority(dir, "");
  const CertificateFiles keyd = authority.Issue("keyd", "DNS:localhost,IP:127.0.0.1", "keyd-");
  Start({.keyd = {{"KEYD_TLS_LISTEN", "127.0.0.1:0"},
                  {"KEYD_TLS_CERT_FILE", keyd.certificate},
                  {"KEYD_TLS_KEY_FILE", keyd.key},
                  {"KEYD_TLS_CA_FILE", authority.file()}}});
  const std::string line = cluster_->keyd().WaitForLine("tls_port=").value_or("tls_port=0");
  int port = 0;
  const char* digits = line.data() + line.find("tls_port=") + 9;
  std::from_chars(digits, line.data() + line.size(), port);
  const auto poolctl = [&](const CertificateFiles& certificate, std::vector<std::string> args) {
    ProcessOptions options{.program = Program("poolctl"), .args = std::move(args)};
    options.environment = {{"DATA_DIR", cluster_->dir().path()},
                           {"KEYD_ADDRESS", absl::StrCat("tls://localhost:", port)},
                           {"KEYD_TLS_CA_FILE", authority.file()},
                           {"KEYD_TLS_CERT_FILE", certificate.certificate},
                           {"KEYD_TLS_KEY_FILE", certificate.key}};
    return RunToEnd(options).exit_code;
  };
  const CertificateFiles admin = authority.Issue("ada", "URI:keypool://role/admin", "admin-");
  const CertificateFiles proxy = authority.Issue("eve", "URI:keypool://role/proxy", "proxy-");
  EXPECT_EQ(poolctl(admin, {"disable", "key_1"}), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(poolctl(proxy, {"remove", "key_1"}), 1);
  EXPECT_EQ(poolctl(proxy, {"audit"}), 1);
  const std::string json = Json();
  EXPECT_THAT(json, HasSubstr(R"("who":"certificate ada, serial )"));
  const std::string eve = R"("who":"certificate eve, serial )";
  EXPECT_THAT(json, AllOf(HasSubstr(eve), HasSubstr("PERMISSION_DENIED: ")));
  EXPECT_EQ(json.find(eve), json.rfind(eve)) << "one a minute";
}

}  // namespace
}  // namespace keypool::itest
