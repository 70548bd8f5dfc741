// Whose fault an upstream answer is, and what follows: one table, a row per kind of answer.
//
// The proxy describes (AnswerFacts), this file judges, and nothing else looks at an answer. A new
// kind of answer is a new row in blame.cc and a test of that row.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "keyd/base/lease.h"

namespace keypool::policy {

enum class Blame {
  kNobody,    // it went well
  kKey,       // the key is not valid, or not for this API
  kBucket,    // the project's quota for this model, or its access to it
  kProject,   // the whole project, with all its keys
  kModel,     // Google has no room for the model
  kSource,    // the address that the request came from
  kUpstream,  // Google, in a way that another key would not mend
  kProxy,     // a mistake of the pool itself
  kRequest,   // the request itself, or nothing that another key would mend
  kUnsent,    // it never left
};

// What happens in the pool.
enum class Effect {
  kNothing,
  // The bucket of the lease:
  kWorks,        // it answers: a growing cooldown starts small again
  kSpentToday,   // no more until the next Pacific midnight, whatever retryDelay says
  kCoolMinute,   // for Verdict::cool_for
  kCoolGrowing,  // for Verdict::cool_for at least, twice as long each time it happens again
  // More than the bucket:
  kRestKey,      // disabled, and tried again after Verdict::cool_for, twice as long each time
  kRestProject,  // the same for all its keys
  kOverloaded,   // the model, when it happens several times in a row
  kThrottled,    // nothing is granted at all for a while
};

// What an answer says about limits.
struct Lesson {
  std::optional<std::int64_t> requests_per_minute = std::nullopt;
  std::optional<std::int64_t> requests_per_day = std::nullopt;
  std::optional<std::int64_t> input_tokens_per_minute = std::nullopt;
  std::optional<std::int64_t> input_tokens_per_day = std::nullopt;
  bool empty() const {
    return !requests_per_minute && !requests_per_day && !input_tokens_per_minute &&
           !input_tokens_per_day;
  }
};

struct Verdict {
  std::string_view row;  // the name of the row, for tests and explanations
  Blame blame = Blame::kRequest;
  Effect effect = Effect::kNothing;
  bool retryable = false;  // another key may help
  // How long the effect lasts, where that is not fixed; else zero.
  absl::Duration cool_for = absl::ZeroDuration();
  // One phrase for the status of what cools; empty when nothing does.
  std::string_view reason;
  Lesson lesson = {};
};

// A per-minute 429 without a retryDelay: the longest that a sliding minute can take.
inline constexpr absl::Duration kMinuteWithoutDelay = absl::Seconds(60);
// On top of a retryDelay, which is rounded down to whole seconds.
inline constexpr absl::Duration kDelayMargin = absl::Seconds(1);
// A retryDelay beyond this is not believed for a window of a minute.
inline constexpr absl::Duration kDelayMax = absl::Hours(1);
// A 429 that does not say why: the first time, and the most after doubling.
inline constexpr absl::Duration kGrowingFirst = absl::Seconds(2);
inline constexpr absl::Duration kGrowingMax = absl::Minutes(5);
// After a growing cooldown, one request in this time tries whether the bucket works.
inline constexpr absl::Duration kProbeEvery = absl::Seconds(2);
// A key that is not valid, and a project that has no credit: the first time, and the most after
// doubling.
inline constexpr absl::Duration kKeyRestFirst = absl::Hours(1);
inline constexpr absl::Duration kCreditRestFirst = absl::Minutes(10);
inline constexpr absl::Duration kRestMax = absl::Hours(24);
// How long a limit that Google told is believed without being told again.
inline constexpr absl::Duration kLearnedFor = absl::Hours(7 * 24);
// So many projects that are told 429 without a reason within so long: it is not the projects.
inline constexpr int kThrottledProjects = 3;
inline constexpr absl::Duration kThrottledWithin = absl::Seconds(5);

// The answer that something which lasts began with. An empty row: one before the restart.
struct Cause {
  std::string_view row;  // Verdict::row
  absl::Time since = absl::InfinitePast();
};

// Total: every answer falls into exactly one row, the first that matches.
Verdict Judge(const AnswerFacts& facts);
// The verdict on a request that never left.
Verdict JudgeUnsent();

}  // namespace keypool::policy
