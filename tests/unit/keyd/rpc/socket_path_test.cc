// The socket file of a group.
#include "keyd/rpc/socket_path.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kNobody = 65'534;

struct stat InfoOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info;
}

class SocketGroupTest : public ServerFixture {
 protected:
  // A file that keyd's user owns, for a group that it is not in.
  absl::Status GiveToAGroupOfOthers() {
    const std::string path = dir_.File("socket");
    std::ofstream(path) << "";
    const bool is_root = geteuid() == 0;
    std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
    EXPECT_TRUE(!is_root || (chown(path.c_str(), kNobody, kNobody) == 0 && seteuid(kNobody) == 0));
    const absl::Status status = ShareSocket(path, {1, "daemon"}, {});
    EXPECT_TRUE(!is_root || seteuid(0) == 0);
    EXPECT_EQ(InfoOf(path).st_mode & 0020, 0u) << "is open to a group all the same";
    return status;
  }
  const std::string own_group_ = std::to_string(getegid());
};

TEST_F(SocketGroupTest, MayUseTheSocketAndNobodyElse) {
  server_->Stop();
  ServerOptions options = Options();
  options.sharing.group = own_group_;
  auto server = Server::Start(options, &engine_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(InfoOf(path_).st_mode & 07777, 0660u);
  EXPECT_EQ(InfoOf(path_).st_gid, getegid());
}

TEST_F(SocketGroupTest, FoldersMadeForThisKeydAreOpenedToPassAndOthersAreNot) {
  server_->Stop();
  const std::string made = dir_.File("made");
  const std::string elsewhere = dir_.File("elsewhere");
  for (const std::string& folder : {made, elsewhere}) ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ServerOptions options = Options();
  options.listen = "unix:" + made + "/keyd.sock";
  options.sharing.group = own_group_;
  options.sharing.made_folders = {made, elsewhere};
  auto server = Server::Start(options, &engine_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(InfoOf(made).st_mode & 07777, 0710u);
  EXPECT_EQ(InfoOf(elsewhere).st_mode & 07777, 0700u);
  EXPECT_EQ(InfoOf(made + "/keyd.sock").st_mode & 07777, 0660u);
}

TEST_F(SocketGroupTest, OneThatThereIsNotStopsTheStart) {
  ServerOptions options = Options();
  options.listen = "unix:" + dir_.File("other.sock");
  options.sharing.group = "no-such-group";
  const auto server = Server::Start(options, &engine_);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("KEYD_SOCKET_GROUP"), HasSubstr("no-such-group")));
}

TEST_F(SocketGroupTest, OneThatKeydsUserIsNotInIsRefusedWithTheFix) {
  const absl::Status status = GiveToAGroupOfOthers();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("KEYD_SOCKET_GROUP"), HasSubstr("usermod -aG daemon")));
}

}  // namespace
}  // namespace keypool::rpc
