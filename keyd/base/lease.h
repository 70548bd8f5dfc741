// What a proxy asks of keyd and what it is told: the vocabulary of lease.proto in C++. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/client_token.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"

namespace keypool {

inline constexpr std::size_t kModelBytesMax = 128;
inline constexpr std::size_t kExcludedMax = 64;  // of keys, and of projects, in one Acquire
inline constexpr std::size_t kClientBytesMax = 64;
inline constexpr absl::Duration kWaitMax = absl::Minutes(10);
inline constexpr std::size_t kResourcesMax = 64;  // in one Acquire, and in one Report
inline constexpr std::size_t kResourceBytesMax = 256;
inline constexpr absl::Duration kResourceTimeMax = absl::Hours(24 * 400);

enum class Kind {
  kMetered,
  kUnmetered,
  kValidation,  // of any key that is to be checked, with a call that costs nothing
  kOwnership    // of nothing: only asks which of the resources are not the client's
};

struct AcquireCommand {
  Kind kind = Kind::kMetered;
  std::string model;  // without "models/"; may be empty when unmetered
  std::vector<KeyId> exclude_keys;
  std::vector<ProjectId> exclude_projects;
  // Of a metered request, by the size of its text; keyd corrects it by what it learns of the model.
  std::int64_t input_tokens = 0;
  // Who sends the request. Those who wait are served by client in turn; accounts are kept by it.
  std::string client = {};
  // How long the answer may be held back when nothing can be granted at once; 0 to kWaitMax.
  absl::Duration wait_up_to = absl::ZeroDuration();
  // What the request names that lives in one project ("files/abc"): only that one can serve it.
  // Names that keyd does not know pin nothing.
  std::vector<std::string> resources = {};
  // Not empty: this project alone may serve it, whatever it names.
  ProjectId project = {};
  // Set: the first project behind this one, in the order of ids, with an active key; empty for the
  // first of all. Whatever the request names.
  std::optional<ProjectId> after_project = std::nullopt;
  // The client's own: what the proxy has found in the request, and what keyd is told of it. None:
  // it has shown none that could be good.
  SecretPtr token = nullptr;
  std::optional<TokenDigest> token_digest = std::nullopt;
  // The proxy serves nobody without a token, whatever keyd does.
  bool token_required = false;
};

struct Grant {
  LeaseId lease;
  KeyId key;
  SecretPtr secret;
  ProjectId project;
  absl::Duration waited = absl::ZeroDuration();  // how long the answer was held back
  bool owns = false;        // a resource that the request names lives in the project
  std::string client = {};  // whose token it was granted for; empty: nobody's
};

enum class RefusalReason {
  kNoKeys,
  kAllDisabled,
  kExhausted,
  kAllExcluded,
  kNotRetryable,
  kLimitReached,
  kModelOverloaded,
  kSourceThrottled,
  kTooLarge,
  kResourcesApart,    // it names resources of two projects
  kOwnerUnavailable,  // the project that it is pinned to has no active key
  kNoMoreProjects,    // behind after_project
  kUnauthenticated,   // no token that is good; of which kind, nobody is told
  kClientQuota,       // the client is over its own
  kModelNotAllowed,   // to the client
  kNotOwner,          // it names resources that are not the client's; or only asked for that
};

enum class QuotaWindow {
  kRequestsPerMinute,
  kInputTokensPerMinute,
  kRequestsPerDay,
  kInputTokensPerDay
};

struct Refusal {
  RefusalReason reason;
  std::optional<absl::Duration>
      retry_after;                 // until the first project of the whole pool can take it
  bool spent_for_the_day = false;  // every project is out of requests for the day
  std::int64_t limit = 0;          // the limit in the way; see lease.proto
  QuotaWindow window = QuotaWindow::kRequestsPerMinute;  // that it is of
  std::string message;
  // Of kNotOwner: the places of those in AcquireCommand::resources; none, when only asked for.
  std::vector<std::uint32_t> foreign = {};
};

using AcquireReply = std::variant<Grant, Refusal>;

struct QuotaViolation {
  std::string quota_id;
  std::string quota_metric;
  std::string model;
  std::optional<std::int64_t> quota_value;
};

// What the text of an error answer says, when it says something that its status and details do not.
// The texts are in proxy/message_class.cc; none crosses this seam, because some name a key.
enum class MessageClass {
  kNone,
  kHtmlPage,          // not an answer of the API at all
  kAutomatedQueries,  // the page that Google shows an address that it throttles
  kKeyNotValid,       // also: not found
  kKeyExpired,
  kKeyLeaked,  // reported as leaked
  kConsumerSuspended,
  kProjectDenied,
  kServiceDisabled,  // the API is not enabled in the project
  kMethodBlocked,    // by a restriction of the key
  kNoCredentials,
  kSeveralCredentials,
  kLocation,  // not served where the request came from
  kPrepaymentDepleted,
  kSpendingCap,
  kCacheStorage,  // storage for cached content, which is no quota of requests
  kModelNotFound,
  kModelNotForNewUsers,  // of this project
  kQuotaExceeded,
};
inline constexpr MessageClass kMessageClassLast = MessageClass::kQuotaExceeded;

// What the proxy saw upstream, without an opinion. An error that comes inside an answer of 200 is
// described as if it were an answer of its own.
struct AnswerFacts {
  int http_status = 0;  // 0: no answer
  std::string status;
  std::string reason;
  std::vector<QuotaViolation> violations;
  std::optional<absl::Duration> retry_delay;
  MessageClass message = MessageClass::kNone;
  int websocket_close_code = 0;  // with which a Live session was ended; 0: none
  bool key_as_bearer = false;    // the key went as "Authorization: Bearer", as OpenAI paths want it
};

// What Google says that a request has taken.
struct TokenUsage {
  std::int64_t input = 0;   // the prompt, with what is cached of it and what tools have put in
  std::int64_t cached = 0;  // of input
  std::int64_t output = 0;  // without thoughts
  std::int64_t thoughts = 0;
  friend bool operator==(const TokenUsage&, const TokenUsage&) = default;
};

// What an answer shows to live in the project of its lease.
struct ResourceNote {
  std::string name;
  absl::Duration time_to_live;  // at most kResourceTimeMax; 0: it is gone
  friend bool operator==(const ResourceNote&, const ResourceNote&) = default;
};

struct ReportCommand {
  LeaseId lease;
  Epoch epoch;
  bool sent = true;
  AnswerFacts facts;
  // What was leased; used when the lease is of another epoch.
  KeyId key;
  std::string model;
  // Nothing: the answer does not say.
  std::optional<TokenUsage> usage = std::nullopt;
  // The model that Google says has answered; empty when it does not say.
  std::string model_version = {};
  std::string client = {};  // as in the AcquireCommand
  std::vector<ResourceNote> resources = {};
  // The lease does not end with it: only key and resources are told.
  bool goes_on = false;
};

enum class Settled { kNow, kLate, kDuplicate, kOtherEpoch, kGoesOn };

struct ReportReply {
  Settled settled = Settled::kNow;
  // Another key may help: true for a retryable blame, see blame.h. Only then is an Acquire of the
  // same request granted.
  bool retryable = false;
};

}  // namespace keypool
