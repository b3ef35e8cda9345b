#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace moa {

// Bounds what repeats may add to the load, over all jobs: each call that is made for the first time earns a share
// of one repeat, so that when everything fails the provider sees little more than the calls themselves. Some
// repeats are saved up for a quiet time, and one a few seconds is always allowed, so that nothing waits for ever.
//
// Value type, pure, externally synchronised.
class RetryBudget {
 public:
  struct Options {
    double share = 0.08;  // of one repeat, earned by each first call
    double saved_max = 10;
    absl::Duration free_every = absl::Seconds(2);  // zero: never
  };
  explicit RetryBudget(const Options& options) : options_(options), saved_(options.saved_max) {}

  void Earn() { saved_ = std::min(options_.saved_max, saved_ + options_.share); }
  // When a repeat is allowed; `now` at the earliest.
  absl::Time AllowedAt(absl::Time now) const {
    if (saved_ >= 1) return now;
    if (options_.free_every <= absl::ZeroDuration()) return absl::InfiniteFuture();
    return std::max(now, last_free_ + options_.free_every);
  }
  // REQUIRES: AllowedAt(now) <= now.
  void Spend(absl::Time now) {
    if (saved_ >= 1) {
      saved_ -= 1;
    } else {
      last_free_ = now;
    }
  }
  double saved() const { return saved_; }

 private:
  Options options_;
  double saved_;
  absl::Time last_free_ = absl::InfinitePast();
};

}  // namespace moa
