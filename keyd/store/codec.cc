#include "keyd/store/codec.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::BucketName;
using policy::BucketRecord;
using policy::Charge;
using policy::KeyRecord;
using policy::PoolRecord;
using policy::RemovedKeyRecord;

// Tags are part of the format: never renumber, never reuse.
namespace key_tag {
enum : std::uint8_t {
  kId = 1,
  kProject = 2,
  kSecret = 3,
  kActive = 4,
  kDisabledReason = 5,
  kDisabledAt = 6,
  kAddedAt = 7,
  kLastRequired = kAddedAt,
  kRetryAt = 8,
  kLastKnown = kRetryAt,
};
}
namespace bucket_tag {
enum : std::uint8_t {
  kProject = 1,
  kModel = 2,
  kDay = 3,
  kDayUsed = 4,
  kMinute = 5,  // pairs of (nanoseconds after the charge before, count)
  kAhead = 6,
  kCoolingUntil = 7,
  kCoolingReason = 8,
  kLastRequired = kCoolingReason,
  kLearnedMinute = 9,
  kLearnedMinuteAt = 10,
  kLearnedDay = 11,
  kLearnedDayAt = 12,
  kDayTokens = 13,
  kMinuteTokens = 14,  // as kMinute
  kAheadTokens = 15,
  kLearnedTokensMinute = 16,
  kLearnedTokensMinuteAt = 17,
  kLearnedTokensDay = 18,
  kLearnedTokensDayAt = 19,
  kAlias = 20,
  kAliasAt = 21,
  kAliasByAnswer = 22,
  kLastKnown = kAliasByAnswer,
};
}
namespace pool_tag {
enum : std::uint8_t { kNextKey = 1, kLastRequired = kNextKey };
}

namespace removed_tag {
enum : std::uint8_t { kId = 1, kFingerprint = 2, kLastRequired = kFingerprint };
}

// One integer or time of a field into a target.
bool Put(const Field& field, std::int64_t* target) {
  const std::optional<std::int64_t> value = WholeInt(field.value);
  if (value) *target = *value;
  return value.has_value();
}
bool Put(const Field& field, absl::Time* target) {
  const std::optional<absl::Time> value = WholeTime(field.value);
  if (value) *target = *value;
  return value.has_value();
}
bool Put(const Field& field, std::string* target) {
  *target = field.value;
  return true;
}
bool Put(const Field& field, bool* target) {
  const std::optional<std::int64_t> value = WholeInt(field.value);
  if (!value || *value < 0 || *value > 1) return false;
  *target = *value == 1;
  return true;
}
bool Put(const Field& field, KeyId* target) {
  const std::optional<std::int64_t> value = WholeInt(field.value);
  if (value) *target = KeyId{static_cast<std::uint64_t>(*value)};
  return value.has_value();
}

// Wraps around instead of overflowing: infinite times are far apart.
std::int64_t WrappingAdd(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t WrappingSub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::string EncodeCharges(const std::vector<Charge>& charges) {
  std::string out;
  std::int64_t before = 0;
  for (const Charge& charge : charges) {
    const std::int64_t at = TimeToInt(charge.at);
    AppendInt(WrappingSub(at, before), &out);
    AppendInt(charge.count, &out);
    before = at;
  }
  return out;
}

bool Put(const Field& field, std::vector<Charge>* target) {
  std::string_view rest = field.value;
  std::int64_t at = 0;
  while (!rest.empty()) {
    const std::optional<std::int64_t> step = TakeInt(&rest);
    const std::optional<std::int64_t> count = TakeInt(&rest);
    if (!step || !count) return false;
    at = WrappingAdd(at, *step);
    target->push_back({.at = TimeFromInt(at), .count = *count});
  }
  return true;
}

// `tag` is the limit's; the next one is that of its time.
void WriteLearned(const std::optional<policy::LearnedLimit>& learned, std::uint8_t tag,
                  FieldWriter* fields) {
  if (!learned) return;
  fields->Int(tag, learned->limit);
  fields->Time(static_cast<std::uint8_t>(tag + 1), learned->at);
}

bool PutLearned(const Field& field, std::optional<policy::LearnedLimit>* target) {
  target->emplace();
  return Put(field, &(*target)->limit) && (*target)->limit > 0;
}

bool PutTokens(const Field& field, BucketRecord* record) {
  switch (field.tag) {
    case bucket_tag::kDayTokens:
      return Put(field, &record->day_tokens);
    case bucket_tag::kMinuteTokens:
      return Put(field, &record->minute_tokens);
    case bucket_tag::kAheadTokens:
      return Put(field, &record->ahead_tokens);
    case bucket_tag::kLearnedTokensMinute:
      return PutLearned(field, &record->learned_tokens_minute);
    case bucket_tag::kLearnedTokensMinuteAt:
      return record->learned_tokens_minute && Put(field, &record->learned_tokens_minute->at);
    case bucket_tag::kLearnedTokensDay:
      return PutLearned(field, &record->learned_tokens_day);
    case bucket_tag::kLearnedTokensDayAt:
      return record->learned_tokens_day && Put(field, &record->learned_tokens_day->at);
  }
  return false;  // tag 0
}

std::string NameOf(const BucketName& row) {
  return absl::StrCat("table buckets, row (", absl::CHexEscape(row.project.value()), ", ",
                      absl::CHexEscape(row.model), ")");
}

std::string SealedFor(KeyId row) { return absl::StrCat("keys ", row.value()); }

SecretPtr OpenSecret(std::string_view sealed, KeyId row, const Sealer& sealer,
                     absl::Status* status) {
  absl::StatusOr<Secret> secret = sealer.Open(sealed, SealedFor(row));
  if (secret.ok()) return std::make_shared<const Secret>(*std::move(secret));
  *status = secret.status();
  return nullptr;
}

absl::Status Misfiled() { return absl::DataLossError("the record belongs to another row"); }

}  // namespace

void EncodeKey(const KeyRecord& record, const Sealer& sealer, std::string* out) {
  KP_ASSERT(record.secret != nullptr);
  FieldWriter fields(kKeyRecordVersion, out);
  fields.Int(key_tag::kId, static_cast<std::int64_t>(record.id.value()));
  fields.Bytes(key_tag::kProject, record.project.value());
  fields.Bytes(key_tag::kSecret, sealer.Seal(record.secret->Reveal(), SealedFor(record.id)));
  fields.Int(key_tag::kActive, record.active ? 1 : 0);
  fields.Bytes(key_tag::kDisabledReason, record.disabled_reason);
  fields.Time(key_tag::kDisabledAt, record.disabled_at);
  fields.Time(key_tag::kAddedAt, record.added_at);
  if (record.retry_at != absl::InfiniteFuture()) fields.Time(key_tag::kRetryAt, record.retry_at);
  fields.Finish();
}

void EncodeBucket(const BucketRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(bucket_tag::kProject, record.project.value());
  fields.Bytes(bucket_tag::kModel, record.model);
  fields.Int(bucket_tag::kDay, record.day);
  fields.Int(bucket_tag::kDayUsed, record.day_used);
  fields.Bytes(bucket_tag::kMinute, EncodeCharges(record.minute));
  fields.Int(bucket_tag::kAhead, record.ahead);
  fields.Time(bucket_tag::kCoolingUntil, record.cooling_until);
  fields.Bytes(bucket_tag::kCoolingReason, record.cooling_reason);
  WriteLearned(record.learned_minute, bucket_tag::kLearnedMinute, &fields);
  WriteLearned(record.learned_day, bucket_tag::kLearnedDay, &fields);
  if (record.day_tokens != 0) fields.Int(bucket_tag::kDayTokens, record.day_tokens);
  if (!record.minute_tokens.empty()) {
    fields.Bytes(bucket_tag::kMinuteTokens, EncodeCharges(record.minute_tokens));
  }
  if (record.ahead_tokens != 0) fields.Int(bucket_tag::kAheadTokens, record.ahead_tokens);
  WriteLearned(record.learned_tokens_minute, bucket_tag::kLearnedTokensMinute, &fields);
  WriteLearned(record.learned_tokens_day, bucket_tag::kLearnedTokensDay, &fields);
  if (record.alias) {
    fields.Bytes(bucket_tag::kAlias, record.alias->model);
    fields.Time(bucket_tag::kAliasAt, record.alias->at);
    if (record.alias->by_answer) fields.Int(bucket_tag::kAliasByAnswer, 1);
  }
  fields.Finish();
}

void EncodePool(const PoolRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Int(pool_tag::kNextKey, static_cast<std::int64_t>(record.next_key.value()));
  fields.Finish();
}

void EncodeRemovedKey(const RemovedKeyRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Int(removed_tag::kId, static_cast<std::int64_t>(record.id.value()));
  fields.Bytes(removed_tag::kFingerprint, record.fingerprint);
  fields.Finish();
}

bool SecretIsPlain(std::string_view bytes) {
  return !bytes.empty() && static_cast<std::uint8_t>(bytes[0]) < kKeyRecordVersion;
}

absl::StatusOr<KeyRecord> DecodeKey(KeyId row, std::string_view bytes, const Sealer& sealer) {
  KeyRecord record;
  const bool plain = SecretIsPlain(bytes);
  absl::Status opened;
  const auto read = [&](const Field& field) {
    switch (field.tag) {
      case key_tag::kId:
        return Put(field, &record.id);
      case key_tag::kProject:
        record.project = ProjectId{std::string(field.value)};
        return true;
      case key_tag::kSecret:
        record.secret = plain ? std::make_shared<const Secret>(field.value)
                              : OpenSecret(field.value, row, sealer, &opened);
        return true;
      case key_tag::kActive:
        return Put(field, &record.active);
      case key_tag::kDisabledReason:
        return Put(field, &record.disabled_reason);
      case key_tag::kDisabledAt:
        return Put(field, &record.disabled_at);
      case key_tag::kAddedAt:
        return Put(field, &record.added_at);
      case key_tag::kRetryAt:
        return Put(field, &record.retry_at);
    }
    return false;  // tag 0
  };
  absl::Status status =
      ReadFields(bytes, kKeyRecordVersion, key_tag::kLastRequired, key_tag::kLastKnown, read);
  if (status.ok() && record.id != row) status = Misfiled();
  if (status.ok()) status = opened;
  if (!status.ok()) return Annotate(status, "table keys, row " + ToString(row));
  return record;
}

absl::StatusOr<BucketRecord> DecodeBucket(const BucketName& row, std::string_view bytes) {
  BucketRecord record;
  const auto read = [&record](const Field& field) {
    switch (field.tag) {
      case bucket_tag::kProject:
        record.project = ProjectId{std::string(field.value)};
        return true;
      case bucket_tag::kModel:
        return Put(field, &record.model);
      case bucket_tag::kDay:
        return Put(field, &record.day);
      case bucket_tag::kDayUsed:
        return Put(field, &record.day_used);
      case bucket_tag::kMinute:
        return Put(field, &record.minute);
      case bucket_tag::kAhead:
        return Put(field, &record.ahead);
      case bucket_tag::kCoolingUntil:
        return Put(field, &record.cooling_until);
      case bucket_tag::kCoolingReason:
        return Put(field, &record.cooling_reason);
      case bucket_tag::kLearnedMinute:
        return PutLearned(field, &record.learned_minute);
      case bucket_tag::kLearnedMinuteAt:
        return record.learned_minute && Put(field, &record.learned_minute->at);
      case bucket_tag::kLearnedDay:
        return PutLearned(field, &record.learned_day);
      case bucket_tag::kLearnedDayAt:
        return record.learned_day && Put(field, &record.learned_day->at);
      case bucket_tag::kAlias:
        return Put(field, &record.alias.emplace().model);
      case bucket_tag::kAliasAt:
        return record.alias && Put(field, &record.alias->at);
      case bucket_tag::kAliasByAnswer:
        return record.alias && Put(field, &record.alias->by_answer);
    }
    return PutTokens(field, &record);
  };
  absl::Status status =
      ReadFields(bytes, kRecordVersion, bucket_tag::kLastRequired, bucket_tag::kLastKnown, read);
  if (status.ok() && (record.project != row.project || record.model != row.model)) {
    status = Misfiled();
  }
  if (!status.ok()) return Annotate(status, NameOf(row));
  return record;
}

absl::StatusOr<PoolRecord> DecodePool(std::string_view bytes) {
  PoolRecord record;
  const auto read = [&record](const Field& field) {
    return field.tag == pool_tag::kNextKey && Put(field, &record.next_key);
  };
  const absl::Status status =
      ReadFields(bytes, kRecordVersion, pool_tag::kLastRequired, pool_tag::kLastRequired, read);
  if (!status.ok()) return Annotate(status, "table pool, row 1");
  return record;
}

absl::StatusOr<RemovedKeyRecord> DecodeRemovedKey(KeyId row, std::string_view bytes) {
  RemovedKeyRecord record;
  const auto read = [&record](const Field& field) {
    switch (field.tag) {
      case removed_tag::kId:
        return Put(field, &record.id);
      case removed_tag::kFingerprint:
        return Put(field, &record.fingerprint);
    }
    return false;  // tag 0
  };
  absl::Status status = ReadFields(bytes, kRecordVersion, removed_tag::kLastRequired,
                                   removed_tag::kLastRequired, read);
  if (status.ok() && record.id != row) status = Misfiled();
  if (!status.ok()) return Annotate(status, "table removed_keys, row " + ToString(row));
  return record;
}

}  // namespace keypool::store
