// What others could see of a process.
#include "keyd/base/process_secrets.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

#include "absl/base/config.h"

namespace keypool {
namespace {

TEST(Wipe, LeavesNothing) {
  std::string text = "AIza-secret";
  const char* bytes = text.data();
  Wipe(&text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(bytes[1], '\0');
}

TEST(WipeEnvironment, OverwritesTheValueAndForgetsTheVariable) {
  ASSERT_EQ(setenv("KEYPOOL_TEST_SECRET", "AIza-secret", 1), 0);
  Settings::Environment copy = {{"KEYPOOL_TEST_SECRET", "AIza-secret"}, {"OTHER", "stays"}};
  const char* where = std::getenv("KEYPOOL_TEST_SECRET");
  WipeEnvironment("KEYPOOL_TEST_SECRET", &copy);
  EXPECT_STREQ(where, "");
  EXPECT_EQ(std::getenv("KEYPOOL_TEST_SECRET"), nullptr);
  EXPECT_EQ(copy, (Settings::Environment{{"OTHER", "stays"}}));
}

TEST(WipeEnvironment, WhatIsNotSetIsNoMistake) {
  Settings::Environment copy;
  WipeEnvironment("KEYPOOL_TEST_NOT_SET", &copy);
  EXPECT_TRUE(copy.empty());
}

#if !defined(ABSL_HAVE_ADDRESS_SANITIZER)
[[noreturn]] void RefuseDumpsAndLook() {
  RefuseDumps();
  rlimit core = {};
  core.rlim_max = 1;
  getrlimit(RLIMIT_CORE, &core);
  std::_Exit(prctl(PR_GET_DUMPABLE) == 0 && core.rlim_max == 0 ? 0 : 1);
}

TEST(RefuseDumps, LeavesNoCoreAndNoMemoryToRead) {
  // In a process of its own: there is no way back.
  EXPECT_EXIT(RefuseDumpsAndLook(), testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace keypool
