#include "coordinator/engine/stage_clock.h"

namespace moa {
namespace {

double WeightOf(const Plan& plan, const Stage& stage) {
  switch (stage.kind) {
    case StageKind::kPropose:
      return kLayerTimeWeight;
    case StageKind::kCritique:
    case StageKind::kRoute:
      return kJudgeTimeWeight;
    case StageKind::kAggregate:
      return plan.spec.moa.best_answer ? kBestAnswerTimeWeight : kAggregatorTimeWeight;
  }
  return kLayerTimeWeight;
}

// After the first `stages` of the plan's stages have used up their parts.
absl::Duration PartsOver(const Plan& plan, size_t stages) {
  double over = 0;
  double all = 0;
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const double weight = WeightOf(plan, plan.stages[i]);
    all += weight;
    if (i < stages) over += weight;
  }
  return absl::Trunc(*plan.spec.deadline * (over / all), absl::Microseconds(1));
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
