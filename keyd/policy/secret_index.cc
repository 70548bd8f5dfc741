#include "keyd/policy/secret_index.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

namespace keypool::policy {

bool IsAcceptable(const Secret& secret) {
  const std::string_view bytes = secret.Reveal();
  return bytes.size() >= kSecretBytesMin && bytes.size() <= kSecretBytesMax &&
         std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

SecretDigest DigestOf(const Secret& secret) {
  SecretDigest digest;
  const std::string_view bytes = secret.Reveal();
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::string SecretFingerprint(const Secret& secret) {
  constexpr std::string_view kPurpose("keypool removed key\0", 20);
  const std::string_view bytes = secret.Reveal();
  std::string input;
  input.reserve(kPurpose.size() + bytes.size());  // so that no copy is left behind by growing
  input.append(kPurpose).append(bytes);
  std::string fingerprint(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(),
         reinterpret_cast<unsigned char*>(fingerprint.data()));
  OPENSSL_cleanse(input.data(), input.size());
  return fingerprint;
}

void RemovedKeys::Restore(RemovedKeyRecord record, Mutations* mutations) {
  Insert(record.id, std::move(record.fingerprint));
  if (by_id_.size() > max_) Erase(by_id_.begin()->first, mutations);
}

void RemovedKeys::Add(KeyId id, const Secret& secret, Mutations* mutations) {
  if (max_ == 0) return;
  const std::string fingerprint = SecretFingerprint(secret);
  Forget(secret, mutations);
  if (by_id_.size() >= max_) Erase(by_id_.begin()->first, mutations);
  Insert(id, fingerprint);
  mutations->push_back(RemovedKeyRecord{.id = id, .fingerprint = fingerprint});
}

bool RemovedKeys::Contains(const Secret& secret) const {
  return !by_id_.empty() && by_fingerprint_.contains(SecretFingerprint(secret));
}

void RemovedKeys::Forget(const Secret& secret, Mutations* mutations) {
  if (by_id_.empty()) return;
  const auto found = by_fingerprint_.find(SecretFingerprint(secret));
  if (found != by_fingerprint_.end()) Erase(KeyId{found->second}, mutations);
}

void RemovedKeys::Insert(KeyId id, std::string fingerprint) {
  by_fingerprint_.insert_or_assign(fingerprint, id);
  by_id_.insert_or_assign(id, std::move(fingerprint));
}

void RemovedKeys::Erase(KeyId id, Mutations* mutations) {
  const auto found = by_id_.find(id);
  by_fingerprint_.erase(found->second);
  by_id_.erase(found);
  mutations->push_back(DeleteRemovedKey{id});
}

}  // namespace keypool::policy
