#include "keyd/policy/blame.h"

#include <algorithm>

namespace keypool::policy {
namespace {

bool Names(const AnswerFacts& facts, std::string_view window) {
  return std::any_of(
      facts.violations.begin(), facts.violations.end(),
      [window](const QuotaViolation& v) { return v.quota_id.find(window) != std::string::npos; });
}

bool Is2xx(const AnswerFacts& facts) {
  return facts.http_status >= 200 && facts.http_status <= 299;
}
// Google names both windows when both are spent: the day is the one that lasts.
bool Is429Day(const AnswerFacts& facts) {
  return facts.http_status == 429 && Names(facts, "PerDay");
}
bool Is429Minute(const AnswerFacts& facts) {
  return facts.http_status == 429 && Names(facts, "PerMinute");
}
// Bare, or with violations that name no window known here.
bool Is429(const AnswerFacts& facts) { return facts.http_status == 429; }
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

struct Row {
  std::string_view name;
  bool (*matches)(const AnswerFacts&);
  Blame blame;
  Effect effect;
  bool retryable;
  absl::Duration (*cool_for)(const AnswerFacts&);
  std::string_view reason;
};

// Read from the top; the first row that matches holds.
constexpr Row kRows[] = {
    {"success", Is2xx, Blame::kNobody, Effect::kWorks, false, NoTime, ""},
    {"429_day", Is429Day, Blame::kBucket, Effect::kSpentToday, true, NoTime,
     "Google says the requests of the day are spent"},
    {"429_minute", Is429Minute, Blame::kBucket, Effect::kCoolMinute, true, MinuteDelay,
     "Google says too many this minute"},
    {"429_bare", Is429, Blame::kBucket, Effect::kCoolGrowing, true, GrowingDelay,
     "Google answered 429 without saying which limit"},
    {"other", IsAny, Blame::kRequest, Effect::kNothing, false, NoTime, ""},
};

}  // namespace

Verdict Judge(const AnswerFacts& facts) {
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&facts](const Row& r) { return r.matches(facts); });
  return {row->name, row->blame, row->effect, row->retryable, row->cool_for(facts), row->reason};
}

Verdict JudgeUnsent() {
  return {"unsent", Blame::kUnsent, Effect::kNothing, true, absl::ZeroDuration(), ""};
}

}  // namespace keypool::policy
