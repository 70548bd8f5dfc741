#include "keyd/store/limits_codec.h"

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

using policy::LimitRecord;

// Tags are part of the format: never renumber, never reuse.
enum : std::uint8_t {
  kLevel = 1,  // 0 every project, 1 a tier, 2 a project
  kName = 2,
  kModels = 3,  // 0 each, 1 one, 2 all together
  kModel = 4,
  kRequired = kModel,
  kRequestsPerMinute = 5,
  kRequestsPerDay = 6,
  kTokensPerMinute = 7,
  kTokensPerDay = 8,
  kTier = 9,
  kLastKnown = kTier,
};
static_assert(static_cast<int>(LimitLevel::kEverywhere) == 0 &&
              static_cast<int>(LimitLevel::kTier) == 1 &&
              static_cast<int>(LimitLevel::kProject) == 2);
static_assert(static_cast<int>(LimitModels::kEach) == 0 &&
              static_cast<int>(LimitModels::kOne) == 1 &&
              static_cast<int>(LimitModels::kTogether) == 2);

template <class Enum>
bool PutEnum(std::string_view value, Enum last, Enum* target) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (!number || *number < 0 || *number > static_cast<int>(last)) return false;
  *target = static_cast<Enum>(*number);
  return true;
}

bool PutNumber(std::string_view value, std::optional<std::int64_t>* target) {
  *target = WholeInt(value);
  return target->has_value();
}

bool Put(const Field& field, LimitRecord* record) {
  switch (field.tag) {
    case kLevel:
      return PutEnum(field.value, LimitLevel::kProject, &record->scope.level);
    case kName:
      record->scope.name = field.value;
      return true;
    case kModels:
      return PutEnum(field.value, LimitModels::kTogether, &record->scope.models);
    case kModel:
      record->scope.model = field.value;
      return true;
    case kRequestsPerMinute:
      return PutNumber(field.value, &record->limits.requests_per_minute);
    case kRequestsPerDay:
      return PutNumber(field.value, &record->limits.requests_per_day);
    case kTokensPerMinute:
      return PutNumber(field.value, &record->limits.input_tokens_per_minute);
    case kTokensPerDay:
      return PutNumber(field.value, &record->limits.input_tokens_per_day);
    case kTier:
      record->tier = field.value;
      return true;
  }
  return field.tag > kLastKnown;  // of a later version; 0 is none
}

absl::Status BadField(int tag, std::string_view what) {
  return absl::DataLossError(absl::StrCat("field ", tag, " ", ToAbsl(what)));
}

absl::Status Read(std::string_view bytes, LimitRecord* record) {
  absl::StatusOr<FieldReader> reader = FieldReader::Open(bytes, kRecordVersion);
  if (!reader.ok()) return reader.status();
  std::array<bool, kLastKnown + 1> seen = {};
  while (true) {
    const absl::StatusOr<std::optional<Field>> next = reader->Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    const Field& field = **next;
    if (!Put(field, record)) return BadField(field.tag, "has a value that makes no sense");
    if (field.tag > kLastKnown) continue;
    if (seen[field.tag]) return BadField(field.tag, "is there twice");
    seen[field.tag] = true;
  }
  for (int tag = 1; tag <= kRequired; ++tag) {
    if (!seen[static_cast<std::size_t>(tag)]) return BadField(tag, "is missing");
  }
  return absl::OkStatus();
}

}  // namespace

void EncodeLimits(const LimitRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Int(kLevel, static_cast<int>(record.scope.level));
  fields.Bytes(kName, record.scope.name);
  fields.Int(kModels, static_cast<int>(record.scope.models));
  fields.Bytes(kModel, record.scope.model);
  const auto number = [&fields](std::uint8_t tag, const std::optional<std::int64_t>& value) {
    if (value) fields.Int(tag, *value);
  };
  number(kRequestsPerMinute, record.limits.requests_per_minute);
  number(kRequestsPerDay, record.limits.requests_per_day);
  number(kTokensPerMinute, record.limits.input_tokens_per_minute);
  number(kTokensPerDay, record.limits.input_tokens_per_day);
  if (!record.tier.empty()) fields.Bytes(kTier, record.tier);
  fields.Finish();
}

absl::StatusOr<LimitRecord> DecodeLimits(std::string_view row, std::string_view bytes) {
  LimitRecord record;
  absl::Status status = Read(bytes, &record);
  if (status.ok() && RowOf(record.scope) != row) {
    status = absl::DataLossError("the record belongs to another row");
  }
  if (status.ok()) return record;
  return Annotate(status, absl::StrCat("table limits, row ", absl::CHexEscape(ToAbsl(row))));
}

// The name's length keeps name and model apart.
std::string RowOf(const LimitScopeName& scope) {
  return absl::StrCat(static_cast<int>(scope.level), " ", static_cast<int>(scope.models), " ",
                      scope.name.size(), " ", scope.name, scope.model);
}

}  // namespace keypool::store
