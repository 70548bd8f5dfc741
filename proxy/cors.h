// Which pages may use the proxy from a browser, and how the browser is told (the fetch standard's
// CORS). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

// The origins whose pages are served. Without one that says otherwise: those of this machine, since
// whoever reaches a loopback port may spend the pool's quota, and that must not be every page that
// somebody happens to visit.
class CorsPolicy {
 public:
  // A comma list of origins ("https://app.example"), of "local" (loopback hosts at any port, and
  // what is no page of the web: extensions and desktop programs) and "*" (everybody); empty or
  // "none" for nobody. Errors: INVALID_ARGUMENT (the element is named).
  static absl::StatusOr<CorsPolicy> Parse(std::string_view list);

  bool Allows(std::string_view origin) const;

 private:
  bool any_ = false;
  bool local_ = true;
  std::vector<std::string> origins_;
};

// What a browser says of the page that a request comes from.
struct CrossOrigin {
  std::string_view origin;  // empty: the request comes from no page
  std::string_view requested_method;
  std::string_view requested_headers;
  bool private_network = false;
  // It only asks whether the real one may be sent.
  bool preflight = false;
};
CrossOrigin ReadCrossOrigin(const RequestHead& head);

// The field lines that let a page of `origin` read an answer.
std::string CorsFields(std::string_view origin);
// Those that answer a preflight: every method, and the fields that are asked for.
std::string PreflightFields(const CrossOrigin& from);

}  // namespace keypool::proxy
