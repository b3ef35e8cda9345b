#include "coordinator/engine/job_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const JobEnded& End(const JobDriver& job) { return *job.machine().end(); }

std::string Answer(const JobDriver& job) {
  const uint32_t aggregator = job.machine().plan().aggregator_task();
  return std::string(job.task(aggregator).result.completion.content.view());
}

// ------------------------------------------------------------------------------------------------
// The way of a job

TEST(JobMachineTest, APlainCallIsOneTaskWithTheConversationAlone) {
  JobDriver job(MakeJob(0, 0));
  ASSERT_THAT(job.queued(), SizeIs(1));
  EXPECT_EQ(job.machine().state(), JobState::kQueued);
  EXPECT_EQ(Spell(job.machine().Input(0)), "user: hello\n");
  EXPECT_EQ(job.machine().Input(0).seed, std::nullopt);
  job.Dispatch(0);
  EXPECT_EQ(job.machine().state(), JobState::kRunning);
  job.Wait(absl::Milliseconds(250));
  job.Succeed(0, "hi", absl::Milliseconds(200));
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(Answer(job), "hi");
  EXPECT_EQ(End(job).latency, absl::Milliseconds(250));
  EXPECT_EQ(End(job).critical_path, absl::Milliseconds(200));
  EXPECT_EQ(End(job).usage.upstream_calls, 1u);
  EXPECT_EQ(End(job).usage.tokens.total_tokens, 15u);
  EXPECT_DOUBLE_EQ(End(job).usage.cost_usd, (10 * 0.35 + 5 * 0.75) / 1e6);
  EXPECT_FALSE(job.machine().degraded());
}

TEST(JobMachineTest, EachStageGetsTheAnswersOfTheStageJustBeforeAndOnlyThose) {
  JobDriver job(MakeJob(2, 2, 2));  // four stages of two, and the aggregator
  for (const std::string prefix : {"one-", "two-", "three-", "four-"}) {
    job.FinishStage(prefix);
  }
  const std::string input = Spell(job.machine().Input(8));
  EXPECT_THAT(input, AllOf(HasSubstr("user: hello\n"), HasSubstr("[Answer 1]\nfour-6"),
                           HasSubstr("[Answer 2]\nfour-7"), Not(HasSubstr("three-"))));
  job.FinishStage("final-");
  EXPECT_EQ(Answer(job), "final-8");
  EXPECT_EQ(End(job).usage.upstream_calls, 9u);
  EXPECT_EQ(End(job).critical_path, absl::Milliseconds(500));
  EXPECT_THAT(job.RecordsOf<LayerStarted>(), SizeIs(5));
}

}  // namespace
}  // namespace moa
