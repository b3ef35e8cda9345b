#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace moa::worker {

// How long to wait before the next try to connect: doubles from `first` to `longest`, spread over half to
// all of it, so that a restarted coordinator is not met by all workers in one instant. Pure; the random
// number comes from outside. Externally synchronised.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration longest) : first_(first), longest_(longest) {}

  // `random` is from [0, 1).
  absl::Duration Next(double random) {
    current_ = std::min(current_ == absl::ZeroDuration() ? first_ : 2 * current_, longest_);
    return current_ * (0.5 + 0.5 * random);
  }
  // After a success.
  void Reset() { current_ = absl::ZeroDuration(); }

 private:
  const absl::Duration first_;
  const absl::Duration longest_;
  absl::Duration current_;
};

}  // namespace moa::worker
