// The address at which a client reaches the proxy, as far as requests and settings tell. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

// Addresses whose word on where a request came to is taken: reverse proxies.
class TrustedPeers {
 public:
  // "127.0.0.1, 10.0.0.0/8, fd00::/8"; empty for nobody. Errors: INVALID_ARGUMENT (which one is
  // none).
  static absl::StatusOr<TrustedPeers> Parse(std::string_view list);
  // `address` as text, without a port.
  bool Has(std::string_view address) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  // of IPv6; IPv4 as mapped into it
  struct Range {
    Bytes first;
    int bits;
  };
  static bool Read(std::string_view text, Bytes* bytes, bool* is_v4);
  std::vector<Range> ranges_;
};

// "http://localhost:8000", from the Host field; with `trusts_peer` from X-Forwarded-Proto and
// X-Forwarded-Host, the first of several, where they are there and make sense. Empty when the
// request names no host.
std::string AddressUsed(const RequestHead& head, bool tls, bool trusts_peer);

// Of a URL without user information: what stands between "://" and its path.
std::string_view AuthorityIn(std::string_view url);

// Takes `prefix` ("/gemini") from the front of `target` when a path follows it. True when it did.
bool RemovePrefix(std::string_view prefix, std::string_view* target);

}  // namespace keypool::proxy
