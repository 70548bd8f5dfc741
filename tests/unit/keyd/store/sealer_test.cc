#include "keyd/store/sealer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using fakes::SealerOf;
using fakes::TestMasterKey;
using fakes::TestSealer;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Sealer, OpensWhatItSealed) {
  for (const std::string secret : {"", "x", "AIzaSyTheSecretItself0123456789"}) {
    const std::string sealed = TestSealer()->Seal(secret, "row 1");
    if (secret.size() > 1) {
      EXPECT_THAT(sealed, Not(HasSubstr(secret)));
    }
    const absl::StatusOr<Secret> open = TestSealer()->Open(sealed, "row 1");
    ASSERT_TRUE(open.ok()) << open.status();
    EXPECT_EQ(open->Reveal(), secret);
  }
}

TEST(Sealer, EveryChangedBitIsNoticed) {
  const std::string sealed = TestSealer()->Seal("AIzaSy", "row 1");
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string bad = sealed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(TestSealer()->Open(bad, "row 1").status())) << "bit " << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(TestSealer()->Open(sealed.substr(0, size), "row 1").status()));
  }
}

TEST(Sealer, IsBoundToItsRow) {
  const std::string sealed = TestSealer()->Seal("AIzaSy", "row 1");
  EXPECT_TRUE(absl::IsDataLoss(TestSealer()->Open(sealed, "row 2").status()));
}

TEST(Sealer, SealsWithTheFirstKeyAndOpensWithAny) {
  const std::string old = TestSealer('1')->Seal("AIzaSy", "row 1");
  const auto both = SealerOf({TestMasterKey('2'), TestMasterKey('1')});
  EXPECT_EQ(both->Open(old, "row 1")->Reveal(), "AIzaSy");
  const std::string anew = both->Seal("AIzaSy", "row 1");
  EXPECT_TRUE(TestSealer('2')->Open(anew, "row 1").ok());
  EXPECT_FALSE(TestSealer('1')->Open(anew, "row 1").ok());
  EXPECT_EQ(both->id(), TestSealer('2')->id());
  EXPECT_TRUE(both->Knows(TestSealer('1')->id()));
  EXPECT_FALSE(both->Knows(TestSealer('3')->id()));
}

TEST(MasterKey, IsReadAsItIsWritten) {
  const MasterKey key = MasterKey::Random();
  const absl::StatusOr<MasterKey> back = MasterKey::Parse(key.ToText().Reveal());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->id(), key.id());
  EXPECT_NE(MasterKey::Random().id(), key.id());
}

TEST(MasterKey, OtherTextsAreRefusedWithoutBeingTold) {
  for (const std::string& text : {std::string(), std::string(63, 'a'), std::string(65, 'a'),
                                  std::string(64, 'g'), std::string(64, ' ')}) {
    const absl::Status status = MasterKey::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("openssl rand -hex 32"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("ggg")));
  }
}

}  // namespace
}  // namespace keypool::store
