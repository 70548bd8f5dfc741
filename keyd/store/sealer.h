// Secrets at rest: AES-256-GCM, each bound to the row it is in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/secret.h"

namespace keypool::store {

// 32 random bytes that seal and open. Move-only; immutable, so const access is thread-safe.
class MasterKey {
 public:
  static constexpr std::size_t kBytes = 32;

  static MasterKey Random();
  // 64 hexadecimal digits. Errors: INVALID_ARGUMENT, without the text.
  static absl::StatusOr<MasterKey> Parse(std::string_view text);

  // As Parse reads it.
  Secret ToText() const;
  // Tells keys apart and tells nothing of them: 8 bytes of a hash.
  const std::string& id() const { return id_; }
  std::string_view bytes() const { return bytes_.Reveal(); }

 private:
  explicit MasterKey(Secret bytes);

  Secret bytes_;
  std::string id_;
};

// Seals with the first key, opens with any: so that one key takes over from another.
// Immutable, so const access is thread-safe.
class Sealer {
 public:
  // `keys` must not be empty.
  explicit Sealer(std::vector<MasterKey> keys);

  // The id of the key, a nonce, the encrypted secret and a tag. `row` is bound to it: opened for
  // another row it is damaged.
  std::string Seal(std::string_view secret, std::string_view row) const;
  // Errors: DATA_LOSS (changed, of another row, or sealed with another key).
  absl::StatusOr<Secret> Open(std::string_view sealed, std::string_view row) const;

  // Of the key that seals.
  const std::string& id() const { return keys_.front().id(); }
  bool Knows(std::string_view key_id) const { return Find(key_id) != nullptr; }

 private:
  const MasterKey* Find(std::string_view key_id) const;

  std::vector<MasterKey> keys_;
};

}  // namespace keypool::store
