// What an operator asks of the accounts, and what keyd shows of them.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"

namespace keypool::wire {
namespace {

constexpr std::int64_t kDaysDefault = UsageQuery().days;
constexpr std::size_t kNameBytesMax = 1024;  // longer than any
constexpr absl::CivilDay kDayZero(1970, 1, 1);
const std::int64_t kWholeDay = UsageRow::Place().hour;
constexpr std::int64_t kHourSeconds = 3600;

// "DAY HOUR NAME". Callers do not look into it.
std::string TokenOf(const UsageRow::Place& place) {
  return absl::StrCat(place.day, " ", place.hour, " ", ClipText(place.name, kNameBytesMax));
}

std::optional<std::int64_t> TakeNumber(std::string_view* text) {
  const std::size_t end = text->find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(text->substr(0, end)), &number)) return std::nullopt;
  text->remove_prefix(end + 1);
  return number;
}

std::optional<UsageRow::Place> PlaceOf(std::string_view token) {
  const std::optional<std::int64_t> day = TakeNumber(&token);
  const std::optional<std::int64_t> hour = day ? TakeNumber(&token) : std::nullopt;
  if (!hour || *hour < kWholeDay || token.size() > kNameBytesMax) return std::nullopt;
  return UsageRow::Place{*day, std::string(token), *hour};
}

v1::UsageRequest::Dimension EncodeDimension(UsageDimension dimension) {
  switch (dimension) {
    case UsageDimension::kKey:
      return v1::UsageRequest::DIMENSION_KEY;
    case UsageDimension::kProject:
      return v1::UsageRequest::DIMENSION_PROJECT;
    case UsageDimension::kModel:
      return v1::UsageRequest::DIMENSION_MODEL;
    case UsageDimension::kClient:
      return v1::UsageRequest::DIMENSION_CLIENT;
  }
  return v1::UsageRequest::DIMENSION_UNSPECIFIED;
}

std::optional<UsageDimension> DecodeDimension(v1::UsageRequest::Dimension dimension) {
  switch (dimension) {
    case v1::UsageRequest::DIMENSION_KEY:
      return UsageDimension::kKey;
    case v1::UsageRequest::DIMENSION_UNSPECIFIED:
    case v1::UsageRequest::DIMENSION_PROJECT:
      return UsageDimension::kProject;
    case v1::UsageRequest::DIMENSION_MODEL:
      return UsageDimension::kModel;
    case v1::UsageRequest::DIMENSION_CLIENT:
      return UsageDimension::kClient;
    default:
      return std::nullopt;
  }
}

void EncodeRow(const UsageRow& row, v1::UsageRow* out) {
  const auto count = [](std::int64_t n) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
  };
  out->set_name(ClipText(row.place.name, kNameBytesMax));
  out->set_pacific_date(std::string(absl::FormatCivilTime(kDayZero + row.place.day)));
  out->mutable_start()->set_seconds(absl::ToUnixSeconds(row.start));
  out->mutable_end()->set_seconds(absl::ToUnixSeconds(row.end));
  out->set_hour(row.place.hour != kWholeDay);
  out->set_requests(count(row.counts.requests));
  out->set_limited(count(row.counts.limited));
  out->set_errors(count(row.counts.errors));
  out->set_input_tokens(count(row.counts.input_tokens));
  out->set_cached_tokens(count(row.counts.cached_tokens));
  out->set_output_tokens(count(row.counts.output_tokens));
  out->set_thought_tokens(count(row.counts.thought_tokens));
}

absl::StatusOr<UsageRow> DecodeRow(const v1::UsageRow& in) {
  const auto count = [](std::uint64_t n) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX));
  };
  absl::CivilDay date;
  if (!absl::ParseCivilTime(in.pacific_date(), &date)) return NotUnderstood("rows.pacific_date");
  UsageRow row;
  row.place = {date - kDayZero, in.name(),
               in.hour() ? in.start().seconds() / kHourSeconds : kWholeDay};
  row.start = absl::FromUnixSeconds(in.start().seconds());
  row.end = absl::FromUnixSeconds(in.end().seconds());
  row.counts = {.requests = count(in.requests()),
                .limited = count(in.limited()),
                .errors = count(in.errors()),
                .input_tokens = count(in.input_tokens()),
                .cached_tokens = count(in.cached_tokens()),
                .output_tokens = count(in.output_tokens()),
                .thought_tokens = count(in.thought_tokens())};
  return row;
}

}  // namespace

void Encode(const UsageQuery& query, v1::UsageRequest* out) {
  out->set_by(EncodeDimension(query.by));
  out->set_days(static_cast<std::uint32_t>(std::clamp<std::int64_t>(query.days, 1, kUsageDaysMax)));
  out->set_hourly(query.hourly);
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.rows_max, 1, kUsageRowsMax)));
  if (query.after) out->set_page_token(TokenOf(*query.after));
}

absl::StatusOr<UsageQuery> Decode(const v1::UsageRequest& in) {
  UsageQuery query;
  const std::optional<UsageDimension> by = DecodeDimension(in.by());
  if (!by) return Invalid("by", "key, project, model or client");
  query.by = *by;
  if (in.days() > kUsageDaysMax) return Invalid("days", "1 to 90, or 0 for 7");
  query.days = in.days() == 0 ? kDaysDefault : in.days();
  query.hourly = in.hourly();
  if (in.page_size() > kUsageRowsMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  if (in.page_size() > 0) query.rows_max = in.page_size();
  if (!in.page_token().empty()) {
    query.after = PlaceOf(in.page_token());
    if (!query.after) return Invalid("page_token", "not a token of an earlier page");
  }
  return query;
}

void Encode(const UsagePage& page, v1::UsageResponse* out) {
  for (const UsageRow& row : page.rows) EncodeRow(row, out->add_rows());
  if (page.more && !page.rows.empty()) out->set_next_page_token(TokenOf(page.rows.back().place));
}

absl::StatusOr<UsagePage> Decode(const v1::UsageResponse& in) {
  UsagePage page;
  for (const v1::UsageRow& r : in.rows()) {
    absl::StatusOr<UsageRow> row = DecodeRow(r);
    if (!row.ok()) return row.status();
    page.rows.push_back(*std::move(row));
  }
  page.more = !in.next_page_token().empty();
  return page;
}

}  // namespace keypool::wire
