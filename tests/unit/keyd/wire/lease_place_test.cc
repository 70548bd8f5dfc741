// What of lease.proto is about things that live in one project: acquires that name them, reports
// that tell of them, and the answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "keyd/wire/lease_wire.h"

namespace keypool::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Through the bytes, as a peer sees it.
template <class Message>
Message Reread(const Message& message) {
  Message read;
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

AcquireCommand Naming(std::vector<std::string> resources) {
  AcquireCommand command;
  command.model = "m";
  command.resources = std::move(resources);
  return command;
}

ReportCommand Noting(std::vector<ResourceNote> notes) {
  ReportCommand report;
  report.lease = LeaseId(1);
  report.epoch = Epoch(1);
  report.resources = std::move(notes);
  return report;
}

AcquireCommand Through(const AcquireCommand& command) {
  EXPECT_TRUE(Check(command).ok()) << Check(command);
  v1::AcquireRequest request;
  Encode(command, std::nullopt, &request);
  EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(command, std::nullopt));
  const absl::StatusOr<AcquireCall> call = Decode(Reread(request));
  EXPECT_TRUE(call.ok()) << call.status();
  return call.ok() ? call->command : AcquireCommand{};
}

ReportCommand Through(const ReportCommand& report) {
  v1::ReportRequest request;
  Encode(report, &request);
  EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(report));
  const absl::StatusOr<ReportCommand> read = Decode(Reread(request));
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *read : ReportCommand{};
}

TEST(LeasePlace, AcquireComesThroughWhole) {
  AcquireCommand command = Naming({"files/abc", "cachedContents/ä", "models/m/operations/o"});
  EXPECT_EQ(Through(command).resources, command.resources);
  EXPECT_EQ(Through(command).project, ProjectId());
  EXPECT_EQ(Through(command).after_project, std::nullopt);
  command.project = ProjectId("my-project");
  EXPECT_EQ(Through(command).project, command.project);
  command.project = OwnProject(KeyId(7));
  EXPECT_EQ(Through(command).project, command.project);
}

TEST(LeasePlace, TheFirstProjectOfAllIsNotTheSameAsNone) {
  AcquireCommand command = Naming({});
  command.after_project = ProjectId("");
  EXPECT_EQ(Through(command).after_project, ProjectId(""));
  command.after_project = ProjectId("my-project");
  EXPECT_EQ(Through(command).after_project, command.after_project);
}

TEST(LeasePlace, TheLargestAcquireFitsItsBound) {
  AcquireCommand command = Naming({});
  command.model = std::string(kModelBytesMax, 'm');
  command.client = std::string(kClientBytesMax, 'c');
  command.resources.assign(kResourcesMax, std::string(kResourceBytesMax, 'n'));
  command.exclude_keys.assign(kExcludedMax, KeyId(UINT64_MAX));
  command.exclude_projects.assign(kExcludedMax, ProjectId(std::string(kProjectIdBytesMax, 'p')));
  command.project = ProjectId(std::string(kProjectIdBytesMax, 'q'));
  command.after_project = ProjectId(std::string(kProjectIdBytesMax, 'r'));
  command.wait_up_to = kWaitMax;
  command.input_tokens = kTokensMax;
  EXPECT_EQ(Through(command).resources, command.resources);
  EXPECT_EQ(Through(command).after_project, command.after_project);
}

TEST(LeasePlace, EveryBoundOfAcquireIsChecked) {
  const struct {
    const char* field;
    std::function<void(v1::AcquireRequest*)> spoil;
  } table[] = {
      {"resources", [](auto* r) { r->add_resources(""); }},
      {"resources", [](auto* r) { r->add_resources(std::string(257, 'n')); }},
      {"resources", [](auto* r) { r->add_resources("files/a\n"); }},
      {"resources",
       [](auto* r) {
         for (int i = 0; i < 65; ++i) r->add_resources("files/a");
       }},
      {"project_id", [](auto* r) { r->set_project_id("a b"); }},
      {"project_id", [](auto* r) { r->set_project_id(std::string(129, 'p')); }},
      {"project_id", [](auto* r) { r->set_project_id("~key_x"); }},
      {"after_project_id", [](auto* r) { r->set_after_project_id("a b"); }},
  };
  for (const auto& [field, spoil] : table) {
    v1::AcquireRequest request;
    request.set_kind(v1::KIND_METERED);
    request.set_model("m");
    ASSERT_TRUE(Decode(request).ok());
    spoil(&request);
    const absl::StatusOr<AcquireCall> call = Decode(request);
    EXPECT_EQ(call.status().code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(call.status().message()), StartsWith(field));
  }
}

TEST(LeasePlace, WhatCheckAcceptsDecodeAccepts) {
  const auto refuses = [](const AcquireCommand& command, std::string_view field) {
    const absl::Status status = Check(command);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), StartsWith(std::string(field)));
  };
  EXPECT_TRUE(Check(Naming({std::string(kResourceBytesMax, 'n')})).ok());
  refuses(Naming({""}), "resources");
  refuses(Naming({std::string(257, 'n')}), "resources");
  refuses(Naming({"\xc3\x28"}), "resources");
  refuses(Naming({"a\x7f"}), "resources");
  refuses(Naming(std::vector<std::string>(65, "files/a")), "resources");
  AcquireCommand command = Naming({});
  command.project = ProjectId("a b");
  refuses(command, "project_id");
  command.project = {};
  command.after_project = ProjectId("-a");
  refuses(command, "after_project_id");
}

TEST(LeasePlace, NotesComeThroughWhole) {
  const std::vector<ResourceNote> notes = {{"files/abc", absl::Hours(48)},
                                           {"cachedContents/ä", absl::Milliseconds(1)},
                                           {"batches/x", kResourceTimeMax},
                                           {"files/gone", absl::ZeroDuration()}};
  EXPECT_EQ(Through(Noting(notes)).resources, notes);
}

TEST(LeasePlace, ThatALeaseGoesOnComesThroughToo) {
  ReportCommand report = Noting({{"live/abc", absl::Hours(24)}});
  EXPECT_FALSE(Through(report).goes_on);
  report.goes_on = true;
  EXPECT_TRUE(Through(report).goes_on);
}

TEST(LeasePlace, ATimeIsNeverRoundedDownToNone) {
  const ReportCommand report = Through(Noting({{"a", absl::Nanoseconds(1)},
                                               {"b", absl::Microseconds(1'001)},
                                               {"c", absl::InfiniteDuration()},
                                               {"d", -absl::Hours(1)}}));
  EXPECT_THAT(report.resources, ElementsAre(ResourceNote{"a", absl::Milliseconds(1)},
                                            ResourceNote{"b", absl::Milliseconds(2)},
                                            ResourceNote{"c", kResourceTimeMax},
                                            ResourceNote{"d", absl::ZeroDuration()}));
}

TEST(LeasePlace, NotesThatKeydWouldNotAcceptAreLeftOut) {
  std::vector<ResourceNote> notes = {{"", absl::Hours(1)},
                                     {std::string(257, 'n'), absl::Hours(1)},
                                     {"a\nb", absl::Hours(1)},
                                     {"\xff", absl::Hours(1)}};
  for (int i = 0; i < 100; ++i) notes.push_back({"files/" + std::to_string(i), absl::Hours(1)});
  const ReportCommand report = Through(Noting(notes));
  ASSERT_EQ(report.resources.size(), kResourcesMax);
  EXPECT_EQ(report.resources.front().name, "files/0");
  EXPECT_EQ(report.resources.back().name, "files/63");
}

TEST(LeasePlace, TheLargestNotesFitTheirBound) {
  ReportCommand report = Noting({});
  report.resources.assign(70, {std::string(kResourceBytesMax, 'n'), kResourceTimeMax});
  EXPECT_EQ(Through(report).resources.size(), kResourcesMax);
}

TEST(LeasePlace, EveryBoundOfNotesIsChecked) {
  const auto with = [](int notes, const std::string& name, std::uint64_t time) {
    v1::ReportRequest request;
    request.set_lease_id(1);
    request.set_epoch(1);
    for (int i = 0; i < notes; ++i) {
      v1::ResourceNote* note = request.add_resources();
      note->set_name(name);
      note->set_time_to_live_ms(time);
    }
    return Decode(request);
  };
  EXPECT_TRUE(with(64, "files/a", 1).ok());
  for (const absl::Status& status :
       {with(65, "files/a", 1).status(), with(1, "", 1).status(),
        with(1, std::string(257, 'n'), 1).status(), with(1, "a\tb", 1).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), StartsWith("resources"));
  }
  EXPECT_EQ(with(1, "files/a", UINT64_MAX)->resources[0].time_to_live, kResourceTimeMax);
  EXPECT_EQ(with(1, "files/a", 0)->resources[0].time_to_live, absl::ZeroDuration());
}

TEST(LeasePlace, AGrantSaysWhetherItsProjectOwnsWhatIsNamed) {
  for (const bool owns : {true, false}) {
    Grant grant;
    grant.lease = LeaseId(1);
    grant.key = KeyId(1);
    grant.secret = std::make_shared<const Secret>("AIzaSyTest-0123456789");
    grant.project = ProjectId("p");
    grant.owns = owns;
    v1::AcquireResponse response;
    Encode(AcquireReply(grant), {Epoch(1), absl::Seconds(1), absl::Minutes(1)}, &response);
    const absl::StatusOr<AcquireAnswer> answer = Decode(Reread(response));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(std::get<Granted>(*answer).grant.owns, owns);
  }
}

TEST(LeasePlace, RefusalComesThroughForEveryReason) {
  for (const RefusalReason reason :
       {RefusalReason::kResourcesApart, RefusalReason::kOwnerUnavailable,
        RefusalReason::kNoMoreProjects}) {
    Refusal refusal;
    refusal.reason = reason;
    refusal.message = "\"files/a\" is in project \"x\"";
    v1::AcquireResponse response;
    Encode(AcquireReply(refusal), {}, &response);
    const absl::StatusOr<AcquireAnswer> answer = Decode(Reread(response));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(std::get<Refusal>(*answer).reason, reason);
    EXPECT_EQ(std::get<Refusal>(*answer).retry_after, std::nullopt);
    EXPECT_THAT(std::get<Refusal>(*answer).message, HasSubstr("files/a"));
  }
}

}  // namespace
}  // namespace keypool::wire
