#include "proxy/upload_urls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "proxy/field_names.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kGoogle = "generativelanguage.googleapis.com";

}  // namespace

bool IsUploadUrl(std::string_view field_name) {
  return SameName(field_name, "X-Goog-Upload-URL") ||
         SameName(field_name, "X-Goog-Upload-Control-URL") || SameName(field_name, "Location");
}

std::string ForClient(const UrlRewrite& rewrite, std::string_view url) {
  const std::size_t mark = std::min(url.find('?'), url.size());
  std::string_view place = url.substr(0, mark);
  std::string query;
  if (mark < url.size()) query = WithoutCredentials(url.substr(mark + 1));
  if (!query.empty()) query.insert(0, "?");
  std::string_view base;
  const std::size_t scheme = place.find("://");
  if (!rewrite.base.empty() && scheme != std::string_view::npos) {
    const std::string_view rest = place.substr(scheme + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/#"));
    if (SameName(authority, rewrite.authority) || SameName(authority, kGoogle)) {
      base = rewrite.base;
      place = rest.substr(authority.size());
      const std::string_view behind = place.substr(std::min(rewrite.prefix.size(), place.size()));
      if (place.starts_with(rewrite.prefix) && behind.starts_with('/')) place = behind;
    }
  }
  return absl::StrCat(ToAbsl(base), ToAbsl(place), query);
}

}  // namespace keypool::proxy
