#include "keyd/client/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "keyd/wire/lease_wire.h"

namespace keypool::client {
namespace {

using ::testing::ElementsAre;

ReportCommand ReportOf(std::uint64_t lease) {
  ReportCommand report;
  report.lease = LeaseId(lease);
  report.epoch = Epoch(1);
  return report;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Fill(Outbox* outbox) {
  v1::SessionRequest message;
  outbox->Fill(&message);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sequence_and_lease;
  for (const auto& report : message.reports()) {
    sequence_and_lease.emplace_back(report.sequence(), report.request().lease_id());
  }
  return sequence_and_lease;
}

TEST(Outbox, EmptyHasNothingToSay) {
  Outbox outbox(10);
  v1::SessionRequest message;
  EXPECT_FALSE(outbox.Fill(&message));
}

TEST(Outbox, ReportsAreNumberedFromOneAndSentOnce) {
  Outbox outbox(10);
  outbox.AddReport(ReportOf(50));
  outbox.AddReport(ReportOf(51));
  EXPECT_THAT(Fill(&outbox), ElementsAre(std::pair(1, 50), std::pair(2, 51)));
  EXPECT_THAT(Fill(&outbox), ElementsAre());
  outbox.AddReport(ReportOf(52));
  EXPECT_THAT(Fill(&outbox), ElementsAre(std::pair(3, 52)));
  EXPECT_EQ(outbox.Unconfirmed(), 3u);
}

TEST(Outbox, RestartSendsWhatWasNotConfirmedAgainFromOne) {
  Outbox outbox(10);
  for (std::uint64_t lease = 50; lease < 54; ++lease) outbox.AddReport(ReportOf(lease));
  Fill(&outbox);
  outbox.Confirm(2);
  EXPECT_EQ(outbox.Unconfirmed(), 2u);
  outbox.Restart();
  EXPECT_THAT(Fill(&outbox), ElementsAre(std::pair(1, 52), std::pair(2, 53)));
}

TEST(Outbox, ConfirmationBeyondWhatWasSentDropsNothingUnsent) {
  Outbox outbox(10);
  outbox.AddReport(ReportOf(50));
  outbox.Confirm(99);
  EXPECT_EQ(outbox.Unconfirmed(), 1u);
}

TEST(Outbox, OverflowDropsTheOldestWithoutAGapInTheSequence) {
  Outbox outbox(2);
  outbox.AddReport(ReportOf(50));
  Fill(&outbox);
  outbox.AddReport(ReportOf(51));
  outbox.AddReport(ReportOf(52));  // drops 50, which was sent
  outbox.AddReport(ReportOf(53));  // drops 51, which was not
  EXPECT_EQ(outbox.Dropped(), 2u);
  EXPECT_THAT(Fill(&outbox), ElementsAre(std::pair(2, 52), std::pair(3, 53)));
}

TEST(Outbox, MessageIsBoundedInElementsAndBytes) {
  Outbox outbox(10'000);
  for (std::uint64_t lease = 1; lease <= 5'000; ++lease) {
    ReportCommand report = ReportOf(lease);
    report.facts.http_status = 429;
    report.facts.violations.assign(
        16, {std::string(256, 'q'), std::string(256, 'm'), std::string(256, 'n'), 10});
    outbox.AddReport(std::move(report));
  }
  AcquireCommand heavy{Kind::kMetered, std::string(128, 'm'), {}, {}};
  heavy.exclude_projects.assign(64, ProjectId(std::string(128, 'p')));
  for (std::uint64_t id = 1; id <= 5'000; ++id) outbox.AddAcquire(id, heavy, std::nullopt);
  v1::SessionRequest message;
  std::uint64_t reports = 0, acquires = 0;
  while (outbox.Fill(&message)) {
    EXPECT_LE(message.reports_size() + message.acquires_size(), wire::kSessionElementsMax);
    EXPECT_LE(message.ByteSizeLong(), wire::kMessageBytesMax);
    for (const auto& report : message.reports()) EXPECT_EQ(report.sequence(), ++reports);
    for (const auto& acquire : message.acquires()) EXPECT_EQ(acquire.request_id(), ++acquires);
  }
  EXPECT_EQ(reports, 5'000u);
  EXPECT_EQ(acquires, 5'000u);
}

// As large as an acquire may be: so many of them do not fit by far.
TEST(Outbox, MessageOfWhatNamesManyResourcesIsBoundedToo) {
  Outbox outbox(10'000);
  AcquireCommand heavy{Kind::kMetered, std::string(128, 'm'), {}, {}};
  heavy.resources.assign(kResourcesMax, std::string(kResourceBytesMax, 'n'));
  heavy.project = ProjectId(std::string(128, 'p'));
  heavy.after_project = ProjectId(std::string(128, 'q'));
  ReportCommand report = ReportOf(1);
  report.resources.assign(kResourcesMax, {std::string(kResourceBytesMax, 'n'), kResourceTimeMax});
  for (std::uint64_t id = 1; id <= 1'000; ++id) {
    outbox.AddAcquire(id, heavy, report);
    outbox.AddReport(report);
  }
  v1::SessionRequest message;
  int messages = 0, reports = 0;
  std::uint64_t acquires = 0;
  for (; outbox.Fill(&message); ++messages) {
    EXPECT_LE(message.ByteSizeLong(), wire::kMessageBytesMax);
    reports += message.reports_size();
    for (const auto& acquire : message.acquires()) {
      EXPECT_EQ(acquire.request_id(), ++acquires);
      EXPECT_EQ(acquire.request().resources_size(), static_cast<int>(kResourcesMax));
    }
  }
  EXPECT_EQ(reports, 1'000);
  EXPECT_EQ(acquires, 1'000u);
  EXPECT_LT(messages, 50);
}

}  // namespace
}  // namespace keypool::client
