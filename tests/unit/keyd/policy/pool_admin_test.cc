// What an operator changes.
#include <gmock/gmock.h>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Admin : public PoolTest {
 protected:
  absl::StatusOr<KeyId> TryAdd(std::string_view secret, std::string project = "",
                               bool imported = false) {
    AddKeyCommand command;
    command.secret = MakeSecret(secret);
    if (!project.empty()) command.project = ProjectId{project};
    command.imported = imported;
    auto id = pool->Apply(command, now(), &mutations);
    Commit();
    return id;
  }
  absl::Status Remove(KeyId id) {
    const absl::Status status = pool->Apply(RemoveKeyCommand{id}, now(), &mutations);
    Commit();
    return status;
  }
  absl::Status Disable(KeyId id, std::string reason = "") {
    const auto status = pool->Apply(DisableKeyCommand{id, std::move(reason)}, now(), &mutations);
    Commit();
    return status;
  }
  absl::Status Enable(KeyId id) {
    const absl::Status status = pool->Apply(EnableKeyCommand{id}, now(), &mutations);
    Commit();
    return status;
  }
};

TEST_F(Admin, AddedKeyIsStoredWithTheNextId) {
  EXPECT_EQ(*TryAdd("AIzaSecret1", "p"), KeyId{1});
  EXPECT_EQ(stored_pool.next_key, KeyId{2});
  ASSERT_TRUE(stored_keys.contains(KeyId{1}));
  EXPECT_EQ(stored_keys[KeyId{1}].project, ProjectId{"p"});
  EXPECT_EQ(stored_keys[KeyId{1}].added_at, wall);
  EXPECT_EQ(pool->Find(Secret("AIzaSecret1")), KeyId{1});
}

TEST_F(Admin, IdOfARemovedKeyIsNeverUsedAgainNotEvenAfterARestart) {
  ASSERT_TRUE(Remove(Add("AIzaSecret1")).ok());
  Start();
  EXPECT_EQ(*TryAdd("AIzaSecret2"), KeyId{2});
}

TEST_F(Admin, BadSecretOrProjectNamesTheField) {
  EXPECT_THAT(TryAdd("short").status().message(), HasSubstr("secret"));
  EXPECT_THAT(TryAdd("with a space").status().message(), HasSubstr("secret"));
  EXPECT_THAT(TryAdd("AIzaSecret", "~key_1").status().message(), HasSubstr("project_id"));
  EXPECT_EQ(TryAdd("AIzaSecret", "-p").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stored_keys.empty());
}

TEST_F(Admin, SameSecretTwiceTellsTheIdOfTheFirst) {
  Add("AIzaSecret1");
  const absl::Status status = TryAdd("AIzaSecret1", "p").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr("key_1"));
  EXPECT_THAT(status.message(), testing::Not(HasSubstr("AIza")));
}

TEST_F(Admin, PoolHoldsAsManyKeysAsItMay) {
  config.keys_max = 1;
  Start();
  Add("AIzaSecret1");
  EXPECT_EQ(TryAdd("AIzaSecret2").status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(Admin, ImportDoesNotBringARemovedKeyBackButAnOperatorDoes) {
  ASSERT_TRUE(Remove(Add("AIzaSecret1")).ok());
  Start();
  const absl::Status status = TryAdd("AIzaSecret1", "", true).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("poolctl add"));
  EXPECT_EQ(*TryAdd("AIzaSecret1"), KeyId{2});
  EXPECT_TRUE(stored_removed.empty());
  EXPECT_EQ(TryAdd("AIzaSecret1", "", true).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(Admin, UnknownKeyIsNotFound) {
  for (const absl::Status& status :
       {Remove(KeyId{9}), Disable(KeyId{9}), Enable(KeyId{9}),
        pool->Apply(ResetCommand{KeyId{9}}, now(), &mutations).status(),
        pool->Key(KeyId{9}, "", now()).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr("key_9"));
  }
}

TEST_F(Admin, RemovedKeyIsNotGrantedAndItsLeaseStillEnds) {
  const KeyId one = Add("AIzaSecret1", "p");
  const KeyId two = Add("AIzaSecret2", "p");
  const Grant grant = Granted();
  ASSERT_EQ(grant.key, one);
  ASSERT_TRUE(Remove(one).ok());
  EXPECT_EQ(Granted().key, two);
  EXPECT_EQ(Report(grant, QuotaExceeded({"PerDay"})).settled, Settled::kNow);
  EXPECT_EQ(Bucket(two).state, BucketState::kCooling);
}

TEST_F(Admin, DeclaredProjectKeepsItsQuotaWhileItHasNoKey) {
  const KeyId one = Add("AIzaSecret1", "p");
  Report(Granted(), Status(200));
  Report(Granted(), Status(200));
  ASSERT_TRUE(Remove(one).ok());
  Start();  // nor does a restart forget it
  const KeyId two = Add("AIzaSecret2", "p");
  EXPECT_EQ(Bucket(two).per_day.used, 2);
  Refused();
}

TEST_F(Admin, KeylessProjectIsForgottenWhenItsDayIsOver) {
  ASSERT_TRUE(Remove(Add("AIzaSecret1", "p")).ok());
  const KeyId two = Add("AIzaSecret2", "q");
  Report(Granted(), Status(200));
  ASSERT_TRUE(Remove(two).ok());
  EXPECT_EQ(stored.size(), 1u);
  AdvanceTo(At(2026, 6, 11, 0, 5));
  TickUntilDone();
  EXPECT_TRUE(stored.empty());
}

TEST_F(Admin, OwnProjectIsForgottenWithItsKeyOnceNoLeaseIsOpen) {
  const KeyId one = Add("AIzaSecret1");
  const Grant grant = Granted();
  ASSERT_TRUE(Remove(one).ok());
  EXPECT_EQ(stored.size(), 1u);
  EXPECT_EQ(Report(grant, Status(200)).settled, Settled::kNow);
  EXPECT_TRUE(stored.empty());
}

TEST_F(Admin, DisabledKeyRestsUntilItIsEnabledAndSurvivesARestart) {
  const KeyId one = Add("AIzaSecret1", "p");
  ASSERT_TRUE(Disable(one, "leaked").ok());
  Start();
  EXPECT_FALSE(Key(one).active);
  EXPECT_EQ(Key(one).disabled_reason, "leaked");
  Refused();
  ASSERT_TRUE(Enable(one).ok());
  EXPECT_EQ(Key(one).disabled_reason, "");
  EXPECT_EQ(Granted().key, one);
}

TEST_F(Admin, DisablingTwiceChangesOnlyTheReason) {
  const KeyId one = Add("AIzaSecret1");
  const absl::Time first = wall;
  ASSERT_TRUE(Disable(one).ok());
  EXPECT_EQ(Key(one).disabled_reason, "disabled by the operator");
  Advance(absl::Hours(1));
  ASSERT_TRUE(Disable(one, "because").ok());
  EXPECT_EQ(Key(one).disabled_reason, "because");
  EXPECT_EQ(Key(one).disabled_at, first);
}

TEST_F(Admin, ReasonIsOneShortLine) {
  const KeyId one = Add("AIzaSecret1");
  EXPECT_EQ(Disable(one, std::string(201, 'x')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Disable(one, "two\nlines").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Key(one).active);
}

TEST_F(Admin, EnablingAnActiveKeyChangesNothing) {
  const KeyId one = Add("AIzaSecret1");
  const int before = committed;
  ASSERT_TRUE(Enable(one).ok());
  EXPECT_EQ(committed, before);
}

TEST_F(Admin, ResetOfAKeyReachesItsProjectOnly) {
  const KeyId a = Add("AIzaSecret1", "a");
  const KeyId b = Add("AIzaSecret2", "b");
  Granted();
  Granted();
  EXPECT_EQ(*pool->Apply(ResetCommand{a}, now(), &mutations), 1);
  EXPECT_EQ(Bucket(a).per_day.used, 0);
  EXPECT_EQ(Bucket(b).per_day.used, 1);
}

TEST_F(Admin, ResetMakesASpentPoolServeAtOnce) {
  Add("AIzaSecret1", "a");
  Granted();
  Granted();
  Refused();
  EXPECT_EQ(*pool->Apply(ResetCommand{}, now(), &mutations), 1);
  Granted();
}

}  // namespace
}  // namespace keypool::policy
