// Google's error answers, word for word as far as they are known: status, shape, details and their
// order.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/gemini/http_message.h"
#include "tests/fakes/gemini/quota.h"

namespace keypool::fake {

// How the caller asked decides how an error is wrapped.
enum class Shape {
  kUnary,      // {"error": …} as application/json
  kSse,        // the same, but not labelled as JSON
  kJsonArray,  // [{"error": …}]
  kOpenAi,     // [{"error": …}] with a newline
};

// Two spaces to a level and a newline at the end, as Google prints.
std::string Pretty(const boost::json::value& value);

Reply JsonReply(const boost::json::value& value);

struct GoogleError {
  int code = 0;
  std::string_view status;
  std::string message;
  boost::json::array details;
};
Reply ErrorReply(const GoogleError& error, Shape shape);

// 429 with Help, QuotaFailure and RetryInfo. Violations as they would be of `model`; `embed` names
// the embedding metrics instead of those of generateContent.
Reply QuotaExceeded(const std::vector<Violation>& violations, const std::string& model, bool embed,
                    Shape shape);
Reply BareQuotaExceeded(Shape shape);
Reply AutomatedQueries();  // the HTML page of an address ban
Reply InvalidKey(Shape shape);
Reply ExpiredKey(Shape shape);
// `method` as in the path: "generateContent".
Reply UnsupportedCredential(const std::string& method, Shape shape);
Reply SuspendedKey(const std::string& key, Shape shape);
Reply BlockedMethod(const std::string& method, Shape shape);
Reply DisabledService(Shape shape);
Reply UnregisteredCaller(Shape shape);
Reply MultipleCredentials(Shape shape);
Reply MissingBearer();
Reply UnknownModel(const std::string& model, Shape shape);
Reply ModelNotForNewUsers(const std::string& model, Shape shape);
Reply BadRequest(std::string message, Shape shape);
Reply InternalError(Shape shape);
Reply Overloaded(Shape shape);
Reply NoSuchPage(std::string_view path);

}  // namespace keypool::fake
