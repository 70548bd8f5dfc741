// Why not now, and when: refusal is an answer. The only place with its sentences. They reach the
// callers of the proxy, so they name no key, and no project but one that the request is bound to.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

std::string Rounded(absl::Duration wait) {
  const absl::Duration unit = wait < absl::Seconds(10) ? absl::Milliseconds(100) : absl::Seconds(1);
  return absl::FormatDuration(absl::Ceil(wait, unit));
}

std::string ForModel(const Model& model) {
  return model.metered ? absl::StrCat(" for model ", model.name) : "";
}

absl::Duration Until(MonoTime t, const Moment& m) {
  return std::max(t - m.mono, absl::ZeroDuration());
}

Refusal Because(RefusalReason reason, std::string message) {
  Refusal refusal;
  refusal.reason = reason;
  refusal.message = std::move(message);
  return refusal;
}

// The first time at which a project takes a request of so many tokens, by a bounded look.
Fit FirstFit(const Selector& selector, std::int64_t tokens, const Moment& m) {
  Fit first = {.at = MonoTime::Max()};
  const auto look = [&](const auto& entries, auto is_later) {
    int looks = kRoomLooks;
    for (auto at = entries.begin(); at != entries.end() && looks > 0; ++at, --looks) {
      if (is_later(*at)) return;
      const Fit fit = at->bucket->FitOf(tokens, m);
      if (fit.at < first.at) first = fit;
    }
  };
  const auto never = [](const auto&) { return false; };
  look(selector.ready(), never);
  look(selector.by_room(), never);
  const auto later = [&](const Selector::TimeEntry& e) { return e.at >= first.at; };
  look(selector.waiting(), later);
  look(selector.spent_ones(), later);
  return first;
}

// At most so many bytes of a name, so that a sentence with several stays whole on its way.
std::string Quoted(std::string_view name) {
  constexpr std::size_t kBytesMax = 80;
  if (name.size() <= kBytesMax) return absl::StrCat("\"", ToAbsl(name), "\"");
  std::size_t kept = kBytesMax;
  while (kept > 0 && (name[kept] & 0xC0) == 0x80) --kept;  // not inside a character
  return absl::StrCat("\"", ToAbsl(name.substr(0, kept)), "...\"");
}

bool IsOfTokens(QuotaWindow window) {
  return window == QuotaWindow::kInputTokensPerMinute || window == QuotaWindow::kInputTokensPerDay;
}

}  // namespace

Refusal Pool::NotRetryable() {
  return Because(RefusalReason::kNotRetryable,
                 "Another key would not change the answer to this request.");
}

Refusal Pool::State::RefuseWithoutKeys(const Moment& m) const {
  if (roster.keys().empty()) {
    return Because(RefusalReason::kNoKeys,
                   "The pool has no API key yet; add one with `poolctl add`.");
  }
  Refusal refusal = Because(RefusalReason::kAllDisabled,
                            "Every API key of the pool is disabled; `poolctl status` tells why, "
                            "and `poolctl enable` brings one back.");
  if (const auto first = resting.First()) refusal.retry_after = Until(*first, m);
  return refusal;
}

Refusal Pool::State::RefuseForSource(const Moment& m) const {
  Refusal refusal = Because(RefusalReason::kSourceThrottled,
                            absl::StrCat("Google throttles the address that the pool sends from, "
                                         "so no key would help; it is tried again in ",
                                         Rounded(Until(source.until(), m)), "."));
  refusal.retry_after = Until(source.until(), m);
  return refusal;
}

Refusal Pool::State::RefuseForOverload(const Model& model, const Moment& m) const {
  const absl::Duration wait = Until(model.overload.until(), m);
  Refusal refusal =
      Because(RefusalReason::kModelOverloaded,
              absl::StrCat("Google says the model ", model.name,
                           " is overloaded; it is tried again in ", Rounded(wait), "."));
  refusal.retry_after = wait;
  return refusal;
}

Refusal Pool::State::RefuseForLeases(const Moment& m) const {
  Refusal refusal = Because(RefusalReason::kLimitReached,
                            absl::StrCat("As many requests are under way as keyd may track (",
                                         config.leases_max, "); try again when some have ended."));
  // Only when all are open, so there is an expiry; a report may well come sooner.
  refusal.retry_after = Until(leases.NextExpiry(), m);
  return refusal;
}

Refusal Pool::State::RefuseForModels() const {
  return Because(RefusalReason::kLimitReached,
                 absl::StrCat("keyd tracks as many different models today as it may (",
                              config.models_max, "); use one that was used before."));
}

Refusal Pool::State::RefuseForValidation(const Moment& m) const {
  Refusal refusal = Because(RefusalReason::kExhausted, "No key is due to be checked.");
  if (const auto first = resting.First()) refusal.retry_after = Until(*first, m);
  return refusal;
}

Refusal Pool::State::RefuseForQuota(const Model& model, std::int64_t tokens,
                                    const Moment& m) const {
  const Selector& selector = model.selector;
  const Capacity largest = selector.Largest();
  if (model.metered && largest.tokens > 0 && tokens > largest.tokens) {
    return RefuseAsTooLarge(model, tokens);
  }
  Fit fit = FirstFit(selector, tokens, m);
  if (fit.at <= m.mono) return RefuseAsExcluded(model);
  // Where a project has no access at all, what Google says may be another tomorrow.
  const bool known = fit.at != MonoTime::Max();
  if (!known) fit.at = m.mono + (m.day_ends - m.wall);
  const absl::Duration wait = Until(fit.at, m);
  Refusal refusal;
  if (selector.spent() == roster.usable_projects()) {
    const bool of_tokens = known && fit.window == QuotaWindow::kInputTokensPerDay;
    refusal = Because(
        RefusalReason::kExhausted,
        absl::StrCat("Every project of the pool is out of ",
                     of_tokens ? "input tokens" : "requests", ForModel(model),
                     " for today; the next day begins at midnight in America/Los_Angeles, in ",
                     Rounded(wait), "."));
    refusal.spent_for_the_day = true;
    const auto limits = LimitsOf(nullptr, model);
    refusal.limit = of_tokens ? fit.limit : limits ? limits->limits.requests_per_day : 0;
    refusal.window = of_tokens ? fit.window : QuotaWindow::kRequestsPerDay;
  } else {
    const std::string size =
        IsOfTokens(fit.window) ? absl::StrCat(" of about ", tokens, " input tokens") : "";
    refusal =
        Because(RefusalReason::kExhausted,
                absl::StrCat("No project of the pool can take a request", size, ForModel(model),
                             " right now; the first one can in ", Rounded(wait), "."));
    refusal.limit = fit.limit;
    refusal.window = fit.window;
  }
  if (refusal.limit == kUnlimited) refusal.limit = 0;
  refusal.retry_after = wait;
  return refusal;
}

Refusal Pool::State::RefuseAsExcluded(const Model& model) {
  Refusal refusal = Because(RefusalReason::kAllExcluded,
                            absl::StrCat("Every key that could take a request", ForModel(model),
                                         " now has already failed this one."));
  refusal.retry_after = absl::ZeroDuration();  // a request that excludes nothing gets one now
  return refusal;
}

Refusal Pool::State::RefuseAsTooLarge(const Model& model, std::int64_t tokens) const {
  Capacity largest = model.selector.Largest();
  if (model.fresh_at < roster.order().size()) {
    const Limits limits = LimitsOf(nullptr, model)->limits;
    const Capacity fresh = Meters(limits, absl::ZeroDuration(), 0).Largest();
    largest = std::max(largest, Capacity{model.largest_configured, fresh.window});
  }
  const bool per_day = largest.window == QuotaWindow::kInputTokensPerDay;
  Refusal refusal = Because(
      RefusalReason::kTooLarge,
      absl::StrCat("The request has about ", tokens, " input tokens", ForModel(model),
                   ", and no project of the pool may take more than ", largest.tokens, " a ",
                   per_day ? "day; make it smaller, or raise input_tokens_per_day in LIMITS_FILE "
                           : "minute; make it smaller, or raise DEFAULT_TPM_LIMIT or "
                             "input_tokens_per_minute in LIMITS_FILE ",
                   "if Google allows the projects more."));
  refusal.limit = largest.tokens;
  refusal.window = largest.window;
  return refusal;
}

Refusal Pool::State::RefuseAsApart(const Pin& pin) {
  return Because(
      RefusalReason::kResourcesApart,
      absl::StrCat(Quoted(*pin.name), " is in project ", Quoted(pin.project->value()), " and ",
                   Quoted(*pin.other_name), " in project ", Quoted(pin.other_project->value()),
                   ": one request cannot use both. Upload one of them again."));
}

Refusal Pool::State::RefuseForOwner(const ProjectId& id, const Project* project,
                                    const Moment& m) const {
  const std::string alone =
      absl::StrCat("Only project ", Quoted(id.value()), " can serve this request, and ");
  if (project == nullptr || project->keys == 0) {
    return Because(RefusalReason::kOwnerUnavailable,
                   absl::StrCat(alone,
                                "it has no API key in the pool; add one of it with `poolctl "
                                "add`."));
  }
  const std::optional<MonoTime> first = resting.FirstOf(*project);
  if (!first) {
    return Because(RefusalReason::kOwnerUnavailable,
                   absl::StrCat(alone,
                                "every API key of it is disabled; `poolctl status` tells why, and "
                                "`poolctl enable` brings one back."));
  }
  // A rest that is over ends with the check of a proxy, or a little later without.
  const absl::Duration wait = Until(*first > m.mono ? *first : RestEnds(*first), m);
  Refusal refusal = Because(
      RefusalReason::kOwnerUnavailable,
      absl::StrCat(alone, "Google refuses every API key of it at present; the first one is tried ",
                   "again in ", Rounded(wait), "."));
  refusal.retry_after = wait;
  return refusal;
}

std::optional<Refusal> Pool::State::RefuseOf(const Bucket& bucket, std::int64_t tokens,
                                             const Moment& m) const {
  const Model& model = *bucket.model();
  const Standing standing = bucket.Look(m);
  const Capacity& largest = standing.capacity;
  if (model.metered && largest.tokens > 0 && tokens > largest.tokens) {
    const bool per_day = largest.window == QuotaWindow::kInputTokensPerDay;
    Refusal refusal = Because(
        RefusalReason::kTooLarge,
        absl::StrCat("The request has about ", tokens, " input tokens", ForModel(model),
                     ", and the only project that can serve it may not take more than ",
                     largest.tokens, " a ", per_day ? "day" : "minute", "; make it smaller."));
    refusal.limit = largest.tokens;
    refusal.window = largest.window;
    return refusal;
  }
  Fit fit = bucket.FitOf(tokens, m);
  if (fit.at <= m.mono) return std::nullopt;
  if (fit.at == MonoTime::Max()) fit.at = m.mono + (m.day_ends - m.wall);
  const absl::Duration wait = Until(fit.at, m);
  Refusal refusal;
  if (standing.kind == Standing::Kind::kSpent) {
    const bool of_tokens = fit.window == QuotaWindow::kInputTokensPerDay;
    refusal = Because(
        RefusalReason::kExhausted,
        absl::StrCat("The only project that can serve this request is out of ",
                     of_tokens ? "input tokens" : "requests", ForModel(model),
                     " for today; the next day begins at midnight in America/Los_Angeles, in ",
                     Rounded(wait), "."));
    refusal.spent_for_the_day = true;
    refusal.limit = of_tokens ? fit.limit : bucket.limits().requests_per_day;
    refusal.window = of_tokens ? fit.window : QuotaWindow::kRequestsPerDay;
  } else {
    const std::string size =
        IsOfTokens(fit.window) ? absl::StrCat(" of about ", tokens, " input tokens") : "";
    refusal =
        Because(RefusalReason::kExhausted,
                absl::StrCat("The only project that can serve this request cannot take one", size,
                             ForModel(model), " right now; it can in ", Rounded(wait), "."));
    refusal.limit = fit.limit;
    refusal.window = fit.window;
  }
  if (refusal.limit == kUnlimited) refusal.limit = 0;
  refusal.retry_after = wait;
  return refusal;
}

Refusal Pool::State::RefuseForOrder(int passed) {
  return Because(RefusalReason::kLimitReached,
                 absl::StrCat("The next ", passed,
                              " projects in order cannot take the request now, and no more are "
                              "looked at; try again later."));
}

Refusal Pool::State::RefuseAfterTheLast() {
  return Because(RefusalReason::kNoMoreProjects,
                 "No further project has an API key that can take the request.");
}

}  // namespace keypool::policy
