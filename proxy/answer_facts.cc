#include "proxy/answer_facts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "keyd/base/status.h"
#include "proxy/char_class.h"
#include "proxy/inflate.h"
#include "proxy/json_reader.h"
#include "proxy/message_class.h"

namespace keypool::proxy {
namespace {

// Bounds of lease.proto.
constexpr std::size_t kStatusBytesMax = 64;
constexpr std::size_t kReasonBytesMax = 128;
constexpr std::size_t kViolationBytesMax = 256;
constexpr std::size_t kViolationsMax = 16;

constexpr std::string_view kBlanks = " \t\r\n";

// "51s", "35.174346048s"; nothing for what is negative, malformed or beyond kSaidDelayMax.
std::optional<absl::Duration> ParseDelay(std::string_view text) {
  if (text.size() < 2 || text.size() > 32 || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  const auto good = [](char c) { return Is(kDigitChar, c) || c == '.'; };
  if (!Is(kDigitChar, text.front()) || !std::all_of(text.begin(), text.end(), good)) {
    return std::nullopt;
  }
  double seconds = 0;
  const double seconds_max = absl::ToDoubleSeconds(kSaidDelayMax);
  if (!absl::SimpleAtod(ToAbsl(text), &seconds) || seconds > seconds_max) return std::nullopt;
  return absl::Milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

// One element of "details". Its "@type" may come last, so all of it is read first.
struct Detail {
  std::string type;
  std::string reason;
  std::vector<QuotaViolation> violations;
  std::optional<absl::Duration> retry_delay;
  // The quota that an ErrorInfo names, as Google did before there was QuotaFailure.
  QuotaViolation info_quota;
};

// What is read of a body.
struct Reading {
  AnswerFacts facts;
  QuotaViolation info_quota;
  std::string message;  // its first kMessageBytesMax
  int code = 0;         // error.code, when it is an HTTP status of an error
};

// One that names nothing says nothing; a cut one may have said enough.
bool Says(const QuotaViolation& violation) {
  return !violation.quota_id.empty() || !violation.quota_metric.empty();
}

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
    if (Says(violation) && violations->size() < kViolationsMax) {
      violations->push_back(std::move(violation));
    }
  }
}

// The rest of the metadata may name the key: it stays unread.
QuotaViolation ReadMetadata(JsonReader* json) {
  QuotaViolation quota;
  if (!json->EnterObject()) return quota;
  for (std::string name; json->NextName(&name);) {
    if (name == "quota_limit") {
      SetText(json, kViolationBytesMax, &quota.quota_id);
    } else if (name == "quota_metric") {
      SetText(json, kViolationBytesMax, &quota.quota_metric);
    } else if (name == "quota_limit_value") {
      quota.quota_value = json->Integer();
    } else {
      json->Skip();
    }
  }
  return quota;
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
    } else if (name == "metadata") {
      detail.info_quota = ReadMetadata(json);
    } else if (name == "retryDelay") {
      if (const auto text = json->Text(kViolationBytesMax)) detail.retry_delay = ParseDelay(*text);
    } else {
      json->Skip();
    }
  }
  return detail;
}

void Merge(Detail detail, Reading* reading) {
  AnswerFacts& facts = reading->facts;
  const auto is = [&](std::string_view name) {
    return std::string_view(detail.type).ends_with(name);
  };
  if (is("google.rpc.ErrorInfo")) {
    if (detail.reason == "RATE_LIMIT_EXCEEDED") reading->info_quota = std::move(detail.info_quota);
    if (facts.reason.empty()) facts.reason = std::move(detail.reason);
  } else if (is("google.rpc.QuotaFailure")) {
    for (QuotaViolation& violation : detail.violations) {
      if (facts.violations.size() == kViolationsMax) break;
      facts.violations.push_back(std::move(violation));
    }
  } else if (is("google.rpc.RetryInfo")) {
    if (detail.retry_delay) facts.retry_delay = detail.retry_delay;
  }
}

void ReadError(JsonReader* json, Reading* reading) {
  if (!json->EnterObject()) return;
  std::string word;
  std::optional<std::int64_t> code;
  for (std::string name; json->NextName(&name);) {
    if (name == "status") {
      SetText(json, kStatusBytesMax, &reading->facts.status);
    } else if (name == "code") {
      if (json->AtText()) {
        SetText(json, kStatusBytesMax, &word);
        code = WholeNumber(word);
      } else {
        code = json->Integer();
      }
    } else if (name == "message") {
      SetText(json, kMessageBytesMax, &reading->message);
    } else if (name == "details") {
      if (!json->EnterArray()) continue;
      while (json->NextElement()) Merge(ReadDetail(json), reading);
    } else {
      json->Skip();
    }
  }
  if (code && *code >= 400 && *code <= 599) reading->code = static_cast<int>(*code);
  // The interactions API has a code in words and no status.
  if (reading->facts.status.empty()) reading->facts.status = std::move(word);
}

// {"error":{…}} here.
void ReadAnswer(JsonReader* json, Reading* reading) {
  if (!json->EnterObject()) return;
  for (std::string name; json->NextName(&name);) {
    if (name == "error") {
      ReadError(json, reading);
    } else {
      json->Skip();
    }
  }
}

// False when the JSON ended early.
bool ReadJson(std::string_view body, Reading* reading) {
  JsonReader json(body);
  if (body.starts_with('[')) {
    if (json.EnterArray()) {
      while (json.NextElement()) ReadAnswer(&json, reading);
    }
  } else {
    ReadAnswer(&json, reading);
  }
  return !json.Failed();
}

// `body`, which was cut inside a text, with that text ended there.
std::string WithTextEnded(std::string_view body) {
  // Ends in front of an escape that may be cut.
  constexpr std::size_t kEscapeBytes = 6;
  const std::size_t escape = body.rfind('\\');
  if (escape != std::string_view::npos && body.size() - escape < kEscapeBytes) {
    body = body.substr(0, escape);
  }
  while (body.ends_with('\\')) body.remove_suffix(1);
  return std::string(body) + '"';
}

// A message that repeats a long prompt goes on behind the cut, and is not read as a text for that:
// what it starts with tells its meaning all the same. Nothing else of this reading is good.
MessageClass ClassifyCutMessage(std::string_view body) {
  Reading reading;
  ReadJson(WithTextEnded(body), &reading);
  return ClassifyMessage(reading.message);
}

// What details leave unsaid and the message says. Google leaves quotaValue out when it is zero.
void AddFromMessage(Reading* reading) {
  AnswerFacts& facts = reading->facts;
  facts.message = ClassifyMessage(reading->message);
  if (!facts.retry_delay) facts.retry_delay = DelayInMessage(reading->message);
  if (facts.violations.empty() && Says(reading->info_quota)) {
    facts.violations.push_back(std::move(reading->info_quota));
  }
  for (auto it = facts.violations.begin(); it != facts.violations.end(); ++it) {
    if (it->quota_value) continue;
    const auto same = [&](const QuotaViolation& v) { return v.quota_metric == it->quota_metric; };
    const auto before = std::count_if(facts.violations.begin(), it, same);
    it->quota_value =
        LimitInMessage(reading->message, it->quota_metric, static_cast<std::size_t>(before));
  }
}

// From the first byte on that is no blank.
std::string_view WithoutBlanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

Reading ReadBody(std::string_view body) {
  constexpr std::string_view kEvent = "data:";
  Reading reading;
  body = WithoutBlanks(body.substr(0, kErrorBodyBytesMax));
  if (body.starts_with(kEvent)) body = WithoutBlanks(body.substr(kEvent.size()));
  if (body.starts_with('<')) {
    reading.facts.message = ClassifyHtml(body);
  } else if (body.starts_with('{') || body.starts_with('[')) {
    const bool whole = ReadJson(body, &reading);
    AddFromMessage(&reading);
    if (!whole && reading.message.empty()) reading.facts.message = ClassifyCutMessage(body);
  } else {
    reading.facts.message = ClassifyMessage(body);
  }
  return reading;
}

// What an error with this word for its code or status would have been as an answer of its own.
struct Word {
  std::string_view part;
  int status;
};
// The first whose part the word has. Words of the interactions API and names of google.rpc.Code:
// gemini-wire.md §6.4, where "code" is also said to be a URI.
constexpr Word kWords[] = {
    {"resource_exhausted", 429},
    {"rate_limit", 429},
    {"quota", 429},
    {"too_many_requests", 429},
    {"invalid_", 400},
    {"failed_precondition", 400},
    {"unauthenticated", 401},
    {"permission_denied", 403},
    {"not_found", 404},
    {"cancelled", 499},
    {"unavailable", 503},
    {"overloaded", 503},
    {"timeout", 504},
    {"deadline_exceeded", 504},
};

int StatusOfWord(std::string_view word) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(word));
  const auto fits = [&lower](const Word& row) { return lower.find(row.part) != std::string::npos; };
  const Word* const row = std::find_if(std::begin(kWords), std::end(kWords), fits);
  return row == std::end(kWords) ? 500 : row->status;
}

}  // namespace

AnswerFacts DescribeAnswer(const ResponseHead& head, std::string_view body) {
  AnswerFacts facts =
      CanInflate(head.content_encoding)
          ? ReadBody(Inflate(body.substr(0, kErrorBodyBytesMax), kErrorBodyBytesMax)).facts
          : ReadBody(body).facts;
  facts.http_status = head.status;
  return facts;
}

AnswerFacts DescribeInnerError(std::string_view body) {
  Reading reading = ReadBody(body);
  const int code = reading.code;
  reading.facts.http_status = code != 0 ? code : StatusOfWord(reading.facts.status);
  return std::move(reading.facts);
}

}  // namespace keypool::proxy
