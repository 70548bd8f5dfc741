#include "keyd/store/client_codec.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/codec.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::AdminTokenRecord;
using policy::Charge;
using policy::ClientRecord;
using policy::ClientUseRecord;
using policy::KeptToken;

// Tags are part of the format: never renumber, never reuse.
namespace client_tag {
enum : std::uint8_t {
  kName = 1,
  kAddedAt = 2,
  kRevokedAt = 3,
  kRequestsPerMinute = 4,
  kRequestsPerDay = 5,
  kTokensPerDay = 6,
  kModels = 7,  // each with its length in front
  kExpires = 8,
  kWeight = 9,
  kTokens = 10,  // each: digest, made at, valid until
  kLast = kTokens,
};
}
namespace use_tag {
enum : std::uint8_t {
  kName = 1,
  kDay = 2,
  kDayUsed = 3,
  kMinute = 4,  // pairs of (time, count)
  kAhead = 5,
  kDayTokens = 6,
  kLast = kDayTokens,
};
}
namespace admin_tag {
enum : std::uint8_t {
  kName = 1,
  kAddedAt = 2,
  kExpires = 3,
  kTokens = 4,  // as those of a client
  kLast = kTokens,
};
}

bool Put(std::string_view value, std::int64_t* target) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (number) *target = *number;
  return number.has_value();
}

bool Put(std::string_view value, absl::Time* target) {
  const std::optional<absl::Time> time = WholeTime(value);
  if (time) *target = *time;
  return time.has_value();
}

bool PutModels(std::string_view value, std::vector<std::string>* models) {
  while (!value.empty()) {
    const std::optional<std::int64_t> size = TakeInt(&value);
    if (!size || *size < 0 || static_cast<std::uint64_t>(*size) > value.size()) return false;
    models->emplace_back(value.substr(0, static_cast<std::size_t>(*size)));
    value.remove_prefix(static_cast<std::size_t>(*size));
  }
  return true;
}

bool PutTokens(std::string_view value, std::vector<KeptToken>* tokens) {
  while (!value.empty()) {
    KeptToken token;
    if (value.size() < token.digest.size()) return false;
    std::copy_n(value.begin(), token.digest.size(), token.digest.begin());
    value.remove_prefix(token.digest.size());
    const std::optional<std::int64_t> made = TakeInt(&value);
    const std::optional<std::int64_t> until = made ? TakeInt(&value) : std::nullopt;
    if (!until) return false;
    token.made_at = TimeFromInt(*made);
    token.valid_until = TimeFromInt(*until);
    tokens->push_back(token);
  }
  return true;
}

bool PutCharges(std::string_view value, std::vector<Charge>* charges) {
  while (!value.empty()) {
    const std::optional<std::int64_t> at = TakeInt(&value);
    const std::optional<std::int64_t> count = at ? TakeInt(&value) : std::nullopt;
    if (!count || *count < 0) return false;
    charges->push_back({TimeFromInt(*at), *count});
  }
  return true;
}

bool Put(const Field& field, ClientRecord* record) {
  switch (field.tag) {
    case client_tag::kName:
      record->name = field.value;
      return true;
    case client_tag::kAddedAt:
      return Put(field.value, &record->added_at);
    case client_tag::kRevokedAt:
      return Put(field.value, &record->revoked_at);
    case client_tag::kRequestsPerMinute:
      return Put(field.value, &record->terms.requests_per_minute) &&
             record->terms.requests_per_minute > 0;
    case client_tag::kRequestsPerDay:
      return Put(field.value, &record->terms.requests_per_day);
    case client_tag::kTokensPerDay:
      return Put(field.value, &record->terms.input_tokens_per_day);
    case client_tag::kModels:
      return PutModels(field.value, &record->terms.models);
    case client_tag::kExpires:
      return Put(field.value, &record->terms.expires);
    case client_tag::kWeight:
      return Put(field.value, &record->terms.weight);
    case client_tag::kTokens:
      return PutTokens(field.value, &record->tokens);
  }
  return false;  // tag 0
}

bool Put(const Field& field, ClientUseRecord* record) {
  switch (field.tag) {
    case use_tag::kName:
      record->name = field.value;
      return true;
    case use_tag::kDay:
      return Put(field.value, &record->day);
    case use_tag::kDayUsed:
      return Put(field.value, &record->day_used) && record->day_used >= 0;
    case use_tag::kMinute:
      return PutCharges(field.value, &record->minute);
    case use_tag::kAhead:
      return Put(field.value, &record->ahead) && record->ahead >= 0;
    case use_tag::kDayTokens:
      return Put(field.value, &record->day_tokens) && record->day_tokens >= 0;
  }
  return false;  // tag 0
}

bool Put(const Field& field, AdminTokenRecord* record) {
  switch (field.tag) {
    case admin_tag::kName:
      record->name = field.value;
      return true;
    case admin_tag::kAddedAt:
      return Put(field.value, &record->added_at);
    case admin_tag::kExpires:
      return Put(field.value, &record->expires);
    case admin_tag::kTokens:
      return PutTokens(field.value, &record->tokens);
  }
  return false;  // tag 0
}

std::string TokenList(const std::vector<KeptToken>& tokens) {
  std::string list;
  for (const KeptToken& token : tokens) {
    list.append(token.digest.begin(), token.digest.end());
    AppendInt(TimeToInt(token.made_at), &list);
    AppendInt(TimeToInt(token.valid_until), &list);
  }
  return list;
}

template <class Record>
absl::StatusOr<Record> Decode(std::string_view table, int last_tag, std::string_view name,
                              std::string_view bytes) {
  Record record;
  absl::Status status = ReadFields(bytes, kRecordVersion, last_tag, last_tag,
                                   [&record](const Field& field) { return Put(field, &record); });
  if (status.ok() && record.name != name) {
    status = absl::DataLossError("the record belongs to another row");
  }
  if (status.ok()) return record;
  return Annotate(status,
                  absl::StrCat("table ", ToAbsl(table), ", row ", absl::CHexEscape(ToAbsl(name))));
}

}  // namespace

void EncodeClient(const ClientRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(client_tag::kName, record.name);
  fields.Time(client_tag::kAddedAt, record.added_at);
  fields.Time(client_tag::kRevokedAt, record.revoked_at);
  fields.Int(client_tag::kRequestsPerMinute, record.terms.requests_per_minute);
  fields.Int(client_tag::kRequestsPerDay, record.terms.requests_per_day);
  fields.Int(client_tag::kTokensPerDay, record.terms.input_tokens_per_day);
  std::string list;
  for (const std::string& model : record.terms.models) {
    AppendInt(static_cast<std::int64_t>(model.size()), &list);
    list += model;
  }
  fields.Bytes(client_tag::kModels, list);
  fields.Time(client_tag::kExpires, record.terms.expires);
  fields.Int(client_tag::kWeight, record.terms.weight);
  fields.Bytes(client_tag::kTokens, TokenList(record.tokens));
  fields.Finish();
}

void EncodeClientUse(const ClientUseRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(use_tag::kName, record.name);
  fields.Int(use_tag::kDay, record.day);
  fields.Int(use_tag::kDayUsed, record.day_used);
  std::string minute;
  for (const Charge& charge : record.minute) {
    AppendInt(TimeToInt(charge.at), &minute);
    AppendInt(charge.count, &minute);
  }
  fields.Bytes(use_tag::kMinute, minute);
  fields.Int(use_tag::kAhead, record.ahead);
  fields.Int(use_tag::kDayTokens, record.day_tokens);
  fields.Finish();
}

void EncodeAdminToken(const AdminTokenRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(admin_tag::kName, record.name);
  fields.Time(admin_tag::kAddedAt, record.added_at);
  fields.Time(admin_tag::kExpires, record.expires);
  fields.Bytes(admin_tag::kTokens, TokenList(record.tokens));
  fields.Finish();
}

absl::StatusOr<ClientRecord> DecodeClient(std::string_view name, std::string_view bytes) {
  return Decode<ClientRecord>("clients", client_tag::kLast, name, bytes);
}

absl::StatusOr<ClientUseRecord> DecodeClientUse(std::string_view name, std::string_view bytes) {
  return Decode<ClientUseRecord>("client_use", use_tag::kLast, name, bytes);
}

absl::StatusOr<AdminTokenRecord> DecodeAdminToken(std::string_view name, std::string_view bytes) {
  return Decode<AdminTokenRecord>("admin_tokens", admin_tag::kLast, name, bytes);
}

}  // namespace keypool::store
