// What the proxies' estimates of a model's input tokens are worth.
#pragma once

#include <algorithm>
#include <cstdint>

namespace keypool::policy {

// The ratio of what Google counts to what was estimated from the text, as an average in which what
// came last weighs most. In steps of 1/1024, between 1/4 and 4: beyond, a request has media, whose
// size its text does not tell. Not thread-safe.
class Calibration {
 public:
  static constexpr std::int64_t kOne = 1024;
  static constexpr std::int64_t kLeast = kOne / 4, kMost = kOne * 4;
  // Of smaller requests most is what Google adds to every one.
  static constexpr std::int64_t kEstimateMin = 64;
  // Of a single request; far beyond any, and far from overflow when added up.
  static constexpr std::int64_t kTokensMax = 1'000'000'000;

  // What to charge; at least 1.
  std::int64_t Of(std::int64_t estimate) const {
    estimate = std::clamp<std::int64_t>(estimate, 0, kTokensMax);
    return std::clamp<std::int64_t>(estimate * ratio_ / kOne, 1, kTokensMax);
  }

  void Learn(std::int64_t estimate, std::int64_t counted) {
    if (estimate < kEstimateMin) return;
    estimate = std::min(estimate, kTokensMax);
    counted = std::min(counted, kTokensMax);
    // The first ones weigh more, so that a wrong start is soon forgotten.
    weight_ = std::min(weight_ + 1, kWeightMax);
    ratio_ += (std::clamp(counted * kOne / estimate, kLeast, kMost) - ratio_) / weight_;
  }

 private:
  static constexpr std::int64_t kWeightMax = 16;
  std::int64_t ratio_ = kOne;
  std::int64_t weight_ = 1;
};

}  // namespace keypool::policy
