// Whatever lies in the store: a record that is read is written as one that reads the same, a
// damaged one is noticed, and what is written is read under its own row only.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "keyd/store/audit_codec.h"
#include "keyd/store/client_codec.h"
#include "keyd/store/codec.h"
#include "keyd/store/limits_codec.h"
#include "keyd/store/record_fields.h"
#include "keyd/store/resource_codec.h"
#include "keyd/store/usage_codec.h"
#include "tests/fakes/keyd/test_sealer.h"
#include "tests/fuzz/fuzz.h"

namespace keypool {
namespace {

using namespace store;

// The checksum of the format, told a second time.
std::string WithChecksum(std::string_view body) {
  std::string record(body);
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  for (int shift = 0; shift < 32; shift += 8) record.push_back(static_cast<char>(hash >> shift));
  return record;
}

// The row that a record would be filed under, as far as its fields tell.
struct Row {
  std::int64_t id = 0;
  std::string first, second;
};
Row RowIn(std::string_view record) {
  Row row;
  auto reader = FieldReader::Open(record, kKeyRecordVersion);
  if (!reader.ok()) return row;
  for (;;) {
    const auto field = reader->Next();
    if (!field.ok() || !field->has_value()) return row;
    if ((*field)->tag == 1) row.id = WholeInt((*field)->value).value_or(0);
    if ((*field)->tag == 1) row.first = (*field)->value;
    if ((*field)->tag == 2) row.second = (*field)->value;
  }
}

// Any byte that changes is noticed, and so is an end that is missing.
template <class Decode>
void CheckDamage(const std::string& record, Decode decode) {
  for (std::size_t at = 0; at < record.size(); at += 1 + record.size() / 7) {
    std::string damaged = record;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    FUZZ_CHECK(!decode(damaged).ok());
    FUZZ_CHECK(!decode(std::string_view(record).substr(0, at)).ok());
  }
}

// What `decode` takes, `encode` writes so that it reads the same.
template <class Decode, class Encode>
void CheckRecord(std::string_view record, Decode decode, Encode encode) {
  const auto read = decode(record);
  if (!read.ok()) {
    FUZZ_CHECK(absl::IsDataLoss(read.status()));
    return;
  }
  std::string written, again;
  encode(*read, &written);
  const auto back = decode(written);
  FUZZ_CHECK(back.ok());
  encode(*back, &again);
  FUZZ_CHECK(again == written);
  CheckDamage(written, decode);
}

// As CheckRecord, of a key: its secret looks different each time that it is sealed.
void CheckKey(std::string_view record, KeyId id) {
  static const auto sealer = fakes::TestSealer();
  const auto decode = [id](std::string_view r) { return DecodeKey(id, r, *sealer); };
  const auto read = decode(record);
  if (!read.ok()) {
    FUZZ_CHECK(absl::IsDataLoss(read.status()));
    return;
  }
  std::string written;
  EncodeKey(*read, *sealer, &written);
  const auto back = decode(written);
  FUZZ_CHECK(back.ok() && back->id == read->id && back->project == read->project);
  FUZZ_CHECK(back->secret->Reveal() == read->secret->Reveal());
  FUZZ_CHECK(!DecodeKey(KeyId(id.value() ^ 1), written, *sealer).ok());
  CheckDamage(written, decode);
}

void CheckAudit(std::string_view record, std::uint64_t number) {
  const auto decode = [number](std::string_view r) { return DecodeAudit(number, r); };
  CheckRecord(record, decode, EncodeAudit);
  CheckRecord(record, DecodeAuditState, EncodeAuditState);
  static const auto sealer = fakes::TestSealer();
  const absl::Status key = DecodeAuditKey(record, *sealer).status();
  FUZZ_CHECK(key.ok() || absl::IsDataLoss(key));
}

void CheckAsEach(std::string_view record) {
  const Row row = RowIn(record);
  const KeyId id(static_cast<std::uint64_t>(row.id));
  CheckKey(record, id);
  CheckAudit(record, id.value());
  CheckRecord(
      record, [&row](std::string_view r) { return DecodeClient(row.first, r); }, EncodeClient);
  CheckRecord(
      record, [&row](std::string_view r) { return DecodeClientUse(row.first, r); },
      EncodeClientUse);
  CheckRecord(
      record, [&row](std::string_view r) { return DecodeAdminToken(row.first, r); },
      EncodeAdminToken);
  CheckRecord(
      record,
      [&row](std::string_view r) {
        return DecodeBucket({ProjectId(row.first), row.second}, r);
      },
      EncodeBucket);
  CheckRecord(record, DecodePool, EncodePool);
  CheckRecord(
      record, [id](std::string_view r) { return DecodeRemovedKey(id, r); }, EncodeRemovedKey);
  CheckRecord(
      record, [&row](std::string_view r) { return DecodeResource(row.first, r); }, EncodeResource);
}

// Numbers and texts out of the bytes, for records whose row cannot be told from them.
class Source {
 public:
  explicit Source(std::string_view bytes) : bytes_(bytes) {}

  std::int64_t Int() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | Byte();
    return static_cast<std::int64_t>(value);
  }
  std::uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string Text() {
    const std::string text(bytes_.substr(0, Byte() % 32));
    bytes_.remove_prefix(std::min(text.size(), bytes_.size()));
    return text;
  }

 private:
  std::string_view bytes_;
};

void CheckUsage(Source source) {
  policy::UsageRecord record;
  record.name.dimension = static_cast<UsageDimension>(source.Byte() % kUsageDimensions);
  record.name.place = {source.Int(), source.Text(), source.Int()};
  record.counts = {source.Int(), source.Int(), source.Int(), source.Int(),
                   source.Int(), source.Int(), source.Int()};
  std::string written;
  EncodeUsage(record, &written);
  const auto decode = [&record](std::string_view r) { return DecodeUsage(record.name, r); };
  FUZZ_CHECK(decode(written).ok() && decode(written)->counts == record.counts);
  FUZZ_CHECK(DimensionOfRow(RowOf(record.name.dimension)) == record.name.dimension);
  policy::UsageName other = record.name;
  other.place.day ^= 1;
  FUZZ_CHECK(!DecodeUsage(other, written).ok());
  CheckDamage(written, decode);
}

std::optional<std::int64_t> NumberOf(Source* source) {
  if (source->Byte() % 3 == 0) return std::nullopt;
  return source->Int() & INT64_MAX;
}

void CheckLimits(Source source) {
  policy::LimitRecord record;
  record.scope = {static_cast<LimitLevel>(source.Byte() % 3), source.Text(),
                  static_cast<LimitModels>(source.Byte() % 3), source.Text()};
  record.limits = {NumberOf(&source), NumberOf(&source), NumberOf(&source), NumberOf(&source)};
  record.tier = source.Text();
  std::string written;
  EncodeLimits(record, &written);
  const std::string row = store::RowOf(record.scope);
  const auto decode = [&row](std::string_view r) { return DecodeLimits(row, r); };
  FUZZ_CHECK(decode(written).ok() && *decode(written) == record);
  CheckDamage(written, decode);
  LimitScopeName other = record.scope;
  other.model += 'x';
  FUZZ_CHECK(store::RowOf(other) != row);
  other = record.scope;
  other.name += 'x';
  FUZZ_CHECK(store::RowOf(other) != row);
}

}  // namespace

void proxy::Fuzz(std::string_view bytes) {
  CheckAsEach(bytes);
  CheckAsEach(WithChecksum(bytes));
  for (const std::string& record : {std::string(bytes), WithChecksum(bytes)}) {
    const absl::Status usage = DecodeUsage({}, record).status();
    FUZZ_CHECK(usage.ok() || absl::IsDataLoss(usage));
    const absl::Status limits = DecodeLimits("", record).status();
    FUZZ_CHECK(limits.ok() || absl::IsDataLoss(limits));
  }
  CheckUsage(Source(bytes));
  CheckLimits(Source(bytes));
}

}  // namespace keypool
