#include "proxy/refusals.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

// As Google says it, and clients may look for it.
constexpr std::string_view kNotAuthenticated =
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. ";

ErrorAnswer Make(int http_status, std::string message) {
  ErrorAnswer answer;
  answer.http_status = http_status;
  answer.message = std::move(message);
  return answer;
}

// The window that is in the way, as clients know it.
ErrorAnswer::Quota QuotaOf(const Refusal& refusal, std::string_view model) {
  const QuotaWindow window = refusal.window;
  ErrorAnswer::Quota quota;
  quota.per_day = refusal.spent_for_the_day || window == QuotaWindow::kRequestsPerDay ||
                  window == QuotaWindow::kInputTokensPerDay;
  quota.input_tokens =
      window == QuotaWindow::kInputTokensPerMinute || window == QuotaWindow::kInputTokensPerDay;
  quota.model = model;
  quota.limit = refusal.limit;
  quota.of_client = refusal.reason == RefusalReason::kClientQuota;
  return quota;
}

}  // namespace

ErrorAnswer ForRefusal(const Refusal& refusal, std::string_view model, absl::Duration at_least) {
  // Waiting does not help: it is the caller's to change the request.
  if (refusal.reason == RefusalReason::kTooLarge ||
      refusal.reason == RefusalReason::kResourcesApart) {
    return Make(400, refusal.message);
  }
  if (refusal.reason == RefusalReason::kUnauthenticated) {
    return Make(401, absl::StrCat(ToAbsl(kNotAuthenticated), refusal.message));
  }
  if (refusal.reason == RefusalReason::kModelNotAllowed ||
      refusal.reason == RefusalReason::kNotOwner) {
    return Make(403, refusal.message);
  }
  const bool quota = refusal.reason == RefusalReason::kExhausted ||
                     refusal.reason == RefusalReason::kAllExcluded ||
                     refusal.reason == RefusalReason::kClientQuota;
  ErrorAnswer answer = Make(quota ? 429 : 503, refusal.message);
  if (answer.message.empty()) answer.message = "No key of the pool can take this request now.";
  answer.retry_after = refusal.retry_after;
  if (quota) {
    if (!answer.retry_after.has_value()) answer.retry_after = at_least;
    answer.quota = QuotaOf(refusal, model);
  }
  return answer;
}

std::string_view OutcomeOf(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kExhausted:
    case RefusalReason::kAllExcluded:
      return "exhausted";
    case RefusalReason::kUnauthenticated:
      return "unauthenticated";
    case RefusalReason::kClientQuota:
      return "client_quota";
    case RefusalReason::kModelNotAllowed:
      return "model_not_allowed";
    case RefusalReason::kNotOwner:
      return "not_owner";
    default:
      return "refused";
  }
}

std::string CloseReason(const ErrorAnswer& error) {
  if (!error.quota.has_value()) return error.message;
  const std::int64_t seconds = absl::ToInt64Seconds(
      absl::Ceil(error.retry_after.value_or(absl::ZeroDuration()), absl::Seconds(1)));
  return absl::StrCat(error.quota->of_client ? "The client's own" : "The pool's",
                      " quota is used up; try again in ", seconds, " s. ", error.message);
}

ErrorAnswer ForKeydFailure(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    return Make(400, std::string(status.message()));
  }
  ErrorAnswer answer =
      Make(503, absl::StrCat("The key pool (keyd) does not answer; try again. ", status.message()));
  answer.retry_after = absl::Seconds(1);
  return answer;
}

ErrorAnswer ForRetriesUsedUp(int attempts, int http_status, absl::Duration retry_after) {
  ErrorAnswer answer =
      http_status == 429
          ? Make(429, absl::StrCat("Gemini refused this request for quota on ", attempts,
                                   " keys in a row. Other keys may have quota left: try again."))
          : Make(503, absl::StrCat("Gemini refused ", attempts,
                                   " keys of the pool in a row; `poolctl status` tells why. Other "
                                   "keys may be good: try again."));
  answer.retry_after = retry_after;
  return answer;
}

ErrorAnswer ForExchange(ExchangeEnd end, std::string_view problem, std::string_view upstream) {
  const std::string who = absl::StrCat("The Gemini API at ", ToAbsl(upstream));
  switch (end) {
    case ExchangeEnd::kNoConnection:
      return Make(502, absl::StrCat(who, " cannot be reached: ", ToAbsl(problem), "."));
    case ExchangeEnd::kNoDescriptor:
      return ForNoDescriptors();
    case ExchangeEnd::kSilent:
      return Make(504, absl::StrCat(who, " gave no answer: ", ToAbsl(problem), "."));
    case ExchangeEnd::kBadAnswer:
      return Make(502, absl::StrCat(who, " sent an answer that is not valid HTTP."));
    case ExchangeEnd::kBadBody:
      return Make(400, "The chunks of the request body are malformed.");
    case ExchangeEnd::kBodyTimeout:
      return Make(408, "The request body did not come in time.");
    case ExchangeEnd::kSpoolFailed:
      return Make(500, "The proxy cannot read back the request body that it kept.");
    case ExchangeEnd::kLate: {
      ErrorAnswer answer =
          Make(503, "The proxy is too slow to use the keys it is granted in time.");
      answer.retry_after = absl::Seconds(1);
      return answer;
    }
    case ExchangeEnd::kAnswered:
    case ExchangeEnd::kBroken:
    case ExchangeEnd::kClientGone:
      break;
  }
  return Make(502, absl::StrCat(who, " closed the connection without an answer."));
}

ErrorAnswer ForKeyInAnswer() {
  return Make(502, "The answer of the Gemini API showed a key of the pool and is not passed on.");
}

ErrorAnswer ForTimeUsedUp(absl::Duration given) {
  return Make(504, absl::StrCat("The ", absl::ToInt64Seconds(given),
                                " seconds of X-Server-Timeout went by while the request waited for "
                                "a key or for another try."));
}

ErrorAnswer ForForeignPage(std::string_view origin) {
  return Make(403, absl::StrCat("Pages of ", ToAbsl(origin.substr(0, 256)),
                                " may not use this proxy (CORS_ORIGINS of the proxy)."));
}

ErrorAnswer ForPlainHttp() {
  return Make(400, "This port serves HTTPS; write https:// in the base URL.");
}

ErrorAnswer ForListOfProject() {
  return Make(
      403,
      "This list has what other clients of the pool have made, too. Ask by name for what is "
      "yours, or list files, cachedContents, batches, tunedModels or fileSearchStores with "
      "Google's own API.");
}

ErrorAnswer ForCrowdedAddress(std::int64_t connections_max) {
  ErrorAnswer answer =
      Make(503, absl::StrCat("This address has ", connections_max,
                             " connections already, as many as the "
                             "proxy allows (MAX_CONNECTIONS_PER_ADDRESS). Use them again."));
  answer.retry_after = absl::Seconds(1);
  return answer;
}

ErrorAnswer ForCrowdedClient(std::int64_t connections_max) {
  ErrorAnswer answer =
      Make(429, absl::StrCat("This client has ", connections_max,
                             " connections already, as many as the "
                             "proxy allows (MAX_CONNECTIONS_PER_CLIENT). Use them again."));
  answer.retry_after = absl::Seconds(1);
  return answer;
}

ErrorAnswer ForNoDescriptors() {
  ErrorAnswer answer =
      Make(503, "The proxy has as many files and sockets open as it may; try again.");
  answer.retry_after = absl::Seconds(1);
  return answer;
}

ErrorAnswer ForBody(const ReadBodyResult& result, const BodyLimits& limits) {
  switch (result.end) {
    case BodyEnd::kTooLarge:
      return Make(413, absl::StrCat("The request body is larger than ", limits.bytes_max,
                                    " bytes (MAX_BODY_BYTES of the proxy)."));
    case BodyEnd::kInvalid:
      return Make(400, "The chunks of the request body are malformed.");
    case BodyEnd::kTimeout:
      return Make(408, "The request body did not come in time.");
    case BodyEnd::kNoRoom: {
      ErrorAnswer answer =
          Make(503, "The disk that request bodies are kept on is full (SPOOL_DIR of the proxy).");
      answer.retry_after = absl::Seconds(10);
      return answer;
    }
    case BodyEnd::kNoDescriptor:
      return ForNoDescriptors();
    case BodyEnd::kFailed:
    case BodyEnd::kComplete:
    case BodyEnd::kGone:
      break;
  }
  return Make(500, "The proxy cannot keep the request body (SPOOL_DIR of the proxy).");
}

}  // namespace keypool::proxy
