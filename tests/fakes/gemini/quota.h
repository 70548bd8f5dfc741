// The quota that Google would enforce: per project and model, requests and input tokens a minute,
// and requests a Pacific day. Counts of its own, so that a test can prove that no proxy promised
// more than there is.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace keypool::fake {

// Requests. 0: no access to the model at all, as Google says it.
struct Limit {
  std::int64_t per_minute = 10;
  std::int64_t per_day = 250;
  std::int64_t tokens_per_minute = INT64_MAX;
};

enum class MinuteShape {
  kSliding,  // any 60 s
  kFixed,    // minutes of the clock
};

struct QuotaOptions {
  std::map<std::string, std::string> project_of_key = {};
  // Take a key that is not listed, as the only key of a project with the key's own name.
  bool any_key = false;
  Limit limit;
  // By "model" or, stronger, "project/model".
  std::map<std::string, Limit> overrides = {};
  MinuteShape shape = MinuteShape::kSliding;
};

enum class Window { kMinute, kDay, kTokensMinute };

struct Violation {
  Window window;
  std::int64_t limit;
  absl::Duration until_free;
};

struct BucketCount {
  std::string project;
  std::string model;
  std::string key;
  std::int64_t admitted = 0;
  std::int64_t refused = 0;
};

// Not thread-safe.
class Quota {
 public:
  Quota(QuotaOptions options, absl::TimeZone pacific);

  void AddKey(std::string key, std::string project);
  void RemoveKey(const std::string& key);
  // Nothing: Google would say that the key is not valid.
  std::optional<std::string> ProjectOf(const std::string& key) const;

  // Counts one request at `now`, or says which windows are full; a refused request fills no window.
  std::vector<Violation> Charge(const std::string& key, const std::string& project,
                                const std::string& model, absl::Time now, std::int64_t tokens = 0);

  std::vector<BucketCount> Counts() const;
  // Admitted on the present Pacific day (that of the last request), by project and model.
  std::map<std::pair<std::string, std::string>, std::int64_t> Today() const;
  // Empties windows and counts; keys and limits stay.
  void Reset();

 private:
  struct Arrival {
    absl::Time at;
    std::int64_t tokens;
  };
  struct Bucket {
    std::deque<Arrival> minute;
    std::int64_t minute_tokens = 0;
    absl::CivilDay day;
    std::int64_t today = 0;
  };
  Limit LimitOf(const std::string& project, const std::string& model) const;
  absl::Duration UntilMinuteFree(const Bucket& bucket, absl::Time now) const;

  QuotaOptions options_;
  absl::TimeZone pacific_;
  std::map<std::pair<std::string, std::string>, Bucket> buckets_;
  std::map<std::pair<std::string, std::string>, BucketCount> counts_;  // by (key, model)
};

}  // namespace keypool::fake
