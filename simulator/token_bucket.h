#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace moa::simulator {

// A quota over a period that refills continuously: `limit / period` a second, never above `limit`.
// Below zero after a run that used more than its estimate. Time is passed in and never goes back.
// Externally synchronised.
class TokenBucket {
 public:
  TokenBucket() = default;
  // Full at `now`. `limit` 0 means no limit.
  TokenBucket(double limit, absl::Duration period, absl::Time now)
      : limit_(limit), period_(period), available_(limit), updated_(now) {}

  bool unlimited() const { return limit_ <= 0; }
  double limit() const { return limit_; }

  double Available(absl::Time now) {
    if (now > updated_) {
      const double refill = limit_ * absl::FDivDuration(now - updated_, period_);
      available_ = std::min(limit_, available_ + refill);
      updated_ = now;
    }
    return available_;
  }

  bool Has(double amount, absl::Time now) { return unlimited() || Available(now) >= amount; }
  // Changes the limit: the level stays, but for what is above the new limit. A bucket that had no
  // limit starts full.
  void SetLimit(double limit, absl::Time now) {
    const double level = unlimited() ? limit : Available(now);
    limit_ = limit;
    available_ = std::min(level, limit);
    updated_ = std::max(updated_, now);
  }
  // A negative amount gives back.
  void Take(double amount, absl::Time now) {
    if (unlimited()) return;
    available_ = std::min(limit_, Available(now) - amount);
  }

  // Until `amount` is there (zero: now); for more than the limit, until the bucket is full.
  absl::Duration TimeUntil(double amount, absl::Time now) {
    if (Has(amount, now)) return absl::ZeroDuration();
    return period_ * ((std::min(amount, limit_) - available_) / limit_);
  }

 private:
  double limit_ = 0;
  absl::Duration period_ = absl::Minutes(1);
  double available_ = 0;
  absl::Time updated_ = absl::InfinitePast();
};

}  // namespace moa::simulator
