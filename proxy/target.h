// Reading and editing of request targets: percent-encoding, paths, query parameters. Private to the
// pure part.
#pragma once

#include <string>
#include <string_view>

namespace keypool::proxy {

// Takes the next byte of percent-encoded text; -1 at its end. A broken escape stands for itself.
int TakeDecoded(std::string_view* text);

// A path as a server may read it: decoded once, runs of slashes as one, no slash at the end.
class ReadPath {
 public:
  // `raw` must outlive it; not copied unless it reads differently from what it is.
  explicit ReadPath(std::string_view raw);
  ReadPath(const ReadPath&) = delete;
  ReadPath& operator=(const ReadPath&) = delete;

  std::string_view view() const { return view_; }
  // A segment is "." or "..".
  bool has_dot_segment() const { return has_dot_segment_; }

 private:
  std::string decoded_;
  std::string_view view_;
  bool has_dot_segment_ = false;
};

// What the parameters of a query ask for, credentials left out.
struct QueryFacts {
  bool credentials = false;      // there are some, to be removed
  bool sse = false;              // alt=sse
  bool method_override = false;  // $httpMethod
  bool ephemeral_token = false;  // access_token=auth_tokens/…
};
// `query` is without its '?'.
QueryFacts ReadQuery(std::string_view query);

// The value of the first parameter `name`, decoded; empty when there is none.
std::string QueryValue(std::string_view query, std::string_view name);

// The first value of a credential parameter that looks like a client token, decoded; empty when
// there is none.
std::string ClientTokenIn(std::string_view query);

// What ephemeral tokens begin with.
inline constexpr std::string_view kEphemeralStart = "auth_tokens/";

// `query` without credential parameters, but for ephemeral tokens if `keep_ephemeral`; every other
// byte stays, empty parameters included.
std::string WithoutCredentials(std::string_view query, bool keep_ephemeral = false);

}  // namespace keypool::proxy
