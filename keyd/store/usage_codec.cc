#include "keyd/store/usage_codec.h"

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/codec.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::UsageName;
using policy::UsageRecord;

// Tags are part of the format: never renumber, never reuse.
enum : std::uint8_t {
  kDimension = 1,
  kDay = 2,
  kName = 3,
  kHour = 4,
  kCounts = 5,  // integers in the order of Counts(); a later version may append some
  kFields = 5,
};

// The counts in the order in which they are stored.
template <class T>
auto Counts(T& c) {
  return std::array{&c.requests,      &c.limited,       &c.errors,        &c.input_tokens,
                    &c.cached_tokens, &c.output_tokens, &c.thought_tokens};
}

bool PutCounts(std::string_view value, UsageCounts* target) {
  for (std::int64_t* count : Counts(*target)) {
    const std::optional<std::int64_t> number = TakeInt(&value);
    if (!number) return false;
    *count = *number;
  }
  return true;
}

bool PutInt(std::string_view value, std::int64_t* target) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (number) *target = *number;
  return number.has_value();
}

bool PutDimension(std::string_view value, UsageDimension* target) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (!number) return false;
  const std::optional<UsageDimension> dimension = DimensionOfRow(*number);
  if (dimension) *target = *dimension;
  return dimension.has_value();
}

bool Put(const Field& field, UsageRecord* record) {
  switch (field.tag) {
    case kDimension:
      return PutDimension(field.value, &record->name.dimension);
    case kDay:
      return PutInt(field.value, &record->name.place.day);
    case kName:
      record->name.place.name = field.value;
      return true;
    case kHour:
      return PutInt(field.value, &record->name.place.hour);
    case kCounts:
      return PutCounts(field.value, &record->counts);
  }
  return false;  // tag 0
}

}  // namespace

std::int64_t RowOf(UsageDimension dimension) {
  switch (dimension) {
    case UsageDimension::kKey:
      return 1;
    case UsageDimension::kProject:
      return 2;
    case UsageDimension::kModel:
      return 3;
    case UsageDimension::kClient:
      return 4;
  }
  return 0;
}

std::optional<UsageDimension> DimensionOfRow(std::int64_t row) {
  for (const UsageDimension dimension : {UsageDimension::kKey, UsageDimension::kProject,
                                         UsageDimension::kModel, UsageDimension::kClient}) {
    if (RowOf(dimension) == row) return dimension;
  }
  return std::nullopt;
}

void EncodeUsage(const UsageRecord& record, std::string* out) {
  const auto& [dimension, place] = record.name;
  std::string counts;
  for (const std::int64_t* count : Counts(record.counts)) AppendInt(*count, &counts);
  FieldWriter fields(kRecordVersion, out);
  fields.Int(kDimension, RowOf(dimension));
  fields.Int(kDay, place.day);
  fields.Bytes(kName, place.name);
  fields.Int(kHour, place.hour);
  fields.Bytes(kCounts, counts);
  fields.Finish();
}

absl::StatusOr<UsageRecord> DecodeUsage(const UsageName& row, std::string_view bytes) {
  UsageRecord record;
  absl::Status status = ReadFields(bytes, kRecordVersion, kFields, kFields,
                                   [&record](const Field& field) { return Put(field, &record); });
  if (status.ok() && record.name != row) {
    status = absl::DataLossError("the record belongs to another row");
  }
  if (status.ok()) return record;
  return Annotate(
      status, absl::StrCat("table usage, row (", ToAbsl(NameOf(row.dimension)), ", ", row.place.day,
                           ", ", absl::CHexEscape(row.place.name), ", ", row.place.hour, ")"));
}

}  // namespace keypool::store
