// KEYD_SOCKET_GROUP: who reaches a keyd that shares its socket with a group.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/process.h"
#include "tests/integration/harness/programs.h"
#include "tests/integration/harness/temp_dir.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uid_t kNobody = 65'534;
constexpr gid_t kGroupOfRoot = 54'321;

class SocketGroup : public testing::Test {
 protected:
  void Start(const std::string& group) {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0711));
    auto keyd =
        Process::Start({.program = Program("keyd"),
                        .environment = {{"DATA_DIR", data_dir_}, {"KEYD_SOCKET_GROUP", group}}});
    ASSERT_TRUE(keyd.ok()) << keyd.status();
    keyd_ = *std::move(keyd);
    ASSERT_TRUE(keyd_->WaitForLine("keyd_started").has_value()) << keyd_->Err();
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  // 0, or why not.
  int Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
    const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const int error = result == 0 ? 0 : errno;
    close(fd);
    return error;
  }
  // As somebody who is in no group but this one.
  int ConnectAsMemberOf(gid_t group) const {
    EXPECT_EQ(setgroups(1, &group), 0);
    EXPECT_EQ(setegid(kNobody), 0);
    EXPECT_EQ(seteuid(kNobody), 0);
    const int error = Connect();
    EXPECT_EQ(seteuid(0), 0);
    EXPECT_EQ(setegid(0), 0);
    EXPECT_EQ(setgroups(0, nullptr), 0);
    return error;
  }

  TempDir dir_;
  const std::string data_dir_ = dir_.File("new/state");
  const std::string socket_ = data_dir_ + "/keyd.sock";
  std::unique_ptr<Process> keyd_;
};

TEST_F(SocketGroup, IsLetInToTheSocketAndToNothingElse) {
  const bool is_root = geteuid() == 0;
  Start(absl::StrCat(is_root ? kGroupOfRoot : getegid()));
  EXPECT_EQ(ModeOf(socket_), 0660u);
  EXPECT_EQ(ModeOf(data_dir_), 0710u);
  EXPECT_EQ(ModeOf(dir_.File("new")), 0710u);
  for (const char* file : {"keyd.db", "master.key"}) {
    EXPECT_EQ(ModeOf(absl::StrCat(data_dir_, "/", file)), 0600u) << file;
  }
  EXPECT_EQ(Connect(), 0);
  if (is_root) {
    EXPECT_EQ(ConnectAsMemberOf(kGroupOfRoot), 0);
    EXPECT_EQ(ConnectAsMemberOf(kNobody), EACCES);
  }
}

TEST_F(SocketGroup, WithoutItNobodyElseIsLetIn) {
  Start("");
  EXPECT_EQ(ModeOf(socket_), 0600u);
  EXPECT_EQ(ModeOf(data_dir_), 0700u);
}

TEST_F(SocketGroup, AFolderThatWasThereIsLeftAloneAndTheLogSaysWhatToDo) {
  std::filesystem::create_directories(data_dir_);
  std::filesystem::permissions(data_dir_, std::filesystem::perms::owner_all);
  Start(absl::StrCat(getegid()));
  EXPECT_EQ(ModeOf(data_dir_), 0700u);
  EXPECT_EQ(ModeOf(socket_), 0660u);
  EXPECT_TRUE(keyd_->WaitForLine("socket_out_of_reach").has_value());
  EXPECT_THAT(keyd_->Err() + keyd_->Out(), HasSubstr("chmod g+x"));
}

TEST_F(SocketGroup, OneThatThereIsNotStopsTheStart) {
  const Finished keyd =
      RunToEnd({.program = Program("keyd"),
                .environment = {{"DATA_DIR", data_dir_}, {"KEYD_SOCKET_GROUP", "no-such-group"}}});
  EXPECT_EQ(keyd.exit_code, 2);
  EXPECT_THAT(keyd.err, AllOf(HasSubstr("KEYD_SOCKET_GROUP"), HasSubstr("groupadd")));
  EXPECT_FALSE(std::filesystem::exists(data_dir_));
}

}  // namespace
}  // namespace keypool::itest
