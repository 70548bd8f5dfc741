// How records look at rest: versioned bytes, the same for every store.
//
// A record is one version byte, fields, and a checksum. A field is a tag byte, a length (varint)
// and that many bytes; integers are zigzag varints, times are nanoseconds since 1970. Rules for
// whoever extends it: a tag is never used again for something else; a field that an older keyd may
// ignore is added under a new tag and is optional when read; anything that an older keyd must not
// ignore raises kRecordVersion, and the older keyd then refuses the record instead of misreading
// it.
//
// The only place of a store that sees a secret: it is sealed here, and opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/types.h"
#include "keyd/store/sealer.h"

namespace keypool::store {

inline constexpr std::uint8_t kRecordVersion = 1;
// Of a key: 2 has its secret sealed, 1 has it plain.
inline constexpr std::uint8_t kKeyRecordVersion = 2;

// Replaces `*out`. Times are kept to the nanosecond, and as infinite beyond the years 1677 to 2262.
// A key must have its secret.
void EncodeKey(const policy::KeyRecord& record, const Sealer& sealer, std::string* out);
void EncodeBucket(const policy::BucketRecord& record, std::string* out);
void EncodePool(const policy::PoolRecord& record, std::string* out);
void EncodeRemovedKey(const policy::RemovedKeyRecord& record, std::string* out);

// The record in `bytes`, filed in the store under `row`. Errors: DATA_LOSS, naming the table and
// the row: damaged, of a newer version, or of another row than the one it is filed under.
absl::StatusOr<policy::KeyRecord> DecodeKey(KeyId row, std::string_view bytes,
                                            const Sealer& sealer);
// Of a key's record, as an earlier keyd wrote it.
bool SecretIsPlain(std::string_view bytes);
absl::StatusOr<policy::BucketRecord> DecodeBucket(const policy::BucketName& row,
                                                  std::string_view bytes);
absl::StatusOr<policy::PoolRecord> DecodePool(std::string_view bytes);
absl::StatusOr<policy::RemovedKeyRecord> DecodeRemovedKey(KeyId row, std::string_view bytes);

}  // namespace keypool::store
