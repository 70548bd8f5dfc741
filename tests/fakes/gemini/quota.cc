#include "tests/fakes/gemini/quota.h"

namespace keypool::fake {

Quota::Quota(QuotaOptions options, absl::TimeZone pacific)
    : options_(std::move(options)), pacific_(pacific) {}

void Quota::AddKey(std::string key, std::string project) {
  options_.project_of_key[std::move(key)] = std::move(project);
}

void Quota::RemoveKey(const std::string& key) { options_.project_of_key.erase(key); }

std::optional<std::string> Quota::ProjectOf(const std::string& key) const {
  const auto found = options_.project_of_key.find(key);
  if (found != options_.project_of_key.end()) return found->second;
  if (options_.any_key) return key;
  return std::nullopt;
}

Limit Quota::LimitOf(const std::string& project, const std::string& model) const {
  for (const std::string& name : {project + "/" + model, model}) {
    const auto found = options_.overrides.find(name);
    if (found != options_.overrides.end()) return found->second;
  }
  return options_.limit;
}

absl::Duration Quota::UntilMinuteFree(const Bucket& bucket, absl::Time now) const {
  if (options_.shape == MinuteShape::kFixed || bucket.minute.empty()) {
    return absl::Seconds(60 - absl::ToUnixSeconds(now) % 60);
  }
  return bucket.minute.front().at + absl::Minutes(1) - now;
}

std::vector<Violation> Quota::Charge(const std::string& key, const std::string& project,
                                     const std::string& model, absl::Time now,
                                     std::int64_t tokens) {
  Bucket& bucket = buckets_[{project, model}];
  const absl::CivilDay today = absl::ToCivilDay(now, pacific_);
  if (bucket.day != today) {
    bucket.day = today;
    bucket.today = 0;
  }
  const absl::Time minute_begins =
      options_.shape == MinuteShape::kFixed
          ? absl::FromUnixSeconds(absl::ToUnixSeconds(now) / 60 * 60) - absl::Nanoseconds(1)
          : now - absl::Minutes(1);
  while (!bucket.minute.empty() && bucket.minute.front().at <= minute_begins) {
    bucket.minute_tokens -= bucket.minute.front().tokens;
    bucket.minute.pop_front();
  }

  const Limit limit = LimitOf(project, model);
  std::vector<Violation> violations;
  if (bucket.today >= limit.per_day) {
    const absl::Time midnight = absl::FromCivil(today + 1, pacific_);
    violations.push_back({Window::kDay, limit.per_day, midnight - now});
  }
  if (static_cast<std::int64_t>(bucket.minute.size()) >= limit.per_minute) {
    violations.push_back({Window::kMinute, limit.per_minute, UntilMinuteFree(bucket, now)});
  }
  if (tokens > limit.tokens_per_minute - bucket.minute_tokens) {
    violations.push_back(
        {Window::kTokensMinute, limit.tokens_per_minute, UntilMinuteFree(bucket, now)});
  }

  BucketCount& count = counts_[{key, model}];
  count.project = project;
  count.model = model;
  count.key = key;
  if (!violations.empty()) {
    ++count.refused;
    return violations;
  }
  ++count.admitted;
  ++bucket.today;
  bucket.minute.push_back({now, tokens});
  bucket.minute_tokens += tokens;
  return {};
}

std::vector<BucketCount> Quota::Counts() const {
  std::vector<BucketCount> counts;
  for (const auto& [name, count] : counts_) counts.push_back(count);
  return counts;
}

std::map<std::pair<std::string, std::string>, std::int64_t> Quota::Today() const {
  std::map<std::pair<std::string, std::string>, std::int64_t> today;
  for (const auto& [name, bucket] : buckets_) today[name] = bucket.today;
  return today;
}

void Quota::Reset() {
  buckets_.clear();
  counts_.clear();
}

}  // namespace keypool::fake
