// Whose token it is, for a book of owners that have tokens: what clients and admin tokens share.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "keyd/base/token.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// Finding one is O(1). Not thread-safe. Owners must outlive their entries, and stay where they are.
template <class Owner>
class TokenIndex {
 public:
  void Add(const std::vector<KeptToken>& tokens, Owner* owner) {
    for (const KeptToken& token : tokens) by_digest_.emplace(token.digest, Place{token, owner});
  }
  void Remove(const std::vector<KeptToken>& tokens) {
    for (const KeptToken& token : tokens) by_digest_.erase(token.digest);
  }
  bool HasAnyOf(const std::vector<KeptToken>& tokens) const {
    for (const KeptToken& token : tokens) {
      if (by_digest_.contains(token.digest)) return true;
    }
    return false;
  }
  // nullptr: nobody's, or not good any more. Whether its owner has expired is not looked at.
  Owner* Find(const TokenDigest& digest, absl::Time now) const {
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end() || found->second.token.valid_until <= now) return nullptr;
    return found->second.owner;
  }

 private:
  struct Place {
    KeptToken token;
    Owner* owner;
  };
  absl::flat_hash_map<TokenDigest, Place, TokenDigestHash, TokenDigestEqual> by_digest_;
};

// A new token, and the one before for `overlap` more; those before that go.
inline std::vector<KeptToken> Rotated(const std::vector<KeptToken>& tokens,
                                      const TokenDigest& digest, absl::Duration overlap,
                                      absl::Time now) {
  std::vector<KeptToken> rotated = {{.digest = digest, .made_at = now}};
  if (!tokens.empty() && overlap > absl::ZeroDuration()) {
    rotated.push_back(tokens.front());
    rotated.back().valid_until = now + overlap;
  }
  return rotated;
}

// Those that are good, the newest first.
inline std::vector<TokenStatus> DescribeTokens(const std::vector<KeptToken>& tokens,
                                               absl::Time now) {
  std::vector<TokenStatus> good;
  for (const KeptToken& token : tokens) {
    if (token.valid_until <= now) continue;
    TokenStatus& said = good.emplace_back();
    said.made_at = token.made_at;
    if (token.valid_until != absl::InfiniteFuture()) said.valid_until = token.valid_until;
  }
  return good;
}

}  // namespace keypool::policy
