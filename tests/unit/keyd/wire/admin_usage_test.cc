// The accounts on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "keyd/wire/admin_wire.h"

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

template <class Message, class From>
Message Encoded(const From& from) {
  Message message, read;
  Encode(from, &message);
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

UsageRow SomeRow(std::string name, std::int64_t hour) {
  UsageRow row;
  row.place = {20'781, std::move(name), hour};  // 2026-11-24
  row.start = absl::FromUnixSeconds(hour < 0 ? 20'781 * 86'400 + 8 * 3'600 : hour * 3'600);
  row.end = row.start + absl::Hours(hour < 0 ? 24 : 1);
  row.counts = {1, 2, 3, 4, 5, 6, INT64_MAX};
  return row;
}

TEST(AdminUsage, RequestSurvivesTheWire) {
  for (const UsageDimension by : {UsageDimension::kKey, UsageDimension::kProject,
                                  UsageDimension::kModel, UsageDimension::kClient}) {
    const UsageRow::Place after = {20'781, "name with blanks 模型", -1};
    const auto query = Decode(Encoded<v1::UsageRequest>(
        UsageQuery{.by = by, .days = 30, .hourly = true, .after = after, .rows_max = 17}));
    ASSERT_TRUE(query.ok()) << query.status();
    EXPECT_EQ(query->by, by);
    EXPECT_EQ(query->days, 30);
    EXPECT_TRUE(query->hourly);
    EXPECT_EQ(query->after, after);
    EXPECT_EQ(query->rows_max, 17u);
  }
}

TEST(AdminUsage, EmptyRequestAsksForAWeekByProjectAndDay) {
  const auto query = Decode(v1::UsageRequest());
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->by, UsageDimension::kProject);
  EXPECT_EQ(query->days, 7);
  EXPECT_FALSE(query->hourly);
  EXPECT_EQ(query->after, std::nullopt);
  EXPECT_EQ(query->rows_max, 1000u);
}

TEST(AdminUsage, InvalidRequestsNameTheField) {
  v1::UsageRequest days, page, by;
  days.set_days(91);
  EXPECT_THAT(std::string(Decode(days).status().message()), HasSubstr("days: 1 to 90"));
  page.set_page_size(1001);
  EXPECT_THAT(std::string(Decode(page).status().message()), HasSubstr("page_size: 1 to 1000"));
  by.set_by(static_cast<v1::UsageRequest::Dimension>(9));
  EXPECT_THAT(std::string(Decode(by).status().message()), HasSubstr("by: key, project"));
  const std::string too_long = "1 1 " + std::string(1025, 'n');
  for (const std::string& token : {std::string("x"), std::string("1 2"), std::string("1 -2 n"),
                                   std::string("1 x n"), std::string(" 1 n"), too_long}) {
    v1::UsageRequest request;
    request.set_page_token(token);
    const absl::Status status = Decode(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << token;
    EXPECT_THAT(std::string(status.message()), HasSubstr("page_token"));
  }
}

TEST(AdminUsage, PageSurvivesTheWireAndLeadsOnFromItsLastRow) {
  const UsagePage page = {
      {SomeRow("(other)", -1), SomeRow("", 498'752), SomeRow("~key_1", 498'753)}, true};
  const v1::UsageResponse response = Encoded<v1::UsageResponse>(page);
  EXPECT_EQ(response.rows(0).pacific_date(), "2026-11-24");
  const auto back = Decode(response);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->more);
  ASSERT_EQ(back->rows.size(), page.rows.size());
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    EXPECT_EQ(back->rows[i].place, page.rows[i].place);
    EXPECT_EQ(back->rows[i].start, page.rows[i].start);
    EXPECT_EQ(back->rows[i].end, page.rows[i].end);
    EXPECT_EQ(back->rows[i].counts, page.rows[i].counts);
  }
  v1::UsageRequest next;
  next.set_page_token(response.next_page_token());
  EXPECT_EQ(Decode(next)->after, page.rows.back().place);
  EXPECT_FALSE(Decode(Encoded<v1::UsageResponse>(UsagePage{}))->more);
}

TEST(AdminUsage, DateThatIsNoneIsNotUnderstood) {
  v1::UsageResponse response;
  response.add_rows()->set_pacific_date("today");
  const absl::Status status = Decode(response).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("pacific_date"));
}

}  // namespace
}  // namespace keypool::wire
