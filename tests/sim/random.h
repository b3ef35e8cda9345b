#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace moa::sim {

// The simulation's only source of chance. The same seed gives the same numbers on every platform
// and standard library, so that a seed found on one machine fails on all.
//
// Owner: the World. Not thread-safe: a simulation is one thread.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // splitmix64: every 64-bit value once a period.
  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  // 0 to n - 1. REQUIRES: n > 0.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }
  // `low` to `high`, both included.
  uint32_t Range(uint32_t low, uint32_t high) { return low + Below(high - low + 1); }
  // True in `percent` of 100 cases.
  bool Percent(double percent) {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53 * 100.0 < percent;
  }
  // Whole microseconds from `low` to `high`.
  absl::Duration Between(absl::Duration low, absl::Duration high) {
    const auto span = static_cast<uint64_t>(absl::ToInt64Microseconds(high - low)) + 1;
    return low + absl::Microseconds(static_cast<int64_t>(Next() % span));
  }

 private:
  uint64_t state_;
};

}  // namespace moa::sim
