#include "proxy/message_class.h"

#include <algorithm>
#include <iterator>

#include "keyd/base/status.h"
#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

// A message counts when it starts with `start` and has `inside` somewhere behind that. It has to be
// the start: further on stands what Google repeats of the request ("Unknown name \"…\": Cannot find
// field."), and a client must not be able to word a request so that a key looks expired.
struct Text {
  std::string_view start;
  std::string_view inside;
  MessageClass means;
};

// Texts as Google writes them: gemini-wire.md §6.2, §6.3 and §3, which name the reports that each
// was seen in. The first one that fits holds.
constexpr Text kTexts[] = {
    {"API key not valid", "", MessageClass::kKeyNotValid},
    {"API Key not found", "", MessageClass::kKeyNotValid},
    {"API key not found", "", MessageClass::kKeyNotValid},
    {"API key expired", "", MessageClass::kKeyExpired},
    {"Your API key was reported as leaked", "", MessageClass::kKeyLeaked},
    {"Permission denied: Consumer", "has been suspended", MessageClass::kConsumerSuspended},
    {"Your project has been denied access", "", MessageClass::kProjectDenied},
    {"Generative Language API has not been used in project", "", MessageClass::kServiceDisabled},
    {"Requests to this API", "are blocked", MessageClass::kMethodBlocked},
    // Past the apostrophe, which may be a typographic one.
    {"Method doesn", "unregistered callers", MessageClass::kNoCredentials},
    {"Missing or invalid Authorization header", "", MessageClass::kNoCredentials},
    {"Multiple authentication credentials received", "", MessageClass::kSeveralCredentials},
    {"User location is not supported", "", MessageClass::kLocation},
    {"Your prepayment credits are depleted", "", MessageClass::kPrepaymentDepleted},
    {"Your project has exceeded its monthly spending cap", "", MessageClass::kSpendingCap},
    {"TotalCachedContentStorageTokensPerModel", "limit exceeded", MessageClass::kCacheStorage},
    {"You exceeded your current quota", "", MessageClass::kQuotaExceeded},
    {"Resource has been exhausted", "", MessageClass::kQuotaExceeded},
    {"Quota exceeded for", "", MessageClass::kQuotaExceeded},
    {"models/", "is not found for API version", MessageClass::kModelNotFound},
    {"This model ", "is no longer available to new users", MessageClass::kModelNotForNewUsers},
    {"models/", "is no longer available to new users", MessageClass::kModelNotForNewUsers},
    {"gemini-", "is no longer available to new users", MessageClass::kModelNotForNewUsers},
};

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

MessageClass ClassifyMessage(std::string_view message) {
  message = message.substr(0, kMessageBytesMax);
  message.remove_prefix(std::min(message.find_first_not_of(" \t\r\n"), message.size()));
  const auto fits = [message](const Text& text) {
    return message.starts_with(text.start) && Has(message.substr(text.start.size()), text.inside);
  };
  const Text* text = std::find_if(std::begin(kTexts), std::end(kTexts), fits);
  return text == std::end(kTexts) ? MessageClass::kNone : text->means;
}

MessageClass ClassifyHtml(std::string_view body) {
  return Has(body, "automated queries") ? MessageClass::kAutomatedQueries : MessageClass::kHtmlPage;
}

std::optional<absl::Duration> DelayInMessage(std::string_view message) {
  constexpr std::string_view kBefore = "Please retry in ";
  constexpr std::size_t kDelayBytesMax = 32;
  const std::size_t at = message.find(kBefore);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view text = message.substr(at + kBefore.size());
  const std::size_t size = text.find_first_not_of("0123456789.hms");
  // At the very end the unit of a long message may be cut: "850m" for "850ms".
  if (size == std::string_view::npos && message.size() >= kMessageBytesMax) return std::nullopt;
  text = text.substr(0, size);
  while (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kDelayBytesMax || !Is(kDigitChar, text.front()) ||
      Is(kDigitChar, text.back())) {
    return std::nullopt;
  }
  absl::Duration delay;
  if (!absl::ParseDuration(ToAbsl(text), &delay)) return std::nullopt;
  if (delay < absl::ZeroDuration() || delay > kSaidDelayMax) return std::nullopt;
  return absl::Floor(delay + absl::Microseconds(500), absl::Milliseconds(1));
}

std::optional<std::int64_t> LimitInMessage(std::string_view message, std::string_view metric,
                                           std::size_t lines_before) {
  constexpr std::string_view kMetric = "Quota exceeded for metric: ";
  constexpr std::string_view kLimit = ", limit: ";
  constexpr std::size_t kDigitsMax = 18;
  for (std::size_t at = 0; (at = message.find(kMetric, at)) != std::string_view::npos;) {
    at += kMetric.size();
    std::string_view line = message.substr(at);
    if (!line.starts_with(metric) || !line.substr(metric.size()).starts_with(kLimit)) continue;
    if (lines_before-- > 0) continue;
    line.remove_prefix(metric.size() + kLimit.size());
    std::size_t digits = 0;
    std::int64_t limit = 0;
    for (; digits < line.size() && Is(kDigitChar, line[digits]); ++digits) {
      if (digits == kDigitsMax) return std::nullopt;
      limit = limit * 10 + (line[digits] - '0');
    }
    // A number at the very end may go on where the message was cut.
    if (digits == 0 || digits == line.size()) return std::nullopt;
    return limit;
  }
  return std::nullopt;
}

}  // namespace keypool::proxy
