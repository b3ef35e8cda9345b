// Quorums, shares of the deadline, fallbacks and hedges: where the golden scenarios do not look.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const JobEnded& EndOfJob(const JobDriver& job) { return *job.machine().end(); }

JobSpec WithQuorum(uint32_t agents, uint32_t min, absl::Duration grace) {
  JobSpec spec = MakeJob(1, agents);
  spec.moa.layers[0].quorum = Quorum{.min = min, .grace = grace};
  return spec;
}

// ------------------------------------------------------------------------------------------------
// Quorums

TEST(JobQuorumTest, WithoutAGraceTheLastOfTheQuorumEndsTheLayer) {
  JobDriver job(WithQuorum(4, 2, absl::ZeroDuration()));
  job.Dispatch(0);
  job.Dispatch(1);
  job.Dispatch(2);
  job.Succeed(0, "x");
  EXPECT_THAT(job.running(), SizeIs(2));
  job.Succeed(2, "y");
  EXPECT_EQ(job.task(1).state, TaskState::kCancelled);
  EXPECT_EQ(job.task(3).state, TaskState::kCancelled);
  EXPECT_THAT(job.task(1).result.error.message, HasSubstr("the quorum of 2 had answered"));
  ASSERT_THAT(job.RecordsOf<JobDegraded>(), SizeIs(1));
  EXPECT_EQ(job.RecordsOf<JobDegraded>()[0].survivors, 2u);
  EXPECT_EQ(job.RecordsOf<JobDegraded>()[0].failed, 2u);
  EXPECT_THAT(job.RecordsOf<JobDegraded>()[0].reason, HasSubstr("answered: a1 (gpt-oss-120b), a3"));
  job.FinishStage("z");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_TRUE(job.machine().degraded());
}

TEST(JobQuorumTest, WhoAnswersWithinTheGraceCounts) {
  JobDriver job(WithQuorum(3, 1, absl::Seconds(1)));
  job.DispatchAll();
  job.Succeed(0, "x");
  EXPECT_EQ(job.machine().NextDeadline(), job.now() + absl::Seconds(1));
  job.Wait(absl::Milliseconds(900));
  job.Succeed(1, "y");
  EXPECT_EQ(job.machine().NextDeadline(), job.now() + absl::Milliseconds(100))
      << "another answer does not prolong it";
  job.Succeed(2, "z");
  EXPECT_FALSE(job.machine().degraded());
  EXPECT_EQ(job.machine().stages_started(), 2u);
}

TEST(JobQuorumTest, ALayerTooBrokenForItsQuorumGoesOnWithWhatThereIs) {
  JobDriver job(WithQuorum(2, 2, absl::ZeroDuration()));
  job.DispatchAll();
  job.Fail(0, ErrorCode::kInvalidRequest);
  job.Succeed(1, "x");
  EXPECT_EQ(job.machine().stages_started(), 2u);
  EXPECT_TRUE(job.machine().degraded());
}

TEST(JobQuorumTest, TheStragglersTokensAreCountedWhenTheyReport) {
  JobDriver job(WithQuorum(2, 1, absl::ZeroDuration()));
  job.DispatchAll();
  const AttemptRef straggler = job.ref(1);
  job.Succeed(0, "x");
  job.Apply(AttemptFailed{.ref = straggler,
                          .error = {.code = ErrorCode::kCancelled},
                          .usage = {.prompt_tokens = 100, .total_tokens = 100}});
  EXPECT_EQ(job.machine().stale_events(), 0u);
  EXPECT_EQ(job.machine().usage().tokens.total_tokens, 115u);
  job.Apply(AttemptFailed{.ref = straggler, .error = {.code = ErrorCode::kCancelled}});
  EXPECT_EQ(job.machine().stale_events(), 1u) << "once";
  job.FinishStage("y");
  EXPECT_EQ(EndOfJob(job).usage.tokens.total_tokens, 130u);
  EXPECT_EQ(EndOfJob(job).usage.upstream_calls, 3u);
}

// ------------------------------------------------------------------------------------------------
// Shares of the deadline

TEST(JobStageDeadlineTest, AJobTakenUpInTheAggregatorsTimeGoesStraightToIt) {
  JobSpec spec = MakeJob(3, 2);
  spec.deadline = absl::Seconds(9);  // 2, 2, 2 and 3 seconds
  JobDriver job(std::move(spec));
  job.FinishStage("x");
  job.DispatchAll();
  job.Succeed(2, "kept");
  // Its owner is away until the last second of the layers' time is over.
  job.Sleep(absl::Seconds(6));
  job.Restart();
  ASSERT_EQ(job.machine().stages_started(), 4u);
  EXPECT_THAT(Spell(job.machine().Input(6)), HasSubstr("[Answer 1]\nkept"));
  const auto degraded = job.RecordsOf<JobDegraded>();
  ASSERT_THAT(degraded, SizeIs(1));
  EXPECT_THAT(degraded[0].reason, HasSubstr("1 of 2 answers lost: a2"));
  EXPECT_THAT(degraded[0].reason, HasSubstr("the layers after it were left out: the time kept for "
                                            "the aggregator has begun"));
  job.FinishStage("done");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
}

TEST(JobStageDeadlineTest, AJobThatStartsTooLateForItsLayersSaysSo) {
  JobSpec spec = MakeJob(1, 2);
  spec.deadline = absl::Seconds(5);
  JobDriver job(std::move(spec), 7, {}, absl::Seconds(3));
  ASSERT_EQ(job.machine().stages_started(), 2u);
  EXPECT_TRUE(job.machine().degraded());
  EXPECT_THAT(job.RecordsOf<JobDegraded>()[0].reason, HasSubstr("all layers were left out"));
  job.FinishStage("alone");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(job.task(0).state, TaskState::kSkipped);
}

// ------------------------------------------------------------------------------------------------
// Fallbacks

TEST(JobFallbackTest, ATooLongPromptTriesOnlyModelsThatMayHoldMore) {
  JobSpec spec = MakeJob(0, 0);
  // Both shipped models hold the same.
  spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kContextLengthExceeded);
  EXPECT_EQ(EndOfJob(job).error.code, ErrorCode::kContextLengthExceeded);
}

TEST(JobFallbackTest, AReplyWithoutContentIsAskedOfTheNextModel) {
  JobSpec spec = MakeJob(0, 0);
  spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Succeed(0, "");
  EXPECT_EQ(job.machine().Input(0).model, "qwen-3.8-27b");
  job.Dispatch(0);
  job.Succeed(0, "better");
  EXPECT_EQ(job.task(0).result.model, "qwen-3.8-27b");
  EXPECT_EQ(job.task(0).result.attempts, 2u);
  EXPECT_DOUBLE_EQ(EndOfJob(job).usage.cost_usd,
                   (10 * 0.35 + 5 * 0.75 + 10 * 0.99 + 5 * 1.49) / 1e6)
      << "each call at its own model's price";
}

TEST(JobFallbackTest, ARetryPastTheDeadlineIsMadeOnTheNextModelAtOnce) {
  JobSpec spec = MakeJob(0, 0);
  spec.deadline = absl::Seconds(20);
  spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kServerError, true, absl::Seconds(30));
  ASSERT_THAT(job.queued(), SizeIs(1));
  EXPECT_EQ(job.queued().begin()->second, "qwen-3.8-27b");
}

TEST(JobFallbackTest, AfterARestartTheFirstModelIsTriedAgain) {
  JobSpec spec = MakeJob(0, 0);
  spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kModelNotFound);
  EXPECT_EQ(job.machine().model(0), "qwen-3.8-27b");
  job.Restart();
  EXPECT_EQ(job.machine().model(0), "gpt-oss-120b");
}

// ------------------------------------------------------------------------------------------------
// Hedges

TEST(JobHedgeTest, AWinningHedgesTimesAndWorkerAreTheResults) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0, "slow");
  job.Wait(absl::Seconds(5));
  job.Hedge(0);
  const AttemptRef hedge = job.hedge(0);
  EXPECT_EQ(hedge.attempt, 2u);
  job.Apply(AttemptDispatched{.ref = hedge, .worker = "quick"});
  job.Wait(absl::Seconds(1));
  Completion completion;
  completion.content = Text("first");
  job.Apply(AttemptSucceeded{.ref = hedge, .completion = completion, .run = absl::Seconds(1)});
  const TaskResult& result = job.task(0).result;
  EXPECT_TRUE(result.hedged);
  EXPECT_EQ(result.worker, "quick");
  EXPECT_EQ(result.attempts, 2u);
  EXPECT_EQ(result.queue, absl::Seconds(5));
  EXPECT_EQ(EndOfJob(job).critical_path, absl::Seconds(1));
}

TEST(JobHedgeTest, ALostHedgeLeavesTheFirstAndMayBeAskedForAgain) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Hedge(0);
  const AttemptRef hedge = job.hedge(0);
  job.Apply(AttemptDispatched{.ref = hedge, .worker = "w2"});
  job.Apply(AttemptFailed{.ref = hedge, .error = {.code = ErrorCode::kWorkerLost}});
  EXPECT_EQ(job.task(0).state, TaskState::kRunning);
  EXPECT_EQ(job.ref(0).attempt, 1u);
  job.Hedge(0);
  EXPECT_EQ(job.hedge(0).attempt, 3u);
  job.Cancel();
  EXPECT_EQ(EndOfJob(job).usage.upstream_calls, 2u);
}

TEST(JobHedgeTest, AQueuedHedgeOfAClosedModelIsGivenUp) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Hedge(0);
  job.Apply(ModelClosed{.ref = job.hedge(0), .until = job.now() + absl::Seconds(1)});
  EXPECT_THAT(job.queued(), SizeIs(0));
  EXPECT_EQ(job.hedge(0).attempt, 0u);
  EXPECT_EQ(job.task(0).state, TaskState::kRunning);
}

TEST(JobHedgeTest, AFatalErrorOfOneAttemptIsNoneWhileTheOtherRuns) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Hedge(0);
  job.Apply(AttemptDispatched{.ref = job.hedge(0), .worker = "w2"});
  job.Fail(0, ErrorCode::kUnauthorized);
  ASSERT_FALSE(job.machine().ended());
  job.Succeed(0, "by the other key");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
}

TEST(JobHedgeTest, ARestartFindsOneAttemptOfTwoAndDropsTheOther) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Hedge(0);
  const AttemptRef first = job.ref(0);
  const AttemptRef hedge = job.hedge(0);
  job.Apply(AttemptDispatched{.ref = hedge, .worker = "w2"});
  job.Restart();
  job.Apply(AttemptAdopted{.ref = hedge, .worker = "w2"});
  EXPECT_EQ(job.ref(0), hedge);
  job.Apply(AttemptAdopted{.ref = first, .worker = "w1"});
  EXPECT_EQ(job.machine().stale_events(), 1u);
  job.Succeed(0, "x");
  EXPECT_EQ(job.task(0).result.attempts, 2u);
}

}  // namespace
}  // namespace moa
