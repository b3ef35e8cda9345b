#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"

namespace moa::simulator {

// What a benchmark needs to see of the limits and of their effect, since the start or the last
// Reset: endings by status and error code, when quota refusals came, and a series of seconds.
// Bounded: statuses and codes are the simulator's own. Thread-safe.
//
// Times are CLOCK_MONOTONIC nanoseconds, passed in, so that a benchmark on the same machine can set
// them against its own.
class Statistics {
 public:
  explicit Statistics(int64_t now_ns) : since_ns_(now_ns) {}

  // Let in by the limits, about to run.
  void Admitted(int64_t now_ns);
  // The end of a request: `code` is the error's, empty after an answer.
  void Ended(int status, absl::string_view code, int64_t now_ns);
  // What an admitted request used up of its quotas in the end.
  void Charged(int64_t uncached_tokens, int64_t total_tokens, int64_t now_ns);

  void Reset(int64_t now_ns);

  // Members of an object without its braces:
  //   "since_ns":…,"now_ns":…,"admitted":…,"charged":{"uncached":…,"total":…},
  //   "by_code":{"429 token_quota_exceeded":…},
  //   "quota_429":{"count":…,"first_s":…,"last_s":…},        seconds since since_ns; -1: none
  //   "seconds":[{"second":…,"admitted":…,"completed":…,"quota_429":…,"queue_429":…,
  //               "uncached_tokens":…,"total_tokens":…},…]  of the last 120, those with anything
  std::string Json(int64_t now_ns);

 private:
  static constexpr int64_t kSecondsKept = 120;
  struct Second {
    int64_t second = -1;  // since since_ns_; -1: unused
    int64_t admitted = 0;
    int64_t completed = 0;
    int64_t quota_429 = 0;
    int64_t queue_429 = 0;
    int64_t uncached_tokens = 0;
    int64_t total_tokens = 0;
  };

  Second& At(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  int64_t since_ns_ ABSL_GUARDED_BY(mutex_);
  int64_t admitted_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t uncached_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t total_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t quota_429_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t first_quota_429_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_quota_429_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<int, std::string>, int64_t> errors_ ABSL_GUARDED_BY(mutex_);
  std::array<Second, kSecondsKept> seconds_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace moa::simulator
