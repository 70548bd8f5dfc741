// The addresses at which clients go on with an upload, which Google gives for its own host. Pure.
#pragma once

#include <string>
#include <string_view>

namespace keypool::proxy {

// Where a client reaches this proxy, and where the proxy reaches Google.
struct UrlRewrite {
  std::string_view base;       // "https://pool.example/gemini"; empty: addresses stay Google's
  std::string_view authority;  // upstream's, with its port when that is not the scheme's
  std::string_view prefix;     // in front of every path upstream
};

// True for X-Goog-Upload-URL, X-Goog-Upload-Control-URL and Location.
bool IsUploadUrl(std::string_view field_name);

// `url` as the client should use it: by way of this proxy, the same path and query, but without
// credentials. Those of other hosts only lose their credentials.
std::string ForClient(const UrlRewrite& rewrite, std::string_view url);

}  // namespace keypool::proxy
