#include "coordinator/engine/stage_clock.h"

namespace moa {
namespace {

// After `layers` of the plan's layer-rounds have used up their parts.
absl::Duration PartsOver(const Plan& plan, size_t layers) {
  const size_t all = plan.stages.size() - 1;
  const double weights = kLayerTimeWeight * static_cast<double>(all) + kAggregatorTimeWeight;
  return absl::Trunc(
      *plan.spec.deadline * (kLayerTimeWeight * static_cast<double>(layers) / weights),
      absl::Microseconds(1));
}

}  // namespace

absl::Duration StageEnd(const Plan& plan, uint32_t stage) {
  if (!plan.spec.deadline.has_value() || stage + 1 >= plan.stages.size()) {
    return absl::InfiniteDuration();
  }
  return PartsOver(plan, stage + 1);
}

absl::Duration AggregatorStart(const Plan& plan) {
  if (!plan.spec.deadline.has_value()) return absl::InfiniteDuration();
  return PartsOver(plan, plan.stages.size() - 1);
}

}  // namespace moa
