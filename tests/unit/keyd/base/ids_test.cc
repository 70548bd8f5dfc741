#include "keyd/base/ids.h"

#include <gtest/gtest.h>

namespace keypool {
namespace {

TEST(KeyId, TextFormIsReadBack) {
  EXPECT_EQ(ToString(KeyId{17}), "key_17");
  EXPECT_EQ(ParseKeyId("key_17"), KeyId{17});
}

TEST(KeyId, AnyOtherTextIsNoKeyId) {
  for (const char* text : {"", "key_", "key_0", "key_01", "key_1x", "key_-1", "Key_1", "1",
                           "key_18446744073709551616", "key_ 1"}) {
    EXPECT_EQ(ParseKeyId(text), std::nullopt) << text;
  }
}

TEST(ProjectId, OwnProjectCannotBeDeclared) {
  EXPECT_FALSE(IsDeclarableProject(OwnProject(KeyId{1}).value()));
  EXPECT_TRUE(IsDeclarableProject("my-project-7"));
  EXPECT_TRUE(IsDeclarableProject("example.com:legacy"));
  EXPECT_FALSE(IsDeclarableProject(""));
  EXPECT_FALSE(IsDeclarableProject("-x"));
  EXPECT_FALSE(IsDeclarableProject("a b"));
  EXPECT_FALSE(IsDeclarableProject(std::string(kProjectIdBytesMax + 1, 'a')));
}

}  // namespace
}  // namespace keypool
