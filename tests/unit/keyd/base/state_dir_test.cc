#include "keyd/base/state_dir.h"

#include <gtest/gtest.h>

namespace keypool {
namespace {

TEST(StateDir, FollowsServiceThenStateHomeThenHomeThenTheSystem) {
  struct Case {
    Settings::Environment environment;
    std::string directory;
  };
  for (const Case& c : std::vector<Case>{
           {{{"STATE_DIRECTORY", "/var/lib/x:/var/lib/y"}, {"HOME", "/home/u"}}, "/var/lib/x"},
           {{{"XDG_STATE_HOME", "/s"}, {"HOME", "/home/u"}}, "/s/keypool"},
           {{{"HOME", "/home/u"}}, "/home/u/.local/state/keypool"},
           {{{"XDG_STATE_HOME", "relative"}, {"HOME", "/root"}}, "/root/.local/state/keypool"},
           {{{"HOME", "/"}}, "/.local/state/keypool"},
           {{{"HOME", ""}, {"STATE_DIRECTORY", ""}}, "/var/lib/keypool"},
           {{}, "/var/lib/keypool"},
       }) {
    EXPECT_EQ(DefaultDataDir(c.environment), c.directory);
  }
}

TEST(StateDir, SocketLivesInTheDataDir) {
  EXPECT_EQ(DefaultKeydAddress("/d"), "unix:/d/keyd.sock");
}

}  // namespace
}  // namespace keypool
