#include "proxy/cors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

constexpr std::size_t kOriginBytesMax = 256;
constexpr std::size_t kHeadersBytesMax = 2048;

// "scheme://rest", or nothing in the parts.
struct Parts {
  std::string scheme;
  std::string host;  // without the port
};
Parts Split(std::string_view origin) {
  const std::size_t colon = origin.find("://");
  if (colon == 0 || colon == std::string_view::npos) return {};
  Parts parts;
  parts.scheme = absl::AsciiStrToLower(ToAbsl(origin.substr(0, colon)));
  std::string_view host = origin.substr(colon + 3);
  if (host.starts_with('[')) {
    host = host.substr(0, std::min(host.find(']'), host.size() - 1) + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  parts.host = absl::AsciiStrToLower(ToAbsl(host));
  return parts;
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]" || host.ends_with(".localhost")) return true;
  const bool is_address = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_address && host.starts_with("127.");
}

// "null", which sandboxed frames of any page have, is not local.
bool IsLocal(std::string_view origin) {
  const Parts parts = Split(origin);
  if (parts.scheme.empty()) return false;
  const bool of_the_web = parts.scheme == "http" || parts.scheme == "https";
  return !of_the_web || IsLoopback(parts.host);
}

bool IsOrigin(std::string_view text) {
  const Parts parts = Split(text);
  const auto visible = [](char c) { return c > ' ' && c < '\x7f' && c != ','; };
  const std::size_t path = text.find('/', parts.scheme.size() + 3);
  return !parts.scheme.empty() && !parts.host.empty() && path == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), visible);
}

}  // namespace

absl::StatusOr<CorsPolicy> CorsPolicy::Parse(std::string_view list) {
  CorsPolicy policy;
  policy.local_ = false;
  std::string wrong;
  ForEachElement(list, [&](std::string_view element) {
    if (element == "*") {
      policy.any_ = true;
    } else if (element == "local") {
      policy.local_ = true;
    } else if (IsOrigin(element)) {
      policy.origins_.push_back(absl::AsciiStrToLower(ToAbsl(element)));
    } else if (element != "none") {
      wrong = element;
    }
    return wrong.empty();
  });
  if (wrong.empty()) return policy;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", wrong,
                   "\" is no origin; write https://host or https://host:port without a path, "
                   "local, * or none"));
}

bool CorsPolicy::Allows(std::string_view origin) const {
  if (origin.size() > kOriginBytesMax || !AllAre(kTargetChar, origin)) return false;
  if (any_ || (local_ && IsLocal(origin))) return true;
  const std::string lower = absl::AsciiStrToLower(ToAbsl(origin));
  return std::find(origins_.begin(), origins_.end(), lower) != origins_.end();
}

CrossOrigin ReadCrossOrigin(const RequestHead& head) {
  CrossOrigin from;
  for (const Field& field : head.fields) {
    if (IsIgnoringCase(field.name, "origin")) {
      from.origin = field.value;
      break;
    }
  }
  if (from.origin.empty() || head.method != "OPTIONS") return from;
  for (const Field& field : head.fields) {
    if (SameName(field.name, "access-control-request-method")) {
      from.requested_method = field.value;
    } else if (SameName(field.name, "access-control-request-headers")) {
      from.requested_headers = field.value;
    } else if (SameName(field.name, "access-control-request-private-network")) {
      from.private_network = field.value == "true";
    }
  }
  from.preflight = !from.requested_method.empty();
  return from;
}

std::string CorsFields(std::string_view origin) {
  return absl::StrCat(
      "Access-Control-Allow-Origin: ", ToAbsl(origin),
      "\r\nVary: Origin\r\nAccess-Control-Expose-Headers: X-Goog-Upload-URL, "
      "X-Goog-Upload-Control-URL, X-Goog-Upload-Status, X-Goog-Upload-Chunk-Granularity, "
      "X-Goog-Upload-Size-Received, X-GUploader-UploadID, Retry-After, X-Should-Retry\r\n");
}

std::string PreflightFields(const CrossOrigin& from) {
  std::string headers;
  ForEachElement(from.requested_headers, [&headers](std::string_view name) {
    if (headers.size() + name.size() > kHeadersBytesMax) return false;
    if (AllAre(kTokenChar, name))
      absl::StrAppend(&headers, headers.empty() ? "" : ", ", ToAbsl(name));
    return true;
  });
  std::string fields =
      "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
      "Access-Control-Max-Age: 7200\r\n"
      "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
  if (!headers.empty()) absl::StrAppend(&fields, "Access-Control-Allow-Headers: ", headers, "\r\n");
  if (from.private_network) fields += "Access-Control-Allow-Private-Network: true\r\n";
  return fields;
}

}  // namespace keypool::proxy
