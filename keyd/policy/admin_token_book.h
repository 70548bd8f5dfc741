// The admin tokens: who may use /admin over HTTP.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/token_index.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// At most `max` of them, each with at most two tokens. Not thread-safe. What changes it appends the
// records that must be written.
class AdminTokenBook {
 public:
  explicit AdminTokenBook(std::size_t max) : max_(max) {}

  // From the store. Errors: DATA_LOSS (a name or a token is there twice).
  absl::Status Restore(AdminTokenRecord record);

  // Under which name it is known, if it is good now.
  std::optional<std::string> NameOf(const TokenDigest& digest, absl::Time now) const;

  // Errors: see base/admin_tokens.h.
  absl::StatusOr<AdminTokenStatus> Apply(const AdminTokenCommand& command, const Moment& m,
                                         Mutations* mutations);
  // In the order of their names.
  std::vector<AdminTokenStatus> List(const Moment& m) const;

 private:
  absl::StatusOr<AdminTokenStatus> Do(const AddAdminTokenCommand& command, const Moment& m,
                                      Mutations* mutations);
  absl::StatusOr<AdminTokenStatus> Do(const RotateAdminTokenCommand& command, const Moment& m,
                                      Mutations* mutations);
  absl::StatusOr<AdminTokenStatus> Do(const RevokeAdminTokenCommand& command, const Moment& m,
                                      Mutations* mutations);
  void Insert(AdminTokenRecord record);

  const std::size_t max_;
  std::map<std::string, std::unique_ptr<AdminTokenRecord>, std::less<>> by_name_;
  TokenIndex<AdminTokenRecord> by_token_;
};

}  // namespace keypool::policy
