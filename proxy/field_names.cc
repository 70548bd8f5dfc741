#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

constexpr FieldName Either(bool is, FieldName name) { return is ? name : FieldName::kOther; }

FieldName IdentifyBySize(std::string_view name) {
  switch (name.size()) {
    case 2:
      return Either(IsIgnoringCase(name, "te"), FieldName::kTe);
    case 4:
      return Either(IsIgnoringCase(name, "host"), FieldName::kHost);
    case 6:
      if (IsIgnoringCase(name, "cookie")) return FieldName::kCookie;
      return Either(IsIgnoringCase(name, "expect"), FieldName::kExpect);
    case 7:
      if (IsIgnoringCase(name, "upgrade")) return FieldName::kUpgrade;
      if (IsIgnoringCase(name, "trailer")) return FieldName::kTrailer;
      return Either(IsIgnoringCase(name, "alt-svc"), FieldName::kAltSvc);
    case 10:
      if (IsIgnoringCase(name, "connection")) return FieldName::kConnection;
      return Either(IsIgnoringCase(name, "keep-alive"), FieldName::kKeepAlive);
    case 12:
      return Either(IsIgnoringCase(name, "content-type"), FieldName::kContentType);
    case 13:
      return Either(IsIgnoringCase(name, "authorization"), FieldName::kAuthorization);
    case 14:
      if (IsIgnoringCase(name, "content-length")) return FieldName::kContentLength;
      return Either(IsIgnoringCase(name, "x-goog-api-key"), FieldName::kGoogApiKey);
    case 15:
      return Either(IsIgnoringCase(name, "accept-encoding"), FieldName::kAcceptEncoding);
    case 16:
      if (IsIgnoringCase(name, "x-server-timeout")) return FieldName::kServerTimeout;
      return Either(IsIgnoringCase(name, "content-encoding"), FieldName::kContentEncoding);
    case 17:
      return Either(IsIgnoringCase(name, "transfer-encoding"), FieldName::kTransferEncoding);
    case 19:
      return Either(IsIgnoringCase(name, "x-goog-user-project"), FieldName::kGoogUserProject);
    case 22:
      return Either(IsIgnoringCase(name, "x-http-method-override"), FieldName::kMethodOverride);
    default:
      return FieldName::kOther;
  }
}

}  // namespace

FieldName Identify(std::string_view name) {
  const FieldName known = IdentifyBySize(name);
  if (known != FieldName::kOther) return known;
  return Either(name.size() >= 6 && IsIgnoringCase(name.substr(0, 6), "proxy-"), FieldName::kProxy);
}

bool SameName(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    // Not only bit 5: both sides come from outside, and '^' is not '~'.
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace keypool::proxy
