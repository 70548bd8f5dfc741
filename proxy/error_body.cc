#include "proxy/error_body.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

struct StatusWords {
  int http_status;
  std::string_view reason;
  std::string_view status;  // of google.rpc.Code
};
constexpr StatusWords kStatusWords[] = {
    {200, "OK", "OK"},
    {400, "Bad Request", "INVALID_ARGUMENT"},
    {401, "Unauthorized", "UNAUTHENTICATED"},
    {403, "Forbidden", "PERMISSION_DENIED"},
    {404, "Not Found", "NOT_FOUND"},
    {405, "Method Not Allowed", "UNIMPLEMENTED"},
    {408, "Request Timeout", "DEADLINE_EXCEEDED"},
    {409, "Conflict", "ALREADY_EXISTS"},
    {411, "Length Required", "INVALID_ARGUMENT"},
    {413, "Content Too Large", "INVALID_ARGUMENT"},
    {414, "URI Too Long", "INVALID_ARGUMENT"},
    {415, "Unsupported Media Type", "INVALID_ARGUMENT"},
    {417, "Expectation Failed", "INVALID_ARGUMENT"},
    {429, "Too Many Requests", "RESOURCE_EXHAUSTED"},
    {431, "Request Header Fields Too Large", "INVALID_ARGUMENT"},
    {499, "Client Closed Request", "CANCELLED"},
    {500, "Internal Server Error", "INTERNAL"},
    {501, "Not Implemented", "UNIMPLEMENTED"},
    {502, "Bad Gateway", "UNAVAILABLE"},
    {503, "Service Unavailable", "UNAVAILABLE"},
    {504, "Gateway Timeout", "DEADLINE_EXCEEDED"},
    {505, "HTTP Version Not Supported", "UNIMPLEMENTED"},
};

const StatusWords* FindWords(int http_status) {
  for (const StatusWords& words : kStatusWords) {
    if (words.http_status == http_status) return &words;
  }
  return nullptr;
}

std::string_view StatusOf(const ErrorAnswer& answer) {
  if (!answer.status.empty()) return answer.status;
  if (const StatusWords* words = FindWords(answer.http_status)) return words->status;
  return answer.http_status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
}

// The bytes of the UTF-8 character at the front of `text`; 0 when there is none.
std::size_t CharSize(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xc2 ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  if (size < 3) return size;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool beyond = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : size;
}

// Writes objects and arrays as Google's servers print them: two spaces a level.
class PrettyJson {
 public:
  void Open(char bracket) {
    out_.push_back(bracket);
    ++depth_;
    first_ = true;
  }
  void Close(char bracket) {
    --depth_;
    NewLine();
    out_.push_back(bracket);
    first_ = false;
  }
  // In front of the value of a member.
  void Name(std::string_view name) {
    Element();
    Quote(name);
    out_.append(": ");
  }
  // In front of an element of an array.
  void Element() {
    if (!first_) out_.push_back(',');
    first_ = false;
    NewLine();
  }
  void Number(std::int64_t value) { absl::StrAppend(&out_, value); }
  void Quote(std::string_view text);
  void Text(std::string_view name, std::string_view text) {
    Name(name);
    Quote(text);
  }
  std::string Take() { return std::move(out_); }

 private:
  void NewLine() { out_.append("\n").append(2 * depth_, ' '); }

  std::string out_;
  std::size_t depth_ = 0;
  bool first_ = true;
};

void PrettyJson::Quote(std::string_view text) {
  out_.push_back('"');
  while (!text.empty()) {
    const std::size_t size = CharSize(text);
    const char c = text.front();
    if (size == 0) {
      out_.append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      out_.append("\\").append(1, c);
    } else if (c == '\n') {
      out_.append("\\n");
    } else if (size == 1 && (c < ' ' || c == '<' || c == '>' || c == '&' || c == '\x7f')) {
      // Markup is escaped as Google does it: an error shown in a page stays text.
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out_.append(escape);
    } else {
      out_.append(text.substr(0, size));
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out_.push_back('"');
}

// Rounded up to milliseconds; nothing for no or an endless delay.
std::optional<std::int64_t> DelayMs(const ErrorAnswer& answer) {
  if (!answer.retry_after || *answer.retry_after == absl::InfiniteDuration()) return std::nullopt;
  const absl::Duration delay = std::max(*answer.retry_after, absl::ZeroDuration());
  return absl::ToInt64Milliseconds(absl::Ceil(delay, absl::Milliseconds(1)));
}

// As JSON of google.protobuf.Duration: no or three digits behind the point.
std::string DurationText(std::int64_t ms) {
  char text[32];
  if (ms % 1000 == 0) return absl::StrCat(ms / 1000, "s");
  std::snprintf(text, sizeof text, "%lld.%03llds", static_cast<long long>(ms / 1000),
                static_cast<long long>(ms % 1000));
  return text;
}

// gemini-cli and others look for this sentence.
std::string MessageOf(const ErrorAnswer& answer, std::optional<std::int64_t> delay_ms) {
  constexpr std::string_view kRetry = "Please retry in ";
  if (!delay_ms || answer.http_status != 429 || answer.message.find(kRetry) != std::string::npos) {
    return answer.message;
  }
  return absl::StrCat(answer.message, answer.message.empty() ? "" : "\n", ToAbsl(kRetry),
                      static_cast<double>(*delay_ms) / 1000, "s.");
}

void OpenDetail(std::string_view type, PrettyJson* json) {
  json->Element();
  json->Open('{');
  json->Text("@type", absl::StrCat("type.googleapis.com/google.rpc.", ToAbsl(type)));
}

struct QuotaWords {
  std::string_view id, metric;
};
QuotaWords WordsOf(const ErrorAnswer::Quota& quota) {
  if (quota.of_client) {
    if (quota.input_tokens) return {"InputTokensPerDayPerClient", "client_input_token_count"};
    return {quota.per_day ? "RequestsPerDayPerClient" : "RequestsPerMinutePerClient",
            "client_requests"};
  }
  if (quota.input_tokens) {
    return {quota.per_day ? "GenerateContentInputTokensPerModelPerDay"
                          : "GenerateContentInputTokensPerModelPerMinute",
            "generate_content_input_token_count"};
  }
  if (quota.per_day) {
    return {"GenerateRequestsPerDayPerProjectPerModel", "generate_requests_per_model_per_day"};
  }
  return {"GenerateRequestsPerMinutePerProjectPerModel", "generate_requests_per_model"};
}

// Names windows as Google does, because clients look for PerDay and PerMinute; without the suffix
// of a tier, because a pool has keys of any.
void WriteQuotaFailure(const ErrorAnswer::Quota& quota, PrettyJson* json) {
  OpenDetail("QuotaFailure", json);
  json->Name("violations");
  json->Open('[');
  json->Element();
  json->Open('{');
  const QuotaWords words = WordsOf(quota);
  json->Text("quotaMetric",
             absl::StrCat(quota.of_client ? "keypool/" : "generativelanguage.googleapis.com/",
                          ToAbsl(words.metric)));
  json->Text("quotaId", words.id);
  if (!quota.model.empty() && !quota.of_client) {
    json->Name("quotaDimensions");
    json->Open('{');
    json->Text("model", quota.model);
    json->Close('}');
  }
  if (quota.limit > 0) json->Text("quotaValue", absl::StrCat(quota.limit));
  json->Close('}');
  json->Close(']');
  json->Close('}');
}

void WriteDetails(const ErrorAnswer& answer, std::optional<std::int64_t> delay_ms,
                  PrettyJson* json) {
  if (!answer.quota && !delay_ms) return;
  json->Name("details");
  json->Open('[');
  if (answer.quota) WriteQuotaFailure(*answer.quota, json);
  if (delay_ms) {
    OpenDetail("RetryInfo", json);
    json->Text("retryDelay", DurationText(*delay_ms));
    json->Close('}');
  }
  json->Close(']');
}

// The word that the Interactions API has where the others have a number: "resource_exhausted".
std::string CodeWord(std::string_view status) {
  if (status == "INVALID_ARGUMENT") return "invalid_request";
  return absl::AsciiStrToLower(ToAbsl(status));
}

std::string ObjectOf(const ErrorAnswer& answer, ErrorShape shape,
                     std::optional<std::int64_t> delay_ms) {
  PrettyJson json;
  json.Open('{');
  json.Name("error");
  json.Open('{');
  if (shape == ErrorShape::kInteractions) {
    json.Text("code", CodeWord(StatusOf(answer)));
  } else {
    json.Name("code");
    json.Number(answer.http_status);
  }
  json.Text("message", MessageOf(answer, delay_ms));
  json.Text("status", StatusOf(answer));
  WriteDetails(answer, delay_ms, &json);
  json.Close('}');
  json.Close('}');
  return json.Take();
}

}  // namespace

std::string_view ReasonPhrase(int http_status) {
  const StatusWords* const words = FindWords(http_status);
  return words == nullptr ? "Unknown" : words->reason;
}

// In milliseconds. Clients that obey Retry-After give up beyond one or two minutes.
constexpr std::int64_t kRetryWorthwhileMax = 60'000;

ErrorText BuildError(const ErrorAnswer& answer, ErrorShape shape) {
  const std::optional<std::int64_t> delay_ms = DelayMs(answer);
  ErrorText text;
  text.reason = ReasonPhrase(answer.http_status);
  // A stream that is refused before its first byte still has the type of a stream; SDKs tell by it
  // how to show the error.
  text.content_type =
      shape == ErrorShape::kSse ? "text/event-stream" : "application/json; charset=UTF-8";
  text.body = ObjectOf(answer, shape, delay_ms);
  if (shape == ErrorShape::kJsonArray || shape == ErrorShape::kOpenAi) {
    text.body = absl::StrCat("[", text.body, "\n]");
  }
  text.body.push_back('\n');
  text.retry_in_vain = answer.http_status == 429 && delay_ms > kRetryWorthwhileMax;
  // Google's client for interactions in Python sleeps as long as it is told, until tomorrow if need
  // be. It is told in the body.
  if (delay_ms && !(text.retry_in_vain && shape == ErrorShape::kInteractions)) {
    text.retry_after = absl::StrCat(std::max<std::int64_t>(1, (*delay_ms + 999) / 1000));
  }
  return text;
}

}  // namespace keypool::proxy
