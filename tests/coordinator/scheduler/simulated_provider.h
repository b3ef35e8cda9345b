#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "coordinator/scheduler/quota.h"

namespace moa {

inline const absl::Time kSimStart = absl::FromUnixSeconds(1'700'000'000);

// The minute's buckets of one organisation and model, and the day's of tokens, as the provider keeps them: refilled continuously; a call
// is let in by an estimate and corrected by what it used. For tests, under simulated time that never goes back.
class SimulatedProvider {
 public:
  struct Bucket {
    double limit = 0;
    double level = 0;
    absl::Duration period = absl::Minutes(1);
    absl::Time at = kSimStart;
    double Level(absl::Time now) {
      level = std::min(limit, level + limit * absl::FDivDuration(now - at, period));
      at = now;
      return level;
    }
  };
  Bucket requests;
  Bucket tokens;
  Bucket day{.period = absl::Hours(24)};  // not enforced when its limit is 0

  void SetLimits(double requests_per_minute, double tokens_per_minute, absl::Time now) {
    requests.Level(now);
    tokens.Level(now);
    requests.limit = requests_per_minute;
    tokens.limit = tokens_per_minute;
    requests.level = std::min(requests.level, requests.limit);
    tokens.level = std::min(tokens.level, tokens.limit);
  }
  bool Admit(double estimate, absl::Time now, RateLimits* headers) {
    const bool fits = requests.Level(now) >= 1 && tokens.Level(now) >= estimate &&
                      (day.limit == 0 || day.Level(now) >= estimate);
    if (fits) {
      requests.level -= 1;
      tokens.level -= estimate;
      day.level -= estimate;
    }
    headers->requests[0] = {static_cast<uint64_t>(requests.limit),
                            static_cast<uint64_t>(std::max(0.0, requests.level))};
    headers->tokens[0] = {static_cast<uint64_t>(tokens.limit),
                          static_cast<uint64_t>(std::max(0.0, tokens.level))};
    if (day.limit > 0) {
      headers->tokens[2] = {static_cast<uint64_t>(day.limit),
                            static_cast<uint64_t>(std::max(0.0, day.level))};
    }
    return fits;
  }
  void Settle(double estimate, double used, absl::Time now) {
    tokens.level = std::min(tokens.limit, tokens.Level(now) + estimate - used);
    day.level = std::min(day.limit, day.Level(now) + estimate - used);
  }
};

}  // namespace moa
