#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace moa {

// How long the calls of one model take, from its last few hundred replies: enough to tell a straggler.
//
// A call's time is taken by what it wrote: time for each token, with an allowance for the time before the first.
// A running call is slow once it has taken longer than a reply of the usual length would at an unusual pace (the
// larger of the pace's 95th percentile and twice its median), and longer than 97 of 100 replies took: how long its
// own reply will be is not known, and a long one is no straggler.
//
// Value type, pure, externally synchronised.
class LatencyModel {
 public:
  void Observe(absl::Duration run, uint64_t completion_tokens);

  // After how long a call counts as slow; InfiniteDuration until there are enough replies to tell.
  absl::Duration SlowAfter() const { return slow_after_; }
  uint64_t observations() const { return observations_; }

 private:
  struct Reply {
    double tokens = 0;
    double seconds = 0;
  };
  void Recompute();

  std::vector<Reply> replies_;  // the last ones, in a ring
  size_t next_ = 0;
  uint64_t observations_ = 0;
  absl::Duration slow_after_ = absl::InfiniteDuration();
};

}  // namespace moa
