// The one builder of error answers in Google's shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {

struct ErrorAnswer {
  int http_status = 500;
  std::string_view status;  // "RESOURCE_EXHAUSTED"; empty: the one that belongs to http_status
  std::string message;      // a sentence that names the problem and the fix
  // For 429 and 503: Retry-After (whole seconds, rounded up, at least 1) and google.rpc.RetryInfo.
  std::optional<absl::Duration> retry_after;
  // For an exhausted pool: google.rpc.QuotaFailure with a per-day or per-minute quotaId.
  struct Quota {
    bool per_day = false;
    std::string model;
    std::int64_t limit = 0;     // 0: not told
    bool input_tokens = false;  // else requests
    bool of_client = false;     // the client's own quota, not the pool's
  };
  std::optional<Quota> quota;
};

struct ErrorText {
  std::string_view reason;        // "Too Many Requests"
  std::string_view content_type;  // as Google sends it for this shape
  std::string body;
  std::string retry_after;  // whole seconds; empty: no Retry-After
  // Nobody would wait so long for the next try: "x-should-retry: false", which clients made by
  // Stainless obey (OpenAI's, and Google's for interactions in JavaScript).
  bool retry_in_vain = false;
};

ErrorText BuildError(const ErrorAnswer& answer, ErrorShape shape);

// The standard reason phrase of a status, "Unknown" for others.
std::string_view ReasonPhrase(int http_status);

}  // namespace keypool::proxy
