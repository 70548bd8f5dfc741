// What policy asks of a secret's bytes. The only file of this room that reveals one.
#pragma once

#include <array>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

inline constexpr std::size_t kSecretBytesMin = 8, kSecretBytesMax = 512;
// Of a length between the bounds, printable ASCII without spaces: it goes into a header line.
bool IsAcceptable(const Secret& secret);

// SHA-256, for a table of those who are there: neither the table nor its timing tells a secret.
using SecretDigest = std::array<unsigned char, 32>;
SecretDigest DigestOf(const Secret& secret);

// SHA-256 of "keypool removed key", a zero byte and the secret; 32 bytes. What the store keeps of a
// removed key.
std::string SecretFingerprint(const Secret& secret);

// The keys that were removed and that an import must not bring back; at most `max`, then the lowest
// id is forgotten. Not thread-safe.
class RemovedKeys {
 public:
  explicit RemovedKeys(std::size_t max) : max_(max) {}

  // From the store.
  void Restore(RemovedKeyRecord record, Mutations* mutations);
  void Add(KeyId id, const Secret& secret, Mutations* mutations);
  bool Contains(const Secret& secret) const;
  // When it is added again on purpose.
  void Forget(const Secret& secret, Mutations* mutations);

 private:
  void Insert(KeyId id, std::string fingerprint);
  void Erase(KeyId id, Mutations* mutations);

  std::size_t max_;
  absl::btree_map<KeyId, std::string> by_id_;
  absl::flat_hash_map<std::string, KeyId> by_fingerprint_;
};

}  // namespace keypool::policy
