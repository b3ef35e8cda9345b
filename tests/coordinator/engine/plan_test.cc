#include "coordinator/engine/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

TEST(PlanTest, StagesAndTasksAreInRunningOrder) {
  JobSpec spec = MakeJob(2, 2);
  spec.moa.layers[0].cycles = 2;
  spec.moa.layers[1].agents[1].samples = 3;
  const auto plan = Compile(std::move(spec), {});
  ASSERT_EQ(plan->stages.size(), 4u);
  const uint32_t layers[] = {1, 1, 2, 3};
  const uint32_t rounds[] = {1, 2, 1, 1};
  const uint32_t firsts[] = {0, 2, 4, 8};
  const uint32_t counts[] = {2, 2, 4, 1};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(plan->stages[i].layer, layers[i]);
    EXPECT_EQ(plan->stages[i].round, rounds[i]);
    EXPECT_EQ(plan->stages[i].first_task, firsts[i]);
    EXPECT_EQ(plan->stages[i].task_count, counts[i]);
  }
  ASSERT_EQ(plan->tasks.size(), 9u);
  for (uint32_t i = 0; i < 9; ++i) EXPECT_EQ(plan->tasks[i].index, i);
  EXPECT_EQ(plan->tasks[7].agent->name, "a2");
  EXPECT_EQ(plan->tasks[7].sample, 2u);
  EXPECT_EQ(plan->tasks[7].stage, 2u);
  EXPECT_EQ(plan->aggregator_task(), 8u);
  EXPECT_EQ(plan->tasks[8].agent, &plan->spec.moa.aggregator);
}

TEST(PlanTest, TheSameSpecMakesTheSamePlan) {
  const auto one = Compile(MakeJob(2, 2, 2), {});
  const auto two = Compile(one->spec, {});
  EXPECT_EQ(one->spec, two->spec);
  ASSERT_EQ(one->tasks.size(), two->tasks.size());
  for (size_t i = 0; i < one->tasks.size(); ++i) {
    EXPECT_EQ(*one->tasks[i].agent, *two->tasks[i].agent);
    EXPECT_EQ(one->tasks[i].stage, two->tasks[i].stage);
  }
}

TEST(PlanTest, NormalizingSpellsDefaultsOutAndIsIdempotent) {
  const JobSpec spec = Normalize(MakeJob(1, 1));
  EXPECT_EQ(spec.tenant, Tenant("default"));
  EXPECT_EQ(spec.moa.layers[0].cycles, 1u);
  EXPECT_EQ(spec.moa.layers[0].agents[0].samples, 1u);
  EXPECT_EQ(spec.moa.layers[0].agents[0].max_completion_tokens, 2048u);
  EXPECT_EQ(spec.moa.layers[0].agents[0].temperature, std::nullopt);
  EXPECT_EQ(spec.moa.aggregator.name, "aggregator");
  EXPECT_EQ(spec.moa.aggregator.samples, 1u);
  EXPECT_EQ(Normalize(spec), spec);
}

TEST(PlanTest, TheDeadlineIsTheJobsOrTheDefault) {
  JobSpec spec = MakeJob(0, 0);
  EXPECT_EQ(Compile(spec, {})->deadline, absl::Minutes(10));
  spec.deadline = absl::Seconds(3);
  EXPECT_EQ(Compile(spec, {})->deadline, absl::Seconds(3));
}

}  // namespace
}  // namespace moa
