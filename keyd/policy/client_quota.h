// What one client has used of its own quota, and how far the store covers it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "keyd/base/clients.h"
#include "keyd/policy/meter.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// Requests a minute and a Pacific day, input tokens a day. The limits are ours, not Google's: so a
// grant counts on the day on which it was given, and weighs on the minute for a minute. Counts are
// in the store ahead of the grants, as a bucket's are ("Marks" in bucket.h): after a restart at
// most a block, and what was given back since the last record, counts too much.
//
// Not thread-safe. Functions that take a Moment require Turn for it first unless they are const.
class ClientQuota {
 public:
  ClientQuota(const ClientTerms& terms, std::int64_t today);

  // What was used stays.
  void SetTerms(const ClientTerms& terms);
  void Turn(const Moment& m);

  // When a request with so many tokens fits, and the window that it waits for last;
  // MonoTime::Max(): never.
  Fit FitOf(std::int64_t tokens, const Moment& m) const;
  // One grant to client `name`, by what it was charged with. Appends a record when the store does
  // not cover it.
  void Take(const std::string& name, std::int64_t tokens, const Moment& m, Mutations* mutations);
  // A charge of the past is taken back, or had so many tokens more (or less) in truth. One of a day
  // that is over is left alone.
  void Refund(const ChargeTime& charge, std::int64_t tokens);
  void CorrectTokens(const std::string& name, const ChargeTime& charge, std::int64_t by,
                     const Moment& m, Mutations* mutations);
  // Counts what `record` says; `record_day_ends` is the end of record.day.
  void Restore(const ClientUseRecord& record, absl::Time record_day_ends, const Moment& m);

  std::int64_t UsedThisMinute(const Moment& m) const { return requests_.UsedThisMinute(m); }
  std::int64_t UsedToday(const Moment& m) const { return requests_.UsedToday(m); }
  std::int64_t TokensToday(const Moment& m) const { return tokens_.UsedToday(m); }

 private:
  bool Covers(std::int64_t requests, std::int64_t tokens, const Moment& m) const;
  // With a block beyond what is used, for a grant of so much.
  void Write(const std::string& name, std::int64_t requests, std::int64_t tokens, const Moment& m,
             Mutations* mutations);

  Meter requests_;
  Meter tokens_;
  std::int64_t covered_requests_ = 0, covered_tokens_ = 0;
  std::int64_t saved_day_ = 0;
  std::uint32_t saved_clock_ = 0;
};

}  // namespace keypool::policy
