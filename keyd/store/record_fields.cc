#include "keyd/store/record_fields.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::store {
namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr int kVarintBytesMax = 10;

// FNV-1a: every step is a bijection, so no single damaged byte goes unnoticed. Against accidents,
// not against people.
std::uint32_t Checksum(std::string_view bytes) {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x01000193;
  }
  return hash;
}

void AppendVarint(std::uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

std::optional<std::uint64_t> TakeVarint(std::string_view* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < kVarintBytesMax && static_cast<std::size_t>(i) < bytes->size(); ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    // The tenth byte has room for one bit.
    if (i == kVarintBytesMax - 1 && byte > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) {
      bytes->remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

std::uint32_t ReadChecksum(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

}  // namespace

FieldWriter::FieldWriter(std::uint8_t version, std::string* out) : out_(out) {
  out_->clear();
  out_->push_back(static_cast<char>(version));
}

void FieldWriter::Bytes(std::uint8_t tag, std::string_view value) {
  out_->push_back(static_cast<char>(tag));
  AppendVarint(value.size(), out_);
  out_->append(value);
}

void FieldWriter::Int(std::uint8_t tag, std::int64_t value) {
  out_->push_back(static_cast<char>(tag));
  const std::size_t length_at = out_->size();
  out_->push_back('\0');  // a varint is at most ten bytes, so its length fits one
  AppendInt(value, out_);
  (*out_)[length_at] = static_cast<char>(out_->size() - length_at - 1);
}

void FieldWriter::Time(std::uint8_t tag, absl::Time value) { Int(tag, TimeToInt(value)); }

void FieldWriter::Finish() {
  std::uint32_t checksum = Checksum(*out_);
  for (std::size_t i = 0; i < kChecksumBytes; ++i, checksum >>= 8) {
    out_->push_back(static_cast<char>(checksum & 0xff));
  }
}

absl::StatusOr<FieldReader> FieldReader::Open(std::string_view bytes, std::uint8_t version_max) {
  if (bytes.empty()) return absl::DataLossError("the record is empty");
  const auto version = static_cast<std::uint8_t>(bytes.front());
  if (version > version_max) {
    return absl::DataLossError(absl::StrCat("the record has format ", version,
                                            ", this keyd knows formats up to ", version_max,
                                            ": run the newer keyd that wrote it"));
  }
  if (version == 0) return absl::DataLossError("the record is damaged (format 0)");
  if (bytes.size() < 1 + kChecksumBytes) return absl::DataLossError("the record is cut short");
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (Checksum(covered) != ReadChecksum(bytes.substr(covered.size()))) {
    return absl::DataLossError("the record is damaged (its checksum does not match)");
  }
  return FieldReader(covered.substr(1));
}

absl::StatusOr<std::optional<Field>> FieldReader::Next() {
  if (rest_.empty()) return std::optional<Field>();
  Field field;
  field.tag = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  const std::optional<std::uint64_t> length = TakeVarint(&rest_);
  if (!length || *length > rest_.size()) {
    return absl::DataLossError(absl::StrCat("field ", field.tag, " reaches beyond the record"));
  }
  field.value = rest_.substr(0, *length);
  rest_.remove_prefix(*length);
  return std::optional<Field>(field);
}

absl::Status BadField(int tag, std::string_view what) {
  return absl::DataLossError(absl::StrCat("field ", tag, " ", ToAbsl(what)));
}

void AppendInt(std::int64_t value, std::string* out) { AppendVarint(ZigZag(value), out); }

std::optional<std::int64_t> TakeInt(std::string_view* bytes) {
  const std::optional<std::uint64_t> raw = TakeVarint(bytes);
  if (!raw) return std::nullopt;
  return UnZigZag(*raw);
}

std::optional<std::int64_t> WholeInt(std::string_view value) {
  const std::optional<std::int64_t> number = TakeInt(&value);
  return value.empty() ? number : std::nullopt;
}

std::optional<absl::Time> WholeTime(std::string_view value) {
  const std::optional<std::int64_t> number = WholeInt(value);
  if (!number) return std::nullopt;
  return TimeFromInt(*number);
}

// Saturates, so that the infinite times get the two ends of the range.
std::int64_t TimeToInt(absl::Time time) { return absl::ToUnixNanos(time); }

absl::Time TimeFromInt(std::int64_t value) {
  if (value == std::numeric_limits<std::int64_t>::max()) return absl::InfiniteFuture();
  if (value == std::numeric_limits<std::int64_t>::min()) return absl::InfinitePast();
  return absl::FromUnixNanos(value);
}

}  // namespace keypool::store
