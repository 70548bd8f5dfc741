// Who may use /admin over HTTP, with a token of their own: what an operator says and sees of them.
// Plain data.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/secret.h"
#include "keyd/base/token.h"

namespace keypool {

// "gka_…".
inline constexpr TokenKind kAdminToken = {"gka_", "keypool admin token"};

inline constexpr std::size_t kAdminTokensMax = 100;  // expired ones included

// --- What an operator does. Names are as those of clients.

// Errors: ALREADY_EXISTS, RESOURCE_EXHAUSTED.
struct AddAdminTokenCommand {
  std::string name;
  absl::Duration expires_in = absl::InfiniteDuration();
  TokenDigest token = {};
  std::string who = {};  // as the audit shows it
};
// A new token under the same name; the one before is good for `overlap` more, one before that no
// longer. Errors: NOT_FOUND, FAILED_PRECONDITION (it has expired, and no new end is given).
struct RotateAdminTokenCommand {
  std::string name;
  absl::Duration overlap = kTokenOverlap;
  std::optional<absl::Duration> expires_in = std::nullopt;  // nothing: stays as it is
  TokenDigest token = {};
  std::string who = {};
};
// Forgets it. Errors: NOT_FOUND.
struct RevokeAdminTokenCommand {
  std::string name;
  std::string who = {};
};
using AdminTokenCommand =
    std::variant<AddAdminTokenCommand, RotateAdminTokenCommand, RevokeAdminTokenCommand>;

// --- What an operator sees

struct AdminTokenStatus {
  std::string name;
  bool expired = false;
  absl::Time added_at;
  absl::Time expires = absl::InfiniteFuture();
  std::vector<TokenStatus> tokens = {};  // those that are good, the newest first
};
// As it stands in JSON and in tables.
inline std::string_view StateNameOf(const AdminTokenStatus& token) {
  return token.expired ? "expired" : "active";
}
// The token is shown this once.
struct IssuedAdminToken {
  AdminTokenStatus status;
  SecretPtr token;
};

}  // namespace keypool
