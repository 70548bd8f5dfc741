// Secrets at rest and in the sight of other processes, with the real programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every byte that is at rest.
std::string AtRest(const Cluster& cluster) {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(cluster.dir().path())) {
    if (entry.is_regular_file()) bytes += Read(entry.path());
  }
  return bytes;
}

std::string MasterKeyOf(const Cluster& cluster) { return Read(cluster.dir().File("master.key")); }

int Serves(Cluster& cluster) { return Fetch(cluster.proxy_port(), GenerateContent()).status; }

TEST(Sealed, NoKeyIsAtRest) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  EXPECT_EQ(Serves(*cluster), 200);
  EXPECT_EQ(MasterKeyOf(*cluster).size(), 65u);
  const std::string bytes = AtRest(*cluster);
  EXPECT_THAT(bytes, HasSubstr("SQLite format 3"));
  EXPECT_THAT(bytes, Not(HasSubstr(TestKey(1))));
  EXPECT_THAT(bytes, Not(HasSubstr(TestKey(2))));
}

TEST(Sealed, NoKeyIsInAListOfProcesses) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  EXPECT_EQ(Serves(*cluster), 200);
  for (Process* process : {&cluster->keyd(), &cluster->proxy()}) {
    const std::string of_process = absl::StrCat("/proc/", process->pid());
    const std::string environment = Read(of_process + "/environ");
    if (geteuid() == 0) {  // others see nothing at all of it
      EXPECT_THAT(environment, HasSubstr("DATA_DIR"));
    }
    EXPECT_THAT(environment, Not(HasSubstr(TestKey(1))));
    EXPECT_THAT(Read(of_process + "/cmdline"), Not(HasSubstr(TestKey(1))));
  }
}

TEST(Sealed, MasterKeyRotatesWhileRequestsGoOn) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  EXPECT_EQ(Serves(*cluster), 200);
  const std::string before = MasterKeyOf(*cluster);
  const Finished rotated = cluster->Poolctl({"rotate-master-key"});
  EXPECT_EQ(rotated.exit_code, 0) << rotated.err;
  EXPECT_THAT(rotated.out, HasSubstr("sealed 2 keys with the master key in "));
  EXPECT_NE(MasterKeyOf(*cluster), before);
  EXPECT_EQ(Serves(*cluster), 200);
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_EQ(cluster->Poolctl({"status"}).exit_code, 0);
}

TEST(Sealed, LostMasterKeyStopsTheStart) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  cluster->KillKeyd();
  std::filesystem::remove(cluster->dir().File("master.key"));
  const Finished keyd =
      RunToEnd({.program = Program("keyd"), .environment = {{"DATA_DIR", cluster->dir().path()}}});
  EXPECT_EQ(keyd.exit_code, 1);
  EXPECT_THAT(keyd.err, HasSubstr("master.key: it is missing"));
}

TEST(Sealed, WrongMasterKeyStopsTheStart) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  cluster->KillKeyd();
  const Finished keyd = RunToEnd(
      {.program = Program("keyd"),
       .environment = {{"DATA_DIR", cluster->dir().path()}, {"MASTER_KEY", std::string(64, 'a')}}});
  EXPECT_EQ(keyd.exit_code, 1);
  EXPECT_THAT(keyd.err, HasSubstr("MASTER_KEY: the secrets in the store are sealed with another"));
  EXPECT_THAT(keyd.err, Not(HasSubstr("aaaa")));
}

}  // namespace
}  // namespace keypool::itest
