#include "proxy/answer_facts.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "keyd/base/status.h"
#include "proxy/char_class.h"
#include "proxy/inflate.h"
#include "proxy/json_reader.h"

namespace keypool::proxy {
namespace {

// Bounds of lease.proto.
constexpr std::size_t kStatusBytesMax = 64;
constexpr std::size_t kReasonBytesMax = 128;
constexpr std::size_t kViolationBytesMax = 256;
constexpr std::size_t kViolationsMax = 16;

// "51s", "35.174346048s"; nothing for what is negative, malformed or beyond ten years.
std::optional<absl::Duration> ParseDelay(std::string_view text) {
  if (text.size() < 2 || text.size() > 32 || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  const auto good = [](char c) { return Is(kDigitChar, c) || c == '.'; };
  if (!Is(kDigitChar, text.front()) || !std::all_of(text.begin(), text.end(), good)) {
    return std::nullopt;
  }
  double seconds = 0;
  constexpr double kSecondsMax = 10.0 * 366 * 24 * 3600;
  if (!absl::SimpleAtod(ToAbsl(text), &seconds) || seconds > kSecondsMax) return std::nullopt;
  return absl::Milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

// One element of "details". Its "@type" may come last, so all of it is read first.
struct Detail {
  std::string type;
  std::string reason;
  std::vector<QuotaViolation> violations;
  std::optional<absl::Duration> retry_delay;
};

void SetText(JsonReader* json, std::size_t bytes_max, std::string* text) {
  if (std::optional<std::string> value = json->Text(bytes_max)) *text = *std::move(value);
}

void ReadDimensions(JsonReader* json, QuotaViolation* violation) {
  if (!json->EnterObject()) return;
  for (std::string name; json->NextName(&name);) {
    if (name == "model") {
      SetText(json, kViolationBytesMax, &violation->model);
    } else {
      json->Skip();
    }
  }
}

QuotaViolation ReadViolation(JsonReader* json) {
  QuotaViolation violation;
  if (!json->EnterObject()) return violation;
  for (std::string name; json->NextName(&name);) {
    if (name == "quotaId") {
      SetText(json, kViolationBytesMax, &violation.quota_id);
    } else if (name == "quotaMetric") {
      SetText(json, kViolationBytesMax, &violation.quota_metric);
    } else if (name == "quotaValue") {
      violation.quota_value = json->Integer();
    } else if (name == "quotaDimensions") {
      ReadDimensions(json, &violation);
    } else {
      json->Skip();
    }
  }
  return violation;
}

void ReadViolations(JsonReader* json, std::vector<QuotaViolation>* violations) {
  if (!json->EnterArray()) return;
  while (json->NextElement()) {
    QuotaViolation violation = ReadViolation(json);
    // One that names nothing says nothing; a cut one may have said enough.
    const bool says = !violation.quota_id.empty() || !violation.quota_metric.empty();
    if (says && violations->size() < kViolationsMax) violations->push_back(std::move(violation));
  }
}

Detail ReadDetail(JsonReader* json) {
  Detail detail;
  if (!json->EnterObject()) return detail;
  for (std::string name; json->NextName(&name);) {
    if (name == "@type") {
      SetText(json, kViolationBytesMax, &detail.type);
    } else if (name == "reason") {
      SetText(json, kReasonBytesMax, &detail.reason);
    } else if (name == "violations") {
      ReadViolations(json, &detail.violations);
    } else if (name == "retryDelay") {
      if (const auto text = json->Text(kViolationBytesMax)) detail.retry_delay = ParseDelay(*text);
    } else {
      json->Skip();
    }
  }
  return detail;
}

void Merge(Detail detail, AnswerFacts* facts) {
  const auto is = [&](std::string_view name) {
    return std::string_view(detail.type).ends_with(name);
  };
  if (is("google.rpc.ErrorInfo")) {
    if (facts->reason.empty()) facts->reason = std::move(detail.reason);
  } else if (is("google.rpc.QuotaFailure")) {
    for (QuotaViolation& violation : detail.violations) {
      if (facts->violations.size() == kViolationsMax) break;
      facts->violations.push_back(std::move(violation));
    }
  } else if (is("google.rpc.RetryInfo")) {
    if (detail.retry_delay) facts->retry_delay = detail.retry_delay;
  }
}

void ReadError(JsonReader* json, AnswerFacts* facts) {
  if (!json->EnterObject()) return;
  for (std::string name; json->NextName(&name);) {
    if (name == "status") {
      SetText(json, kStatusBytesMax, &facts->status);
    } else if (name == "details") {
      if (!json->EnterArray()) continue;
      while (json->NextElement()) Merge(ReadDetail(json), facts);
    } else {
      json->Skip();
    }
  }
}

// {"error":{…}} here.
void ReadAnswer(JsonReader* json, AnswerFacts* facts) {
  if (!json->EnterObject()) return;
  for (std::string name; json->NextName(&name);) {
    if (name == "error") {
      ReadError(json, facts);
    } else {
      json->Skip();
    }
  }
}

void ReadBody(std::string_view body, AnswerFacts* facts) {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  JsonReader json(body.substr(0, kErrorBodyBytesMax));
  if (body[first] != '[') return ReadAnswer(&json, facts);
  if (!json.EnterArray()) return;
  while (json.NextElement()) ReadAnswer(&json, facts);
}

}  // namespace

AnswerFacts DescribeAnswer(const ResponseHead& head, std::string_view body) {
  AnswerFacts facts;
  facts.http_status = head.status;
  if (CanInflate(head.content_encoding)) {
    ReadBody(Inflate(body.substr(0, kErrorBodyBytesMax), kErrorBodyBytesMax), &facts);
  } else {
    ReadBody(body, &facts);
  }
  return facts;
}

}  // namespace keypool::proxy
