#include "coordinator/engine/stage_clock.h"

#include <gtest/gtest.h>

#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

TEST(StageClockTest, SharesANamedDeadlineOutWithMoreForTheAggregator) {
  JobSpec spec = MakeJob(1, 2, 2);
  spec.deadline = absl::Seconds(7);
  const auto plan = Compile(spec, {});  // two rounds and the aggregator: 1 + 1 + 1.5
  EXPECT_EQ(StageEnd(*plan, 0), absl::Seconds(2));
  EXPECT_EQ(StageEnd(*plan, 1), absl::Seconds(4));
  EXPECT_EQ(StageEnd(*plan, 2), absl::InfiniteDuration());
  EXPECT_EQ(AggregatorStart(*plan), absl::Seconds(4));
}

TEST(StageClockTest, ADefaultDeadlineIsOnlyABackstop) {
  const auto plan = Compile(MakeJob(1, 2), {.deadline_default = absl::Seconds(7)});
  EXPECT_EQ(StageEnd(*plan, 0), absl::InfiniteDuration());
  EXPECT_EQ(AggregatorStart(*plan), absl::InfiniteDuration());
}

TEST(StageClockTest, APlainCallHasItAll) {
  JobSpec spec = MakeJob(0, 0);
  spec.deadline = absl::Seconds(7);
  EXPECT_EQ(StageEnd(*Compile(spec, {}), 0), absl::InfiniteDuration());
}

}  // namespace
}  // namespace moa
