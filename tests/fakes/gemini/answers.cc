#include "tests/fakes/gemini/answers.h"

#include <boost/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "keyd/base/status.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::string_view kInfo = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr std::string_view kService = "generativelanguage.googleapis.com";
constexpr std::string_view kConsumer = "projects/123456789";

void PrettyInto(const json::value& value, const std::string& indent, std::string* out) {
  const std::string deeper = indent + "  ";
  std::string_view separator = "";
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    out->append("{");
    for (const auto& member : *object) {
      absl::StrAppend(out, ToAbsl(separator), "\n", deeper, json::serialize(member.key()), ": ");
      PrettyInto(member.value(), deeper, out);
      separator = ",";
    }
    absl::StrAppend(out, "\n", indent, "}");
  } else if (const json::array* array = value.if_array(); array != nullptr && !array->empty()) {
    out->append("[");
    for (const json::value& element : *array) {
      absl::StrAppend(out, ToAbsl(separator), "\n", deeper);
      PrettyInto(element, deeper, out);
      separator = ",";
    }
    absl::StrAppend(out, "\n", indent, "]");
  } else {
    out->append(json::serialize(value));
  }
}

// "35.174346048s", as the prose has it.
std::string ProseSeconds(absl::Duration d) {
  return absl::StrFormat("%.9fs", absl::ToDoubleSeconds(d));
}

std::string QuotaId(Window window, bool embed) {
  if (window == Window::kTokensMinute) {
    return "GenerateContentInputTokensPerModelPerMinute-FreeTier";
  }
  const std::string_view what = embed ? "EmbedContentRequests" : "GenerateRequests";
  const std::string_view when = window == Window::kDay ? "PerDay" : "PerMinute";
  return std::string(what) + std::string(when) + "PerProjectPerModel-FreeTier";
}

GoogleError ErrorWithReason(int code, std::string_view status, std::string message,
                            std::string_view reason, json::object metadata) {
  GoogleError error{code, status, std::move(message), {}};
  error.details.push_back(json::object{{"@type", kInfo},
                                       {"reason", reason},
                                       {"domain", "googleapis.com"},
                                       {"metadata", std::move(metadata)}});
  return error;
}

GoogleError BadKey(const std::string& message) {
  GoogleError error =
      ErrorWithReason(400, "INVALID_ARGUMENT", message, "API_KEY_INVALID", {{"service", kService}});
  error.details.push_back(json::object{{"@type", "type.googleapis.com/google.rpc.LocalizedMessage"},
                                       {"locale", "en-US"},
                                       {"message", message}});
  return error;
}

// The gRPC name of "generateContent".
std::string MethodName(std::string method) {
  if (!method.empty()) method[0] = absl::ascii_toupper(static_cast<unsigned char>(method[0]));
  return "google.ai.generativelanguage.v1beta.GenerativeService." + method;
}

}  // namespace

std::string Pretty(const json::value& value) {
  std::string out;
  PrettyInto(value, "", &out);
  out.push_back('\n');
  return out;
}

Reply JsonReply(const json::value& value) {
  Reply reply;
  reply.headers = {{"Content-Type", "application/json; charset=UTF-8"},
                   {"Vary", "Origin, X-Origin, Referer"},
                   {"Server", "fake-gemini"}};
  reply.pieces = {Pretty(value)};
  reply.framing = Framing::kChunked;
  return reply;
}

Reply ErrorReply(const GoogleError& error, Shape shape) {
  json::object inner{{"code", error.code}, {"message", error.message}, {"status", error.status}};
  if (!error.details.empty()) inner["details"] = error.details;
  json::value body = json::object{{"error", std::move(inner)}};
  if (shape == Shape::kJsonArray || shape == Shape::kOpenAi) body = json::array{std::move(body)};
  Reply reply = JsonReply(body);
  if (shape == Shape::kSse) reply.headers[0].value = "text/event-stream";
  reply.status = error.code;
  reply.framing = Framing::kSized;
  return reply;
}

Reply QuotaExceeded(const std::vector<Violation>& violations, const std::string& model, bool embed,
                    Shape shape) {
  absl::Duration wait = absl::ZeroDuration();
  json::array listed;
  std::string lines;
  for (const Violation& violation : violations) {
    const bool tokens = violation.window == Window::kTokensMinute;
    const std::string metric = absl::StrCat(
        "generativelanguage.googleapis.com/", embed ? "embed_content" : "generate_content",
        "_free_tier_", tokens ? "input_token_count" : "requests");
    // Of a spent day Google also says to come back within the minute.
    wait = std::max(wait, std::min(violation.until_free, absl::Seconds(60)));
    absl::StrAppend(&lines, "* Quota exceeded for metric: ", metric, ", limit: ", violation.limit,
                    ", model: ", model, "\n");
    listed.push_back(json::object{{"quotaMetric", metric},
                                  {"quotaId", QuotaId(violation.window, embed)},
                                  {"quotaDimensions", {{"location", "global"}, {"model", model}}},
                                  {"quotaValue", std::to_string(violation.limit)}});
  }
  GoogleError error{429, "RESOURCE_EXHAUSTED", "", {}};
  error.message = absl::StrCat(
      "You exceeded your current quota, please check your plan and billing details. For more "
      "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To "
      "monitor your current usage, head to: https://ai.dev/rate-limit. \n",
      lines, "Please retry in ", ProseSeconds(wait), ".");
  error.details = json::array{
      {{"@type", "type.googleapis.com/google.rpc.Help"},
       {"links", json::array{{{"description", "Learn more about Gemini API quotas"},
                              {"url", "https://ai.google.dev/gemini-api/docs/rate-limits"}}}}},
      {{"@type", "type.googleapis.com/google.rpc.QuotaFailure"}, {"violations", listed}},
      {{"@type", "type.googleapis.com/google.rpc.RetryInfo"},
       {"retryDelay", absl::StrCat(absl::ToInt64Seconds(wait), "s")}}};
  return ErrorReply(error, shape);
}

Reply BareQuotaExceeded(Shape shape) {
  return ErrorReply(
      {429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", {}}, shape);
}

Reply AutomatedQueries() {
  Reply reply;
  reply.status = 429;
  reply.headers = {{"Content-Type", "text/html"}};
  reply.pieces = {
      "<html><head><title>Sorry...</title></head><body><h1>We're sorry...</h1><p>... but your "
      "computer or network may be sending automated queries.</p></body></html>"};
  return reply;
}

Reply InvalidKey(Shape shape) {
  return ErrorReply(BadKey("API key not valid. Please pass a valid API key."), shape);
}

Reply ExpiredKey(Shape shape) {
  return ErrorReply(BadKey("API key expired. Please renew the API key."), shape);
}

Reply UnsupportedCredential(const std::string& method, Shape shape) {
  return ErrorReply(
      ErrorWithReason(401, "UNAUTHENTICATED",
                      "Request had invalid authentication credentials. Expected OAuth 2 access "
                      "token, login cookie or other valid authentication credential. See "
                      "https://developers.google.com/identity/sign-in/web/devconsole-project.",
                      "ACCESS_TOKEN_TYPE_UNSUPPORTED",
                      {{"service", kService}, {"method", MethodName(method)}}),
      shape);
}

Reply SuspendedKey(const std::string& key, Shape shape) {
  const std::string consumer = "api_key:" + key;
  return ErrorReply(
      ErrorWithReason(
          403, "PERMISSION_DENIED",
          "Permission denied: Consumer '" + consumer + "' has been suspended.",
          "CONSUMER_SUSPENDED",
          {{"service", kService}, {"containerInfo", consumer}, {"consumer", kConsumer}}),
      shape);
}

Reply BlockedMethod(const std::string& method, Shape shape) {
  const std::string name = MethodName(method);
  return ErrorReply(
      ErrorWithReason(403, "PERMISSION_DENIED",
                      absl::StrCat("Requests to this API ", ToAbsl(kService), " method ", name,
                                   " are blocked."),
                      "API_KEY_SERVICE_BLOCKED",
                      {{"service", kService}, {"methodName", name}, {"consumer", kConsumer}}),
      shape);
}

Reply DisabledService(Shape shape) {
  const std::string url = absl::StrCat("https://console.developers.google.com/apis/api/",
                                       ToAbsl(kService), "/overview?project=123456789");
  return ErrorReply(
      ErrorWithReason(
          403, "PERMISSION_DENIED",
          "Generative Language API has not been used in project 123456789 before or it is "
          "disabled. Enable it by visiting " +
              url +
              " then retry. If you enabled this API recently, wait a few minutes for the action "
              "to propagate to our systems and retry.",
          "SERVICE_DISABLED",
          {{"service", kService}, {"consumer", kConsumer}, {"activationUrl", url}}),
      shape);
}

Reply UnregisteredCaller(Shape shape) {
  return ErrorReply(
      {403,
       "PERMISSION_DENIED",
       "Method doesn't allow unregistered callers (callers without established identity). Please "
       "use API Key or other form of API consumer identity to call this API.",
       {}},
      shape);
}

Reply MultipleCredentials(Shape shape) {
  return BadRequest("Multiple authentication credentials received. Please pass only one.", shape);
}

Reply MissingBearer() {
  return ErrorReply({400, "INVALID_ARGUMENT", "Missing or invalid Authorization header.", {}},
                    Shape::kOpenAi);
}

Reply UnknownModel(const std::string& model, Shape shape) {
  return ErrorReply({404,
                     "NOT_FOUND",
                     "models/" + model +
                         " is not found for API version v1beta, or is not supported for "
                         "generateContent. Call ListModels to see the list of available models and "
                         "their supported methods.",
                     {}},
                    shape);
}

Reply ModelNotForNewUsers(const std::string& model, Shape shape) {
  return ErrorReply({404,
                     "NOT_FOUND",
                     "This model models/" + model +
                         " is no longer available to new users. Please update your code to use a "
                         "newer model for the latest features and improvements.",
                     {}},
                    shape);
}

Reply BadRequest(std::string message, Shape shape) {
  return ErrorReply({400, "INVALID_ARGUMENT", std::move(message), {}}, shape);
}

Reply InternalError(Shape shape) {
  return ErrorReply({500,
                     "INTERNAL",
                     "An internal error has occurred. Please retry or report in "
                     "https://developers.generativeai.google/guide/troubleshooting",
                     {}},
                    shape);
}

Reply Overloaded(Shape shape) {
  return ErrorReply({503, "UNAVAILABLE", "The model is overloaded. Please try again later.", {}},
                    shape);
}

Reply NoSuchPage(std::string_view path) {
  Reply reply;
  reply.status = 404;
  reply.headers = {{"Content-Type", "text/html; charset=UTF-8"}};
  reply.pieces = {"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL " +
                  std::string(path) + " was not found on this server."};
  return reply;
}

}  // namespace keypool::fake
