// The bytes below the codec: fields with tags, varints, a checksum. See codec.h for the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keypool::store {

// Appends fields to `*out`, which it empties first.
class FieldWriter {
 public:
  FieldWriter(std::uint8_t version, std::string* out);

  void Bytes(std::uint8_t tag, std::string_view value);
  void Int(std::uint8_t tag, std::int64_t value);
  void Time(std::uint8_t tag, absl::Time value);
  // Closes the record. No field can follow.
  void Finish();

 private:
  std::string* out_;
};

struct Field {
  std::uint8_t tag = 0;
  std::string_view value;
};

// Reads the fields of one record in their order. Never reads outside of it, whatever the bytes.
class FieldReader {
 public:
  // Errors: DATA_LOSS (empty, of a newer version, checksum). `bytes` must outlive the reader.
  static absl::StatusOr<FieldReader> Open(std::string_view bytes, std::uint8_t version_max);

  // The next field; nothing at the end. Errors: DATA_LOSS (a field reaches beyond the end).
  absl::StatusOr<std::optional<Field>> Next();

 private:
  explicit FieldReader(std::string_view rest) : rest_(rest) {}
  std::string_view rest_;
};

absl::Status BadField(int tag, std::string_view what);

// Hands every field of the record to `read(field) → bool` (false: its value makes no sense). Tags 1
// to `last_required` must be there, those up to `last_known` (at most 31) may be, all at most once;
// tags above are of a later version and skipped. Errors: DATA_LOSS, naming the field.
template <class Read>
absl::Status ReadFields(std::string_view bytes, std::uint8_t version_max, int last_required,
                        int last_known, Read read) {
  absl::StatusOr<FieldReader> reader = FieldReader::Open(bytes, version_max);
  if (!reader.ok()) return reader.status();
  std::uint32_t seen = 0;
  while (true) {
    absl::StatusOr<std::optional<Field>> field = reader->Next();
    if (!field.ok()) return field.status();
    if (!field->has_value()) break;
    const int tag = (*field)->tag;
    if (tag > last_known) continue;
    if (seen & (1u << tag)) return BadField(tag, "is there twice");
    seen |= 1u << tag;
    if (!read(**field)) return BadField(tag, "has a value that makes no sense");
  }
  for (int tag = 1; tag <= last_required; ++tag) {
    if (!(seen & (1u << tag))) return BadField(tag, "is missing");
  }
  return absl::OkStatus();
}

// Whole integers and times inside a field's value, for lists. The readers take from the front of
// `*bytes`; nothing when it does not start with one.
void AppendInt(std::int64_t value, std::string* out);
std::optional<std::int64_t> TakeInt(std::string_view* bytes);

// A field that is one integer, with nothing after it.
std::optional<std::int64_t> WholeInt(std::string_view value);
std::optional<absl::Time> WholeTime(std::string_view value);

std::int64_t TimeToInt(absl::Time time);
absl::Time TimeFromInt(std::int64_t value);

}  // namespace keypool::store
