#include "keyd/wire/lease_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Random values inside the bounds, from a seed that is printed.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::uint64_t Number(std::uint64_t min, std::uint64_t max) {
    return std::uniform_int_distribution<std::uint64_t>(min, max)(engine_);
  }
  bool Flag() { return Number(0, 1) == 1; }
  std::string Text(std::size_t bytes_max) {
    std::string text(Number(0, bytes_max), ' ');
    for (char& c : text) c = static_cast<char>(Number(0x20, 0x7E));
    return text;
  }
  std::int64_t Tokens() { return static_cast<std::int64_t>(Number(0, kTokensMax)); }
  KeyId Key() { return KeyId(Number(1, UINT64_MAX)); }
  ProjectId Project() {
    if (Flag()) return OwnProject(Key());
    return ProjectId("p" + std::to_string(Number(0, 99)));
  }
  ReportCommand Report() {
    ReportCommand report;
    report.lease = LeaseId(Number(1, UINT64_MAX));
    report.epoch = Epoch(Number(1, UINT64_MAX));
    report.sent = Flag();
    if (Flag()) report.key = Key();
    report.model = Text(kModelBytesMax);
    report.model_version = Text(kModelBytesMax);
    report.client = Text(kClientBytesMax);
    if (Flag()) report.usage = TokenUsage{Tokens(), Tokens(), Tokens(), Tokens()};
    if (Flag()) {
      report.facts.http_status = static_cast<int>(Number(100, 599));
      report.facts.status = Text(kStatusBytesMax);
      report.facts.reason = Text(kReasonBytesMax);
      if (Flag()) report.facts.retry_delay = absl::Milliseconds(Number(0, 1'000'000));
      report.facts.key_as_bearer = Flag();
      report.facts.websocket_close_code = static_cast<int>(Number(0, 4999));
      report.facts.message =
          static_cast<MessageClass>(Number(0, static_cast<std::uint64_t>(kMessageClassLast)));
      for (std::uint64_t i = Number(0, kViolationsMax); i > 0; --i) {
        QuotaViolation violation{Text(kViolationTextBytesMax), Text(kViolationTextBytesMax),
                                 Text(kViolationTextBytesMax), std::nullopt};
        if (Flag()) violation.quota_value = static_cast<std::int64_t>(Number(0, INT64_MAX));
        report.facts.violations.push_back(std::move(violation));
      }
    }
    return report;
  }
  AcquireCommand Acquire() {
    AcquireCommand command;
    command.kind = static_cast<Kind>(Number(0, 2));
    command.model = "m" + Text(kModelBytesMax - 1);
    for (std::uint64_t i = Number(0, kExcludedMax); i > 0; --i) {
      command.exclude_keys.push_back(Key());
    }
    for (std::uint64_t i = Number(0, kExcludedMax); i > 0; --i) {
      command.exclude_projects.push_back(Project());
    }
    command.wait_up_to =
        absl::Milliseconds(Number(0, static_cast<std::uint64_t>(kWaitMax / absl::Milliseconds(1))));
    command.input_tokens = Tokens();
    command.client = Text(kClientBytesMax);
    return command;
  }

 private:
  std::mt19937_64 engine_;
};

unsigned Seed() {
  const unsigned seed = std::random_device()();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  std::printf("seed %u\n", seed);
  return seed;
}

// Through the bytes, as a peer sees it.
template <class Message>
Message Reread(const Message& message) {
  Message read;
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

void ExpectSame(const ReportCommand& a, const ReportCommand& b) {
  EXPECT_EQ(a.lease, b.lease);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.sent, b.sent);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.usage, b.usage);
  EXPECT_EQ(a.model_version, b.model_version);
  EXPECT_EQ(a.client, b.client);
  EXPECT_EQ(a.facts.http_status, b.facts.http_status);
  EXPECT_EQ(a.facts.status, b.facts.status);
  EXPECT_EQ(a.facts.reason, b.facts.reason);
  EXPECT_EQ(a.facts.retry_delay, b.facts.retry_delay);
  EXPECT_EQ(a.facts.message, b.facts.message);
  EXPECT_EQ(a.facts.key_as_bearer, b.facts.key_as_bearer);
  EXPECT_EQ(a.facts.websocket_close_code, b.facts.websocket_close_code);
  ASSERT_EQ(a.facts.violations.size(), b.facts.violations.size());
  for (std::size_t i = 0; i < a.facts.violations.size(); ++i) {
    EXPECT_EQ(a.facts.violations[i].quota_id, b.facts.violations[i].quota_id);
    EXPECT_EQ(a.facts.violations[i].quota_metric, b.facts.violations[i].quota_metric);
    EXPECT_EQ(a.facts.violations[i].model, b.facts.violations[i].model);
    EXPECT_EQ(a.facts.violations[i].quota_value, b.facts.violations[i].quota_value);
  }
}

TEST(LeaseWire, AcquireSurvivesTheWireAndFitsItsBound) {
  Random random(Seed());
  for (int i = 0; i < 500; ++i) {
    const AcquireCommand command = random.Acquire();
    ASSERT_TRUE(Check(command).ok()) << Check(command);
    std::optional<ReportCommand> previous;
    if (random.Flag()) previous = random.Report();
    v1::AcquireRequest request;
    Encode(command, previous, &request);
    EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(command, previous));
    const absl::StatusOr<AcquireCall> call = Decode(Reread(request));
    ASSERT_TRUE(call.ok()) << call.status();
    EXPECT_EQ(call->command.kind, command.kind);
    EXPECT_EQ(call->command.model, command.model);
    EXPECT_EQ(call->command.exclude_keys, command.exclude_keys);
    EXPECT_EQ(call->command.exclude_projects, command.exclude_projects);
    EXPECT_EQ(call->command.wait_up_to, command.wait_up_to);
    EXPECT_EQ(call->command.input_tokens, command.input_tokens);
    EXPECT_EQ(call->command.client, command.client);
    ASSERT_EQ(call->previous.has_value(), previous.has_value());
    if (previous) ExpectSame(*call->previous, *previous);
  }
}

TEST(LeaseWire, ReportSurvivesTheWireAndFitsItsBound) {
  Random random(Seed());
  for (int i = 0; i < 500; ++i) {
    const ReportCommand report = random.Report();
    v1::ReportRequest request;
    Encode(report, &request);
    EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(report));
    const absl::StatusOr<ReportCommand> read = Decode(Reread(request));
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(*read, report);
  }
}

TEST(LeaseWire, GrantSurvivesTheWireWithTheTermsOfTheReign) {
  const auto secret = std::make_shared<const Secret>("AIzaSyTest-0123456789");
  const Grant grant{LeaseId(UINT64_MAX), KeyId(9), secret, ProjectId("p"),
                    absl::Milliseconds(1250)};
  v1::AcquireResponse response;
  Encode(AcquireReply(grant), {Epoch(5), absl::Milliseconds(500), absl::Minutes(10)}, &response);
  const absl::StatusOr<AcquireAnswer> answer = Decode(Reread(response));
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto& granted = std::get<Granted>(*answer);
  EXPECT_EQ(granted.grant.lease, grant.lease);
  EXPECT_EQ(granted.grant.key, grant.key);
  EXPECT_EQ(*granted.grant.secret, *secret);
  EXPECT_EQ(granted.grant.project, grant.project);
  EXPECT_EQ(granted.epoch, Epoch(5));
  EXPECT_EQ(granted.send_by, absl::Milliseconds(500));
  EXPECT_EQ(granted.grant.waited, grant.waited);
  EXPECT_EQ(granted.time_to_live, absl::Minutes(10));
}

TEST(LeaseWire, RefusalSurvivesTheWireForEveryReason) {
  for (RefusalReason reason :
       {RefusalReason::kNoKeys, RefusalReason::kAllDisabled, RefusalReason::kExhausted,
        RefusalReason::kAllExcluded, RefusalReason::kNotRetryable, RefusalReason::kLimitReached,
        RefusalReason::kModelOverloaded, RefusalReason::kSourceThrottled,
        RefusalReason::kTooLarge}) {
    const Refusal refusal{reason,   absl::Seconds(31), true, 250, QuotaWindow::kInputTokensPerDay,
                          "because"};
    v1::AcquireResponse response;
    Encode(AcquireReply(refusal), {}, &response);
    const absl::StatusOr<AcquireAnswer> answer = Decode(Reread(response));
    ASSERT_TRUE(answer.ok()) << answer.status();
    const auto& got = std::get<Refusal>(*answer);
    EXPECT_EQ(got.reason, reason);
    EXPECT_EQ(got.retry_after, absl::Seconds(31));
    EXPECT_TRUE(got.spent_for_the_day);
    EXPECT_EQ(got.limit, 250);
    EXPECT_EQ(got.window, QuotaWindow::kInputTokensPerDay);
    EXPECT_EQ(got.message, "because");
  }
}

TEST(LeaseWire, MessageClassOfALaterVersionSaysNothing) {
  v1::ReportRequest request;
  request.set_lease_id(1);
  request.set_epoch(1);
  request.mutable_facts()->set_http_status(403);
  request.mutable_facts()->set_message_class(static_cast<v1::MessageClass>(1000));
  const absl::StatusOr<ReportCommand> report = Decode(request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->facts.message, MessageClass::kNone);
}

TEST(LeaseWire, RetryAfterIsNeverRoundedDown) {
  const Refusal refusal{RefusalReason::kExhausted, absl::Microseconds(1001), false, 0, {}, ""};
  v1::AcquireResponse response;
  Encode(AcquireReply(refusal), {}, &response);
  EXPECT_EQ(response.refused().retry_after_ms(), 2u);
}

TEST(LeaseWire, SettledSurvivesTheWire) {
  for (Settled settled : {Settled::kNow, Settled::kLate, Settled::kDuplicate, Settled::kOtherEpoch,
                          Settled::kGoesOn}) {
    const absl::StatusOr<Settled> read = Decode(Encode(settled));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, settled);
  }
  EXPECT_FALSE(Decode(v1::ReportResponse::SETTLED_UNSPECIFIED).ok());
}

v1::AcquireRequest GoodAcquire() {
  v1::AcquireRequest request;
  request.set_kind(v1::KIND_METERED);
  request.set_model("gemini");
  return request;
}

struct BadAcquire {
  const char* field;
  std::function<void(v1::AcquireRequest*)> spoil;
};

TEST(LeaseWire, EveryBoundOfAcquireIsChecked) {
  const std::vector<BadAcquire> table = {
      {"kind", [](auto* r) { r->set_kind(v1::KIND_UNSPECIFIED); }},
      {"kind", [](auto* r) { r->set_kind(static_cast<v1::Kind>(77)); }},
      {"model", [](auto* r) { r->set_model(""); }},
      {"model", [](auto* r) { r->set_model(std::string(129, 'm')); }},
      {"model", [](auto* r) { r->set_model("a\nb"); }},
      {"exclude_key_ids", [](auto* r) { r->add_exclude_key_ids("key_x"); }},
      {"exclude_key_ids",
       [](auto* r) {
         for (int i = 1; i <= 65; ++i) r->add_exclude_key_ids("key_1");
       }},
      {"exclude_project_ids", [](auto* r) { r->add_exclude_project_ids(""); }},
      {"exclude_project_ids", [](auto* r) { r->add_exclude_project_ids("~key_x"); }},
      {"exclude_project_ids", [](auto* r) { r->add_exclude_project_ids(std::string(129, 'p')); }},
      {"exclude_project_ids",
       [](auto* r) {
         for (int i = 1; i <= 65; ++i) r->add_exclude_project_ids("p");
       }},
      {"wait_up_to_ms", [](auto* r) { r->set_wait_up_to_ms(600'001); }},
      {"client", [](auto* r) { r->set_client(std::string(65, 'c')); }},
      {"client", [](auto* r) { r->set_client("a\nb"); }},
      {"previous: lease_id", [](auto* r) { r->mutable_previous()->set_epoch(1); }},
  };
  ASSERT_TRUE(Decode(GoodAcquire()).ok());
  for (const BadAcquire& bad : table) {
    v1::AcquireRequest request = GoodAcquire();
    bad.spoil(&request);
    const absl::StatusOr<AcquireCall> call = Decode(request);
    EXPECT_EQ(call.status().code(), absl::StatusCode::kInvalidArgument) << bad.field;
    EXPECT_THAT(std::string(call.status().message()), StartsWith(bad.field));
  }
}

TEST(LeaseWire, UnmeteredAcquireNeedsNoModel) {
  v1::AcquireRequest request;
  request.set_kind(v1::KIND_UNMETERED);
  EXPECT_TRUE(Decode(request).ok());
}

struct BadReport {
  const char* field;
  std::function<void(v1::ReportRequest*)> spoil;
};

TEST(LeaseWire, EveryBoundOfReportIsChecked) {
  const auto good = [] {
    v1::ReportRequest request;
    request.set_lease_id(1);
    request.set_epoch(1);
    request.mutable_facts()->set_http_status(429);
    return request;
  };
  const std::string long_text(257, 'x');
  const std::vector<BadReport> table = {
      {"lease_id", [](auto* r) { r->set_lease_id(0); }},
      {"epoch", [](auto* r) { r->set_epoch(0); }},
      {"facts.http_status", [](auto* r) { r->mutable_facts()->set_http_status(99); }},
      {"facts.http_status", [](auto* r) { r->mutable_facts()->set_http_status(600); }},
      {"facts.status", [](auto* r) { r->mutable_facts()->set_status(std::string(65, 's')); }},
      {"facts.reason", [](auto* r) { r->mutable_facts()->set_reason(std::string(129, 's')); }},
      {"facts.websocket_close_code",
       [](auto* r) { r->mutable_facts()->set_websocket_close_code(5000); }},
      {"client", [](auto* r) { r->set_client(std::string(65, 'c')); }},
      {"facts.violations",
       [](auto* r) {
         for (int i = 0; i < 17; ++i) r->mutable_facts()->add_violations();
       }},
      {"facts.violations",
       [&](auto* r) { r->mutable_facts()->add_violations()->set_quota_id(long_text); }},
      {"facts.violations",
       [&](auto* r) { r->mutable_facts()->add_violations()->set_quota_metric(long_text); }},
      {"facts.violations",
       [&](auto* r) { r->mutable_facts()->add_violations()->set_model(long_text); }},
      {"key_id", [](auto* r) { r->set_key_id("7"); }},
      {"model", [](auto* r) { r->set_model(std::string(129, 'm')); }},
      {"model", [](auto* r) { r->set_model("\x7f"); }},
  };
  ASSERT_TRUE(Decode(good()).ok());
  for (const BadReport& bad : table) {
    v1::ReportRequest request = good();
    bad.spoil(&request);
    const absl::StatusOr<ReportCommand> report = Decode(request);
    EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument) << bad.field;
    EXPECT_THAT(std::string(report.status().message()), StartsWith(bad.field));
  }
}

TEST(LeaseWire, NumbersBeyondWhatTimeCanHoldAreTheLargest) {
  v1::ReportRequest request;
  request.set_lease_id(1);
  request.set_epoch(1);
  request.mutable_facts()->set_http_status(429);
  request.mutable_facts()->set_retry_delay_ms(UINT64_MAX);
  request.mutable_facts()->add_violations()->set_quota_value(UINT64_MAX);
  const absl::StatusOr<ReportCommand> report = Decode(request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->facts.retry_delay, kRetryDelayMax);
  EXPECT_EQ(report->facts.violations[0].quota_value, INT64_MAX);
}

TEST(LeaseWire, HostileUpstreamTextIsClippedToWhatKeydAccepts) {
  ReportCommand report;
  report.lease = LeaseId(1);
  report.epoch = Epoch(1);
  report.model = "a\nb";
  report.facts.http_status = 429;
  report.facts.status = std::string(1000, '\xff');
  report.facts.reason = std::string(127, 'r') + "€";
  report.facts.violations.resize(40, {std::string(999, 'q'), "\xc3", "\xed\xa0\x80", -5});
  report.facts.retry_delay = absl::InfiniteDuration();
  v1::ReportRequest request;
  Encode(report, &request);
  EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(report));
  const absl::StatusOr<ReportCommand> read = Decode(Reread(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->model, "");
  EXPECT_EQ(read->facts.status, std::string(64, '?'));
  EXPECT_EQ(read->facts.reason, std::string(127, 'r'));
  EXPECT_EQ(read->facts.violations.size(), kViolationsMax);
  EXPECT_EQ(read->facts.violations[0].quota_value, 0);
  EXPECT_EQ(read->facts.retry_delay, kRetryDelayMax);
}

TEST(LeaseWire, WhatCheckAcceptsDecodeAccepts) {
  AcquireCommand command;
  command.model = "m";
  EXPECT_TRUE(Check(command).ok());
  command.model = "\xc3\x28";
  EXPECT_THAT(std::string(Check(command).message()), HasSubstr("UTF-8"));
  command.model = "";
  EXPECT_FALSE(Check(command).ok());
  command.kind = Kind::kUnmetered;
  EXPECT_TRUE(Check(command).ok());
  command.exclude_keys.assign(65, KeyId(1));
  EXPECT_FALSE(Check(command).ok());
  command.exclude_keys = {KeyId()};
  EXPECT_FALSE(Check(command).ok());
  command.exclude_keys.clear();
  command.exclude_projects.assign(65, ProjectId("p"));
  EXPECT_FALSE(Check(command).ok());
  command.exclude_projects = {ProjectId("a b")};
  EXPECT_FALSE(Check(command).ok());
}

TEST(LeaseWire, AnswerThatIsNotUnderstoodIsAnErrorThatNamesTheField) {
  v1::AcquireResponse response;
  EXPECT_EQ(Decode(response).status().code(), absl::StatusCode::kInternal);
  response.mutable_granted()->set_key_id("nonsense");
  EXPECT_THAT(std::string(Decode(response).status().message()), HasSubstr("granted.key_id"));
  response.mutable_refused()->set_reason(v1::Refused::REASON_UNSPECIFIED);
  EXPECT_THAT(std::string(Decode(response).status().message()), HasSubstr("refused.reason"));
}

}  // namespace
}  // namespace keypool::wire
