// A request that names a file, a cache or a batch goes to the project that has it, whichever proxy
// takes it; where nobody knows which one has it, the proxy finds out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <set>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"
#include "tests/integration/harness/uploads.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kProjects = 3;
constexpr int kUses = 12;  // enough for every project's turn

class Affinity : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = Cluster::Start({.keys = TestKeys(kProjects), .proxies = 2}).value();
  }
  std::uint16_t first() const { return cluster_->proxy_port(0); }
  std::uint16_t second() const { return cluster_->proxy_port(1); }
  // A file that the pool has never heard of.
  std::string FileOf(int project) { return UploadFile(cluster_->fake().port(), TestKey(project)); }
  std::uint64_t Seen() const { return cluster_->fake().Counts().requests; }
  std::set<std::string> ProjectsAfter(std::uint64_t number) const {
    std::set<std::string> projects;
    for (const auto& request : cluster_->fake().Requests(number)) projects.insert(request.project);
    return projects;
  }
  std::uint64_t LastNumber() const { return cluster_->fake().Requests().back().number; }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Affinity, FileUploadedThroughOneProxyThenEveryUseThroughAnotherFindsItsProject) {
  const std::string name = UploadFile(first());
  ASSERT_NE(name, "");
  const std::uint64_t before = LastNumber();
  for (int i = 0; i < kUses; ++i) {
    EXPECT_EQ(Fetch(second(), GenerateFrom({name})).status, 200);
    EXPECT_EQ(Get(second(), "/v1beta/" + name).status, 200);
  }
  EXPECT_EQ(ProjectsAfter(before).size(), 1u);
  EXPECT_EQ(cluster_->fake().Requests(before).size(), 2u * kUses);
}

TEST_F(Affinity, RequestsThatNameNothingThenAllProjectsServe) {
  for (int i = 0; i < kUses; ++i) EXPECT_EQ(Fetch(first(), GenerateContent()).status, 200);
  EXPECT_EQ(ProjectsAfter(0).size(), static_cast<std::size_t>(kProjects));
}

TEST_F(Affinity, PiecesOfAnUploadWithoutAKeyThenTheyAllGoToItsProject) {
  for (int round = 0; round < kProjects; ++round) {
    const std::string url = Fetch(first(), UploadStart()).Header("X-Goog-Upload-URL");
    const std::uint64_t before = LastNumber() - 1;
    EXPECT_EQ(Fetch(second(), UploadStep(url, "upload", "0", "12345")).status, 200);
    EXPECT_EQ(Fetch(first(), UploadStep(url, "query", "0", "")).status, 200);
    EXPECT_EQ(Fetch(first(), UploadStep(url, "upload", "5", "678")).status, 200);
    EXPECT_EQ(Fetch(second(), UploadStep(url, "upload, finalize", "8", "")).status, 200);
    EXPECT_EQ(ProjectsAfter(before).size(), 1u);
  }
}

TEST_F(Affinity, FileThatNobodyKnowsThenItIsLookedForOnceAndRemembered) {
  for (int project = 1; project <= kProjects; ++project) {
    const std::string name = FileOf(project);
    EXPECT_EQ(Get(first(), "/v1beta/" + name).status, 200) << project;
    const std::uint64_t before = LastNumber();
    for (int i = 0; i < kProjects; ++i) EXPECT_EQ(Get(second(), "/v1beta/" + name).status, 200);
    EXPECT_EQ(cluster_->fake().Requests(before).size(), static_cast<std::size_t>(kProjects));
  }
}

TEST_F(Affinity, FileThatNobodyKnowsThenItIsDeletedWhereItIs) {
  for (int project = 1; project <= kProjects; ++project) {
    const std::string name = FileOf(project);
    EXPECT_EQ(Fetch(first(), {.method = "DELETE", .target = "/v1beta/" + name}).status, 200);
    EXPECT_EQ(Get(second(), "/v1beta/" + name).status, 403);
  }
}

TEST_F(Affinity, KeydIsKilledThenWhatAnAnswerHasShownIsKnownAfterwards) {
  const std::string name = UploadFile(first());
  cluster_->KillKeyd();
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  const std::uint64_t before = LastNumber();
  // Each thread of the proxy finds keyd again by itself, and answers 503 until then.
  for (int i = 0; i < kUses; ++i) {
    ASSERT_TRUE(WaitUntil([&] { return Fetch(second(), GenerateFrom({name})).status == 200; }));
  }
  EXPECT_EQ(ProjectsAfter(before).size(), 1u);
}

TEST_F(Affinity, KeydDoesNotConfirmThenTheAnswerComesAllTheSameAndIsLearnedLater) {
  const std::string url = Fetch(first(), UploadStart()).Header("X-Goog-Upload-URL");
  fake::Fault held = fake::FaultOf(fake::FaultKind::kStepStream);
  held.path = "upload_id";
  cluster_->fake().AddFault(held);
  const std::uint64_t before = Seen();
  RawConnection connection(first());
  ASSERT_TRUE(connection.Send(UploadStep(url, "upload, finalize", "0", "text")));
  ASSERT_TRUE(cluster_->fake().WaitFor([&] { return Seen() > before; }, kDeadline));
  cluster_->keyd().Signal(SIGSTOP);
  cluster_->fake().Step(1);
  const Answer answer = connection.ReadAnswer("POST");
  cluster_->keyd().Signal(SIGCONT);
  EXPECT_EQ(answer.status, 200);
  const std::string name = NameIn(answer.body);
  ASSERT_NE(name, "");
  // Without being looked for.
  EXPECT_TRUE(WaitUntil([&] {
    const std::uint64_t number = LastNumber();
    const bool served = Fetch(second(), GenerateFrom({name})).status == 200;
    return served && ProjectsAfter(number).size() == 1;
  }));
}

TEST_F(Affinity, ProjectThatHasItHasNoKeyAnyMoreThenItIsSaid) {
  const std::string name = UploadFile(first());
  const std::string owner = cluster_->fake().Requests().back().project;
  AdminCalls admin(cluster_->keyd_address());
  const absl::StatusOr<PoolStatus> status = admin.Status();
  ASSERT_TRUE(status.ok());
  for (const KeyStatus& key : status->keys) {
    if (key.project.value() != owner) continue;
    EXPECT_TRUE(admin.RemoveKey(key.id).ok());
  }
  const std::uint64_t before = Seen();
  EXPECT_EQ(Fetch(second(), GenerateFrom({name})).status, 503);
  EXPECT_EQ(Seen(), before);
}

TEST(AffinityWithoutRetries, FileThatNobodyKnowsThenItIsLookedForAllTheSame) {
  auto cluster = Cluster::Start({.keys = TestKeys(kProjects), .proxy = {{"MAX_RETRIES", "0"}}});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  for (int project = 1; project <= kProjects; ++project) {
    const std::string name = UploadFile((*cluster)->fake().port(), TestKey(project));
    EXPECT_EQ(Fetch((*cluster)->proxy_port(), GenerateFrom({name})).status, 200) << project;
  }
}

TEST(AffinityOfMany, MeteredRequestThenNoMoreThanEightProjectsAreAsked) {
  auto cluster = Cluster::Start({.keys = TestKeys(12)});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(Fetch((*cluster)->proxy_port(), GenerateFrom({"files/nobodys"})).status, 403);
  EXPECT_EQ((*cluster)->fake().Counts().requests, 8u);
  EXPECT_EQ(Get((*cluster)->proxy_port(), "/v1beta/files/nobodys").status, 403);
  EXPECT_EQ((*cluster)->fake().Counts().requests, 8u + 12u);
}

TEST_F(Affinity, GenerateFromAFileThatNobodyKnowsThenItIsServedByWhoHasIt) {
  for (int project = 1; project <= kProjects; ++project) {
    EXPECT_EQ(Fetch(first(), GenerateFrom({FileOf(project)})).status, 200) << project;
  }
}

TEST_F(Affinity, FileThatNoProjectHasThenEachIsAskedOnceAndGooglesAnswerIsTold) {
  const Answer answer = Get(first(), "/v1beta/files/nobodys");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr("You do not have permission to access the File nobodys"));
  EXPECT_EQ(Seen(), static_cast<std::uint64_t>(kProjects));
  EXPECT_EQ(ProjectsAfter(0).size(), static_cast<std::size_t>(kProjects));
  // It hurts no key.
  for (int i = 0; i < kUses; ++i) EXPECT_EQ(Fetch(first(), GenerateContent()).status, 200);
  EXPECT_EQ(ProjectsAfter(kProjects).size(), static_cast<std::size_t>(kProjects));
}

TEST_F(Affinity, FilesOfTwoProjectsInOneRequestThenItIsRefusedAndSaysWhy) {
  const std::string one = FileOf(1), two = FileOf(2);
  EXPECT_EQ(Get(first(), "/v1beta/" + one).status, 200);
  EXPECT_EQ(Get(first(), "/v1beta/" + two).status, 200);
  const std::uint64_t before = Seen();
  const Answer answer = Fetch(second(), GenerateFrom({one, two}));
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("project")));
  EXPECT_EQ(Seen(), before);
}

TEST_F(Affinity, CacheThenItIsUsedInItsProjectAndForgottenWhenItIsDeleted) {
  const Answer made =
      Post(first(), "/v1beta/cachedContents", R"({"model":"models/gemini-2.5-flash"})");
  const std::string name = NameIn(made.body);
  ASSERT_THAT(name, HasSubstr("cachedContents/"));
  HttpRequest use = GenerateContent();
  use.body = R"({"contents":[{"parts":[{"text":"hi"}]}],"cachedContent":")" + name + "\"}";
  for (int i = 0; i < kUses; ++i) EXPECT_EQ(Fetch(second(), use).status, 200);
  EXPECT_EQ(Fetch(second(), {.method = "DELETE", .target = "/v1beta/" + name}).status, 200);
  const std::uint64_t before = LastNumber();
  EXPECT_EQ(Get(first(), "/v1beta/" + name).status, 403);
  EXPECT_EQ(ProjectsAfter(before).size(), static_cast<std::size_t>(kProjects));
}

TEST_F(Affinity, BatchThenItIsCancelledAndLookedAtInItsProject) {
  for (int round = 0; round < kProjects; ++round) {
    const Answer made =
        Post(first(), "/v1beta/models/gemini-2.5-flash:batchGenerateContent", R"({"batch":{}})");
    const std::string name = NameIn(made.body);
    ASSERT_THAT(name, HasSubstr("batches/"));
    const std::uint64_t before = LastNumber();
    EXPECT_EQ(Post(second(), "/v1beta/" + name + ":cancel", "{}").status, 200);
    EXPECT_THAT(Get(second(), "/v1beta/" + name).body, HasSubstr("BATCH_STATE_CANCELLED"));
    EXPECT_EQ(cluster_->fake().Requests(before).size(), 2u);
  }
}

TEST_F(Affinity, InteractionThenItGoesOnInItsProjectHoweverItWasAnswered) {
  for (const std::string stream : {"", R"(,"stream":true)"}) {
    const Answer begun = Post(first(), "/v1beta/interactions",
                              R"({"model":"gemini-2.5-flash","input":"hi")" + stream + "}");
    ASSERT_EQ(begun.status, 200);
    const std::size_t at = begun.body.find("v1_fake-");
    ASSERT_NE(at, std::string::npos) << begun.body;
    const std::string id = begun.body.substr(at, begun.body.find('"', at) - at);
    const std::uint64_t before = LastNumber();
    const std::string more =
        R"({"model":"gemini-2.5-flash","input":"more","previous_interaction_id":")" + id + "\"}";
    for (int i = 0; i < kUses; ++i) {
      EXPECT_EQ(Post(second(), "/v1beta/interactions", more).status, 200);
    }
    EXPECT_EQ(Get(first(), "/v1beta/interactions/" + id).status, 200);
    // The end of a stream does not wait for keyd: its first use may have been looked for.
    const std::size_t looks = stream.empty() ? 0 : kProjects - 1;
    EXPECT_LE(cluster_->fake().Requests(before).size(), kUses + 1 + looks);
  }
}

TEST_F(Affinity, QuotaOfItsProjectIsSpentThenNoOtherProjectIsAsked) {
  const std::string name = UploadFile(first());
  cluster_->fake().AddFault(fake::FaultOf(fake::FaultKind::k429Minute));
  const std::uint64_t before = LastNumber();
  EXPECT_EQ(Fetch(second(), GenerateFrom({name})).status, 429);
  EXPECT_EQ(cluster_->fake().Requests(before).size(), 1u);
}

TEST_F(Affinity, ModelIsOverloadedThenItsProjectIsTriedAgainAndNoOther) {
  const std::string name = UploadFile(first());
  cluster_->fake().AddFault(fake::FaultOf(fake::FaultKind::k503));
  const std::uint64_t before = LastNumber();
  EXPECT_EQ(Fetch(second(), GenerateFrom({name})).status, 200);
  EXPECT_EQ(cluster_->fake().Requests(before).size(), 2u);
  EXPECT_EQ(ProjectsAfter(before).size(), 1u);
}

}  // namespace
}  // namespace keypool::itest
