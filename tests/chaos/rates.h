#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/chaos/history.h"

namespace moa::chaos {

// Throughput is counted in steps of 250 ms and judged over 2 s: shorter than a takeover, long enough for some hundred
// jobs.
inline constexpr int64_t kStepUs = 250'000;
inline constexpr int kWindowSteps = 8;
inline constexpr double kRecoveredShare = 0.98;

struct Recovery {
  std::string kind;
  std::string detail;
  double at_s = 0;               // after the run's begin
  double rate_before = 0;        // jobs a second: the median over 2 s before the fault
  std::optional<double> took_s;  // absent: not before the next fault, or the end of the load
  double observed_s = 0;         // for so long it was waited for
};

struct KindOfFault {
  std::vector<double> took_s;  // of those that were measured
  int64_t unmeasured = 0;
  double median_s = 0;
  double worst_s = 0;
};

struct Rates {
  std::vector<int64_t> steps;  // jobs ended in each, from the run's begin
  double median = 0;           // jobs a second, over all windows
  std::vector<Recovery> recoveries;
  std::map<std::string, KindOfFault> kinds;
};

// `ends` are the times at which clients heard of jobs' ends; the load lasted from `begin_us` to `end_us`.
//
// A fault's recovery takes from `healing_us` until the first moment from which the rate over 2 s is at least 98 % of
// the median of such rates between the recovery before it and the fault. One that had not come back when the next
// fault struck, or when the load ended, is unmeasured.
Rates MeasureRates(std::vector<int64_t> ends, const std::vector<FaultRecord>& faults,
                   int64_t begin_us, int64_t end_us);

// 0 of none.
double Median(std::vector<double> values);

}  // namespace moa::chaos
