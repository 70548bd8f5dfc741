#include "keyd/policy/blame.h"

#include <algorithm>

namespace keypool::policy {
namespace {

bool Names(const AnswerFacts& facts, std::string_view window) {
  return std::any_of(
      facts.violations.begin(), facts.violations.end(),
      [window](const QuotaViolation& v) { return v.quota_id.find(window) != std::string::npos; });
}

bool Is(const AnswerFacts& facts, MessageClass message) { return facts.message == message; }
bool IsHtml(const AnswerFacts& facts) {
  return Is(facts, MessageClass::kHtmlPage) || Is(facts, MessageClass::kAutomatedQueries);
}

bool Is2xx(const AnswerFacts& facts) {
  return facts.http_status >= 200 && facts.http_status <= 299;
}
// A Live session: 101 took it up, and the code is how it ended. Codes of RFC 6455, section 7.4.
bool IsLive(const AnswerFacts& facts) {
  return facts.http_status == 101 && facts.websocket_close_code != 0;
}
bool IsLiveEnded(const AnswerFacts& facts) {
  constexpr int kNormal = 1000, kGoingAway = 1001;
  return IsLive(facts) &&
         (facts.websocket_close_code == kNormal || facts.websocket_close_code == kGoingAway);
}
bool IsLiveQuota(const AnswerFacts& facts) {
  return IsLive(facts) && Is(facts, MessageClass::kQuotaExceeded);
}
bool IsLiveInternal(const AnswerFacts& facts) {
  constexpr int kInternal = 1011;
  return IsLive(facts) && facts.websocket_close_code == kInternal;
}
// Google sends this page with 429, 403 and 503.
bool IsThrottled(const AnswerFacts& facts) {
  return Is(facts, MessageClass::kAutomatedQueries) || (facts.http_status == 429 && IsHtml(facts));
}
bool IsPrepaymentDepleted(const AnswerFacts& facts) {
  return Is(facts, MessageClass::kPrepaymentDepleted);
}
bool IsSpendingCap(const AnswerFacts& facts) { return Is(facts, MessageClass::kSpendingCap); }
bool IsCacheStorage(const AnswerFacts& facts) { return Is(facts, MessageClass::kCacheStorage); }
bool Is429NoAccess(const AnswerFacts& facts) {
  return facts.http_status == 429 &&
         std::any_of(facts.violations.begin(), facts.violations.end(),
                     [](const QuotaViolation& v) { return v.quota_value == 0; });
}
// Google names both windows when both are spent: the day is the one that lasts.
bool Is429Day(const AnswerFacts& facts) {
  return facts.http_status == 429 && Names(facts, "PerDay");
}
bool Is429Minute(const AnswerFacts& facts) {
  return facts.http_status == 429 && Names(facts, "PerMinute");
}
// Of such a window, only the tokens are spent.
bool OnlyTokens(const AnswerFacts& facts, std::string_view window) {
  return std::all_of(facts.violations.begin(), facts.violations.end(),
                     [window](const QuotaViolation& v) {
                       return v.quota_id.find(window) == std::string::npos ||
                              v.quota_id.find("InputTokens") != std::string::npos;
                     });
}
bool Is429DayTokens(const AnswerFacts& facts) {
  return Is429Day(facts) && OnlyTokens(facts, "PerDay");
}
bool Is429MinuteTokens(const AnswerFacts& facts) {
  return Is429Minute(facts) && OnlyTokens(facts, "PerMinute");
}
// Bare, or with violations that name no window known here.
bool Is429(const AnswerFacts& facts) { return facts.http_status == 429; }

bool IsKeyExpired(const AnswerFacts& facts) { return Is(facts, MessageClass::kKeyExpired); }
bool IsKeyInvalid(const AnswerFacts& facts) {
  return facts.reason == "API_KEY_INVALID" || Is(facts, MessageClass::kKeyNotValid);
}
bool IsKeyLeaked(const AnswerFacts& facts) { return Is(facts, MessageClass::kKeyLeaked); }
// API_KEY_SERVICE_BLOCKED, API_KEY_HTTP_REFERRER_BLOCKED, API_KEY_IP_ADDRESS_BLOCKED, …
bool IsKeyRestricted(const AnswerFacts& facts) {
  const bool reason = facts.reason.starts_with("API_KEY_") && facts.reason.ends_with("_BLOCKED");
  return facts.http_status == 403 && (reason || Is(facts, MessageClass::kMethodBlocked));
}
bool IsSuspended(const AnswerFacts& facts) {
  return facts.reason == "CONSUMER_SUSPENDED" || Is(facts, MessageClass::kConsumerSuspended);
}
bool IsProjectDenied(const AnswerFacts& facts) { return Is(facts, MessageClass::kProjectDenied); }
bool IsServiceDisabled(const AnswerFacts& facts) {
  return facts.reason == "SERVICE_DISABLED" || Is(facts, MessageClass::kServiceDisabled);
}
bool IsBadCredentials(const AnswerFacts& facts) {
  return Is(facts, MessageClass::kNoCredentials) || Is(facts, MessageClass::kSeveralCredentials);
}
// Some kinds of key are reported to be refused as a Bearer token and are good as a header.
bool Is401Bearer(const AnswerFacts& facts) {
  return facts.http_status == 401 && facts.key_as_bearer;
}
bool Is401(const AnswerFacts& facts) { return facts.http_status == 401; }
bool IsLocation(const AnswerFacts& facts) { return Is(facts, MessageClass::kLocation); }
bool IsNotForNewUsers(const AnswerFacts& facts) {
  return Is(facts, MessageClass::kModelNotForNewUsers);
}
bool Is503(const AnswerFacts& facts) { return facts.http_status == 503; }
bool Is500(const AnswerFacts& facts) { return facts.http_status == 500; }
bool IsAny(const AnswerFacts&) { return true; }

absl::Duration NoTime(const AnswerFacts&) { return absl::ZeroDuration(); }
absl::Duration Delay(const AnswerFacts& facts) {
  return std::clamp(*facts.retry_delay, absl::ZeroDuration(), kDelayMax) + kDelayMargin;
}
absl::Duration MinuteDelay(const AnswerFacts& facts) {
  return facts.retry_delay ? Delay(facts) : kMinuteWithoutDelay;
}
absl::Duration GrowingDelay(const AnswerFacts& facts) {
  return facts.retry_delay ? std::max(kGrowingFirst, std::min(Delay(facts), kGrowingMax))
                           : kGrowingFirst;
}
absl::Duration KeyRest(const AnswerFacts&) { return kKeyRestFirst; }
absl::Duration CreditRest(const AnswerFacts&) { return kCreditRestFirst; }

struct Row {
  std::string_view name;
  bool (*matches)(const AnswerFacts&);
  Blame blame;
  Effect effect;
  bool retryable;
  absl::Duration (*cool_for)(const AnswerFacts&);
  std::string_view reason;
};

// Read from the top; the first row that matches holds. What the rows are made from is in
// gemini-wire.md §6, which names the reports that each was seen in.
constexpr Row kRows[] = {
    {"success", Is2xx, Blame::kNobody, Effect::kWorks, false, NoTime, ""},
    {"live_ended", IsLiveEnded, Blame::kNobody, Effect::kWorks, false, NoTime, ""},

    // 429 and what else has to do with an amount.
    {"throttled", IsThrottled, Blame::kSource, Effect::kThrottled, false, NoTime,
     "Google throttles the address that requests come from"},
    {"prepayment", IsPrepaymentDepleted, Blame::kProject, Effect::kRestProject, true, CreditRest,
     "Google says the project's prepaid credits are depleted"},
    {"spending_cap", IsSpendingCap, Blame::kProject, Effect::kRestProject, true, CreditRest,
     "Google says the project has reached its spending cap"},
    {"cache_storage", IsCacheStorage, Blame::kProject, Effect::kNothing, true, NoTime, ""},
    {"429_no_access", Is429NoAccess, Blame::kBucket, Effect::kSpentToday, true, NoTime,
     "Google says the project has no access to this model"},
    {"429_day_tokens", Is429DayTokens, Blame::kBucket, Effect::kSpentToday, true, NoTime,
     "Google says the input tokens of the day are spent"},
    {"429_day", Is429Day, Blame::kBucket, Effect::kSpentToday, true, NoTime,
     "Google says the requests of the day are spent"},
    {"429_minute_tokens", Is429MinuteTokens, Blame::kBucket, Effect::kCoolMinute, true, MinuteDelay,
     "Google says too many input tokens this minute"},
    {"429_minute", Is429Minute, Blame::kBucket, Effect::kCoolMinute, true, MinuteDelay,
     "Google says too many this minute"},
    {"429_bare", Is429, Blame::kBucket, Effect::kCoolGrowing, true, GrowingDelay,
     "Google answered 429 without saying which limit"},

    {"live_quota", IsLiveQuota, Blame::kBucket, Effect::kCoolGrowing, false, GrowingDelay,
     "Google ended a Live session for quota"},

    // The key and the project.
    {"key_expired", IsKeyExpired, Blame::kKey, Effect::kRestKey, true, KeyRest,
     "Google says the key has expired"},
    {"key_invalid", IsKeyInvalid, Blame::kKey, Effect::kRestKey, true, KeyRest,
     "Google says the key is not valid"},
    {"key_leaked", IsKeyLeaked, Blame::kKey, Effect::kRestKey, true, KeyRest,
     "Google says the key was reported as leaked"},
    {"key_restricted", IsKeyRestricted, Blame::kKey, Effect::kRestKey, true, KeyRest,
     "Google says a restriction of the key blocks this API"},
    {"suspended", IsSuspended, Blame::kProject, Effect::kRestProject, true, KeyRest,
     "Google says the project is suspended"},
    {"project_denied", IsProjectDenied, Blame::kProject, Effect::kRestProject, true, KeyRest,
     "Google says the project is denied access"},
    {"service_disabled", IsServiceDisabled, Blame::kProject, Effect::kRestProject, true, KeyRest,
     "Google says the Generative Language API is not enabled in the project"},
    {"credentials", IsBadCredentials, Blame::kProxy, Effect::kNothing, false, NoTime, ""},
    {"401_bearer", Is401Bearer, Blame::kKey, Effect::kNothing, true, NoTime, ""},
    {"401", Is401, Blame::kKey, Effect::kRestKey, true, KeyRest,
     "Google does not accept the key's kind of credential"},
    {"location", IsLocation, Blame::kSource, Effect::kNothing, true, NoTime, ""},
    {"not_for_new_users", IsNotForNewUsers, Blame::kBucket, Effect::kSpentToday, true, NoTime,
     "Google says the model is not available to this project"},

    // Google itself. 500 may have been served; 504 takes as long for every key.
    {"live_internal", IsLiveInternal, Blame::kUpstream, Effect::kNothing, false, NoTime, ""},
    {"503", Is503, Blame::kModel, Effect::kOverloaded, true, NoTime,
     "Google says the model is overloaded"},
    {"500", Is500, Blame::kUpstream, Effect::kNothing, false, NoTime, ""},

    // 400, 403 and 404 of any other kind, 504, and whatever is not known.
    {"other", IsAny, Blame::kRequest, Effect::kNothing, false, NoTime, ""},
};

// Limits of requests and of input tokens for one model; the others (of a region, of a user) are not
// counted here.
Lesson LessonOf(const AnswerFacts& facts) {
  Lesson lesson;
  for (const QuotaViolation& v : facts.violations) {
    const auto says = [&v](std::string_view part) {
      return v.quota_id.find(part) != std::string::npos;
    };
    if (!v.quota_value || *v.quota_value <= 0) continue;
    const bool tokens = says("InputTokens");
    if ((!tokens && !says("Requests")) || !says("PerModel") || says("PerUser")) continue;
    std::optional<std::int64_t>* limit = nullptr;
    if (says("PerDay")) {
      limit = tokens ? &lesson.input_tokens_per_day : &lesson.requests_per_day;
    } else if (says("PerMinute")) {
      limit = tokens ? &lesson.input_tokens_per_minute : &lesson.requests_per_minute;
    }
    if (limit != nullptr) *limit = std::min(limit->value_or(*v.quota_value), *v.quota_value);
  }
  return lesson;
}

}  // namespace

Verdict Judge(const AnswerFacts& facts) {
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&facts](const Row& r) { return r.matches(facts); });
  return {row->name,
          row->blame,
          row->effect,
          row->retryable,
          row->cool_for(facts),
          row->reason,
          facts.http_status == 429 ? LessonOf(facts) : Lesson{}};
}

Verdict JudgeUnsent() {
  return {"unsent", Blame::kUnsent, Effect::kNothing, true, absl::ZeroDuration(), "", {}};
}

}  // namespace keypool::policy
