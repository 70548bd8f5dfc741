// Who may use /admin over HTTP.
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {

absl::StatusOr<AdminTokenStatus> Pool::Apply(const AdminTokenCommand& command, const Now& now,
                                             Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  absl::StatusOr<AdminTokenStatus> status = state.admin_tokens.Apply(command, m, mutations);
  if (!status.ok()) return status;
  constexpr std::string_view kDone[] = {"added", "rotated", "revoked"};
  static_assert(std::size(kDone) == std::variant_size_v<AdminTokenCommand>);
  PoolEvent event;
  event.kind = EventKind::kAdminTokensChanged;
  event.text = absl::StrCat("admin token ", status->name, " was ", ToAbsl(kDone[command.index()]));
  state.events.Add(std::move(event), m.wall);
  return status;
}

std::vector<AdminTokenStatus> Pool::ListAdminTokens(const Now& now) const {
  return state_->admin_tokens.List(state_->Peek(now));
}

absl::StatusOr<std::string> Pool::NameOfAdminToken(const std::optional<TokenDigest>& digest,
                                                   const Now& now) const {
  std::optional<std::string> name;
  if (digest) name = state_->admin_tokens.NameOf(*digest, now.wall);
  if (name) return *std::move(name);
  return absl::UnauthenticatedError(
      "/admin needs an admin token that is good: `poolctl admin-token add NAME` makes one");
}

}  // namespace keypool::policy
