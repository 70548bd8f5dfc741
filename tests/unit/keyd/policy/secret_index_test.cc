#include "keyd/policy/secret_index.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace keypool::policy {
namespace {

TEST(IsAcceptable, TakesEightToFiveHundredTwelveGraphicBytes) {
  EXPECT_TRUE(IsAcceptable(Secret("AQ.12345")));
  EXPECT_TRUE(IsAcceptable(Secret(std::string(512, '~'))));
  EXPECT_FALSE(IsAcceptable(Secret("AQ.1234")));
  EXPECT_FALSE(IsAcceptable(Secret(std::string(513, 'a'))));
  for (const char bad : {' ', '\t', '\r', '\n', '\0', '\x7f', '\xe4'}) {
    EXPECT_FALSE(IsAcceptable(Secret(std::string("AIzaSecret") + bad))) << static_cast<int>(bad);
  }
}

TEST(SecretFingerprint, IsOfItsPurposeAndOfTheSecret) {
  const std::string fingerprint = SecretFingerprint(Secret("AIzaSecret"));
  const SecretDigest digest = policy::DigestOf(Secret("AIzaSecret"));
  EXPECT_EQ(fingerprint.size(), 32u);
  EXPECT_NE(fingerprint, std::string(digest.begin(), digest.end()));
  EXPECT_NE(fingerprint, SecretFingerprint(Secret("AIzaSecreu")));
  EXPECT_EQ(fingerprint, SecretFingerprint(Secret("AIzaSecret")));
}

TEST(RemovedKeys, KnowsWhatWasRemovedUntilItIsForgotten) {
  RemovedKeys removed(10);
  Mutations mutations;
  removed.Add(KeyId{3}, Secret("AIzaSecret"), &mutations);
  ASSERT_EQ(mutations.size(), 1u);
  EXPECT_EQ(std::get<RemovedKeyRecord>(mutations[0]).id, KeyId{3});
  EXPECT_TRUE(removed.Contains(Secret("AIzaSecret")));
  mutations.clear();
  removed.Forget(Secret("AIzaSecret"), &mutations);
  ASSERT_EQ(mutations.size(), 1u);
  EXPECT_EQ(std::get<DeleteRemovedKey>(mutations[0]).id, KeyId{3});
  EXPECT_FALSE(removed.Contains(Secret("AIzaSecret")));
}

TEST(RemovedKeys, BeyondItsBoundForgetsTheLowestId) {
  RemovedKeys removed(2);
  Mutations mutations;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    removed.Add(KeyId{id}, Secret("AIzaSecret" + std::to_string(id)), &mutations);
  }
  EXPECT_FALSE(removed.Contains(Secret("AIzaSecret1")));
  EXPECT_TRUE(removed.Contains(Secret("AIzaSecret2")));
  EXPECT_TRUE(removed.Contains(Secret("AIzaSecret3")));
}

TEST(RemovedKeys, RestoredRecordsAreBoundedToo) {
  RemovedKeys removed(1);
  Mutations mutations;
  removed.Restore({KeyId{2}, SecretFingerprint(Secret("AIzaSecret2"))}, &mutations);
  removed.Restore({KeyId{1}, SecretFingerprint(Secret("AIzaSecret1"))}, &mutations);
  ASSERT_EQ(mutations.size(), 1u);
  EXPECT_EQ(std::get<DeleteRemovedKey>(mutations[0]).id, KeyId{1});
  EXPECT_TRUE(removed.Contains(Secret("AIzaSecret2")));
}

}  // namespace
}  // namespace keypool::policy
