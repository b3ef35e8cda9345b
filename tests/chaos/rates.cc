#include "tests/chaos/rates.h"

#include <algorithm>

namespace moa::chaos {
namespace {

constexpr double kWindowSeconds = kWindowSteps * static_cast<double>(kStepUs) / 1e6;
// Fewer windows say little about what is usual: then those before the fault before count as well.
constexpr size_t kWindowsMin = 6;

class Series {
 public:
  Series(const std::vector<int64_t>& ends, int64_t begin_us, int64_t end_us)
      : begin_us_(begin_us), steps_(static_cast<size_t>((end_us - begin_us) / kStepUs)) {
    for (const int64_t end : ends) {
      if (end < begin_us || StepOf(end) >= steps_.size()) continue;
      ++steps_[StepOf(end)];
    }
  }

  size_t StepOf(int64_t at_us) const {
    return static_cast<size_t>(std::max<int64_t>(at_us - begin_us_, 0) / kStepUs);
  }
  // Windows are named by their first step.
  size_t windows() const {
    return steps_.size() < kWindowSteps ? 0 : steps_.size() - kWindowSteps + 1;
  }
  double RateFrom(size_t step) const {
    int64_t sum = 0;
    for (size_t i = step; i < step + kWindowSteps; ++i) sum += steps_[i];
    return static_cast<double>(sum) / kWindowSeconds;
  }
  // The rates of the windows that lie between two steps.
  std::vector<double> RatesWithin(size_t from, size_t to) const {
    std::vector<double> rates;
    for (size_t i = from; i + kWindowSteps <= to && i < windows(); ++i)
      rates.push_back(RateFrom(i));
    return rates;
  }
  const std::vector<int64_t>& steps() const { return steps_; }

 private:
  const int64_t begin_us_;
  std::vector<int64_t> steps_;
};

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Rates MeasureRates(std::vector<int64_t> ends, const std::vector<FaultRecord>& faults,
                   int64_t begin_us, int64_t end_us) {
  Rates rates;
  if (end_us - begin_us < kStepUs * kWindowSteps) return rates;
  const Series series(ends, begin_us, end_us);
  rates.steps = series.steps();
  rates.median = Median(series.RatesWithin(0, rates.steps.size()));
  // The step from which the rate had come back last; absent while it has not: what a fault has left of it is not what
  // the next one is compared with.
  std::optional<size_t> calm_since = 0;
  double usual = rates.median;
  for (size_t f = 0; f < faults.size(); ++f) {
    const FaultRecord& fault = faults[f];
    const size_t struck = series.StepOf(fault.struck_us);
    if (calm_since.has_value()) {
      const std::vector<double> calm = series.RatesWithin(*calm_since, struck);
      if (calm.size() >= kWindowsMin) usual = Median(calm);
    }
    calm_since.reset();
    Recovery recovery{.kind = fault.kind,
                      .detail = fault.detail,
                      .at_s = static_cast<double>(fault.struck_us - begin_us) / 1e6,
                      .rate_before = usual,
                      .took_s = std::nullopt};
    const int64_t until_us = f + 1 < faults.size() ? faults[f + 1].struck_us : end_us;
    const size_t until = std::min(series.StepOf(until_us), rates.steps.size());
    recovery.observed_s = static_cast<double>(until_us - fault.healing_us) / 1e6;
    for (size_t i = series.StepOf(fault.healing_us); i + kWindowSteps <= until; ++i) {
      if (series.RateFrom(i) < kRecoveredShare * usual) continue;
      const int64_t back_us = begin_us + static_cast<int64_t>(i) * kStepUs;
      recovery.took_s = static_cast<double>(std::max<int64_t>(back_us - fault.healing_us, 0)) / 1e6;
      calm_since = i;
      break;
    }
    KindOfFault& kind = rates.kinds[fault.kind];
    if (recovery.took_s) {
      kind.took_s.push_back(*recovery.took_s);
    } else {
      ++kind.unmeasured;
    }
    rates.recoveries.push_back(std::move(recovery));
  }
  for (auto& [name, kind] : rates.kinds) {
    if (kind.took_s.empty()) continue;
    kind.median_s = Median(kind.took_s);
    kind.worst_s = *std::max_element(kind.took_s.begin(), kind.took_s.end());
  }
  return rates;
}

}  // namespace moa::chaos
