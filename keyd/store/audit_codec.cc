#include "keyd/store/audit_codec.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "keyd/base/status.h"
#include "keyd/store/codec.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::AuditKeyRecord;
using policy::AuditState;

// To what the sealed key is bound.
constexpr std::string_view kKeyRow = "audit key";

// Tags are part of the format: never renumber, never reuse.
namespace record_tag {
enum : std::uint8_t {
  kNumber = 1,
  kAt = 2,
  kWho = 3,
  kWhat = 4,
  kTarget = 5,
  kResult = 6,
  kChain = 7,
  kLast = kChain,
};
}
namespace state_tag {
enum : std::uint8_t {
  kBeforeFirst = 1,
  kBeforeFirstChain = 2,
  kLastRecord = 3,
  kLastRecordChain = 4,
  kBroken = 5,
  kBrokenNumber = 6,
  kMac = 7,
  kLast = kMac,
};
}
namespace key_tag {
enum : std::uint8_t { kSealed = 1, kLast = kSealed };
}

std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::string_view Bytes(const AuditChain& chain) {
  return {reinterpret_cast<const char*>(chain.data()), chain.size()};
}

bool Put(std::string_view value, std::uint64_t* target) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (number) *target = static_cast<std::uint64_t>(*number);
  return number && *number >= 0;
}
bool Put(std::string_view value, AuditChain* target) {
  if (value.size() != target->size()) return false;
  std::copy(value.begin(), value.end(), target->begin());
  return true;
}

bool Put(const Field& field, AuditRecord* record) {
  switch (field.tag) {
    case record_tag::kNumber:
      return Put(field.value, &record->number);
    case record_tag::kAt: {
      const std::optional<absl::Time> time = WholeTime(field.value);
      if (time) record->at = *time;
      return time.has_value();
    }
    case record_tag::kWho:
      record->entry.who = field.value;
      return true;
    case record_tag::kWhat:
      record->entry.what = field.value;
      return true;
    case record_tag::kTarget:
      record->entry.target = field.value;
      return true;
    case record_tag::kResult:
      record->result = field.value;
      return true;
    case record_tag::kChain:
      return Put(field.value, &record->chain);
  }
  return false;  // tag 0
}

bool Put(const Field& field, AuditState* state) {
  switch (field.tag) {
    case state_tag::kBeforeFirst:
      return Put(field.value, &state->before_first.number);
    case state_tag::kBeforeFirstChain:
      return Put(field.value, &state->before_first.chain);
    case state_tag::kLastRecord:
      return Put(field.value, &state->last.number);
    case state_tag::kLastRecordChain:
      return Put(field.value, &state->last.chain);
    case state_tag::kBroken:
      state->broken = field.value;
      return true;
    case state_tag::kBrokenNumber:
      return Put(field.value, &state->broken_number);
    case state_tag::kMac:
      return Put(field.value, &state->mac);
  }
  return false;  // tag 0
}

}  // namespace

void EncodeAudit(const AuditRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Int(record_tag::kNumber, Signed(record.number));
  fields.Time(record_tag::kAt, record.at);
  fields.Bytes(record_tag::kWho, record.entry.who);
  fields.Bytes(record_tag::kWhat, record.entry.what);
  fields.Bytes(record_tag::kTarget, record.entry.target);
  fields.Bytes(record_tag::kResult, record.result);
  fields.Bytes(record_tag::kChain, Bytes(record.chain));
  fields.Finish();
}

void EncodeAuditState(const AuditState& state, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Int(state_tag::kBeforeFirst, Signed(state.before_first.number));
  fields.Bytes(state_tag::kBeforeFirstChain, Bytes(state.before_first.chain));
  fields.Int(state_tag::kLastRecord, Signed(state.last.number));
  fields.Bytes(state_tag::kLastRecordChain, Bytes(state.last.chain));
  fields.Bytes(state_tag::kBroken, state.broken);
  fields.Int(state_tag::kBrokenNumber, Signed(state.broken_number));
  fields.Bytes(state_tag::kMac, Bytes(state.mac));
  fields.Finish();
}

void EncodeAuditKey(const AuditKeyRecord& record, const Sealer& sealer, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(key_tag::kSealed, sealer.Seal(record.key->Reveal(), kKeyRow));
  fields.Finish();
}

absl::StatusOr<AuditRecord> DecodeAudit(std::uint64_t number, std::string_view bytes) {
  AuditRecord record;
  KP_RETURN_IF_ERROR(ReadFields(bytes, kRecordVersion, record_tag::kLast, record_tag::kLast,
                                [&record](const Field& field) { return Put(field, &record); }));
  if (record.number != number) return absl::DataLossError("the record belongs to another row");
  return record;
}

absl::StatusOr<AuditState> DecodeAuditState(std::string_view bytes) {
  AuditState state;
  KP_RETURN_IF_ERROR(ReadFields(bytes, kRecordVersion, state_tag::kLast, state_tag::kLast,
                                [&state](const Field& field) { return Put(field, &state); }));
  return state;
}

absl::StatusOr<AuditKeyRecord> DecodeAuditKey(std::string_view bytes, const Sealer& sealer) {
  std::string_view sealed;
  KP_RETURN_IF_ERROR(ReadFields(bytes, kRecordVersion, key_tag::kLast, key_tag::kLast,
                                [&sealed](const Field& field) {
                                  sealed = field.value;
                                  return true;
                                }));
  absl::StatusOr<Secret> key = sealer.Open(sealed, kKeyRow);
  if (!key.ok()) return key.status();
  return AuditKeyRecord{std::make_shared<const Secret>(*std::move(key))};
}

}  // namespace keypool::store
