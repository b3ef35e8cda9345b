#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace moa {

// Bounds what repeats may add to the load, over all jobs: calls earn shares of a repeat, some repeats are saved up,
// and one every few seconds may be allowed whatever happens, so that nothing waits for ever.
//
// Whose calls earn is the owner's choice. Retries are earned by calls that end well: while some calls succeed those
// that fail are made again as fast as they come, and when none does the provider sees little more than the calls
// themselves; afterwards repeats double with each round of successes. Hedges are earned by first calls, of which
// they are to be a small part.
//
// Value type, pure, externally synchronised.
class RetryBudget {
 public:
  struct Options {
    double share = 2;  // of one repeat, for each call that earns
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
