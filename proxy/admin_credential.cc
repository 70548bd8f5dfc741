#include "proxy/admin_credential.h"

#include <memory>
#include <string_view>

#include "absl/strings/match.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/base/status.h"
#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

std::string_view BehindBearer(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(value), ToAbsl(kScheme))) return {};
  value.remove_prefix(kScheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

}  // namespace

AdminCredential FindAdminCredential(const RequestHead& head) {
  AdminCredential found;
  bool twice = false;
  for (const Field& field : head.fields) {
    if (Identify(field.name) != FieldName::kAuthorization) continue;
    twice = found.shown;
    found.shown = true;
    const std::string_view token = BehindBearer(field.value);
    if (LooksLikeToken(kAdminToken, token)) found.token = std::make_shared<const Secret>(token);
  }
  if (twice) found.token = nullptr;
  return found;
}

bool MayBeFromAnotherSite(const RequestHead& head) {
  for (const Field& field : head.fields) {
    const absl::string_view name = ToAbsl(field.name);
    if (absl::EqualsIgnoreCase(name, "origin")) return true;
    if (absl::EqualsIgnoreCase(name, "sec-fetch-site") && field.value != "none" &&
        field.value != "same-origin") {
      return true;
    }
  }
  return false;
}

}  // namespace keypool::proxy
