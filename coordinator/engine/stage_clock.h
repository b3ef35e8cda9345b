#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "coordinator/engine/plan.h"

namespace moa {

// How a job's deadline is shared out among its stages, so that no layer uses up the time in which
// the aggregator is to answer (proto/moa/v1/job.proto, JobSpec.deadline; MOA section 3, rule 2).
// Pure functions.

// Parts of the deadline. The aggregator reads all answers and writes the longest reply.
inline constexpr double kLayerTimeWeight = 1.0;
inline constexpr double kJudgeTimeWeight = 0.5;  // critics and routers, who write little
inline constexpr double kAggregatorTimeWeight = 1.5;
// Where the best answer is the job's there is no call to make, but a moment is needed to say so.
inline constexpr double kBestAnswerTimeWeight = 0.05;

// How long after the job's acceptance stage `stage` is to be over. Time that a stage does not use
// is the next ones'. InfiniteDuration for the aggregator, which the job's own deadline bounds, and
// in a job that names no deadline: the default is only a backstop.
absl::Duration StageEnd(const Plan& plan, uint32_t stage);

// When the aggregator's part begins. InfiniteDuration where the job names no deadline.
absl::Duration AggregatorStart(const Plan& plan);

}  // namespace moa
