// The audit, held against every store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/conformance/store_fixture.h"

namespace keypool::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint64_t> NumbersIn(const absl::StatusOr<AuditRead>& read) {
  EXPECT_TRUE(read.ok()) << read.status();
  std::vector<std::uint64_t> numbers;
  for (const AuditRow& row : read.value().rows) {
    EXPECT_EQ(row.damage, "");
    numbers.push_back(row.record.number);
  }
  return numbers;
}

TEST_P(StoreConformance, AuditOfANewStoreIsEmptyAndIntact) {
  LoadNow(store());
  const auto read = ReadAuditNow(store());
  EXPECT_THAT(NumbersIn(read), IsEmpty());
  EXPECT_EQ(read->basis.key, nullptr);
  EXPECT_FALSE(read->basis.state);
  EXPECT_EQ(VerifyNow(store()), AuditVerdict());
}

TEST_P(StoreConformance, AuditComesBackWhole) {
  const policy::Mutations written = AuditOf(3);
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, written).ok());
  const auto read = ReadAuditNow(store());
  ASSERT_THAT(NumbersIn(read), ElementsAre(1, 2, 3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read->rows[i].record, std::get<AuditRecord>(written[i + 1]));
  }
  EXPECT_EQ(read->basis.state, std::get<policy::AuditState>(written.back()));
  EXPECT_EQ(read->basis.key->Reveal(),
            std::get<policy::AuditKeyRecord>(written.front()).key->Reveal());
  const policy::AuditSnapshot loaded = LoadNow(store()).audit;
  EXPECT_EQ(loaded.newest, 3u);
  EXPECT_EQ(loaded.basis.state, read->basis.state);
  EXPECT_EQ(VerifyNow(store()).records, 3u);
  EXPECT_FALSE(VerifyNow(store()).broken);
}

TEST_P(StoreConformance, AuditIsReadPageByPageFromBothEnds) {
  using enum AuditRange::From;
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, AuditOf(5)).ok());
  const auto first = ReadAuditNow(store(), {kOldest, 0, 2});
  EXPECT_THAT(NumbersIn(first), ElementsAre(1, 2));
  EXPECT_TRUE(first->more);
  const auto rest = ReadAuditNow(store(), {kOldest, 2, 3});
  EXPECT_THAT(NumbersIn(rest), ElementsAre(3, 4, 5));
  EXPECT_FALSE(rest->more);
  const auto newest = ReadAuditNow(store(), {kNewest, 0, 2});
  EXPECT_THAT(NumbersIn(newest), ElementsAre(5, 4));
  EXPECT_TRUE(newest->more);
  EXPECT_THAT(NumbersIn(ReadAuditNow(store(), {kNewest, 2, 2})), ElementsAre(1));
}

TEST_P(StoreConformance, AuditThatIsGivenUpIsGoneAndItsLinksAreKnown) {
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, AuditOf(2'500)).ok());
  EXPECT_EQ(VerifyNow(store()).records, 2'500u) << "more than a page";
  const std::vector<policy::AuditLink> links = LoadNow(store()).audit.links;
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[1].number, 2'000u);
  const Epoch now = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), now, {policy::DeleteAudit{2'498}}).ok());
  EXPECT_THAT(NumbersIn(ReadAuditNow(store())), ElementsAre(2'499, 2'500));
  EXPECT_EQ(VerifyNow(store()).broken->number, 1u) << "its state still says that they are there";
}

}  // namespace
}  // namespace keypool::store
