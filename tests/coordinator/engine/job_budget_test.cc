#include "coordinator/engine/job_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const JobEnded& Ended(const JobDriver& job) { return *job.machine().end(); }

JobSpec Limited(uint32_t layers, uint32_t agents, const Budget& budget) {
  JobSpec spec = MakeJob(layers, agents);
  spec.budget = budget;
  return spec;
}

// One row for each error code: a call that ended so was not processed, or may have been.
TEST(JobBudgetTest, OnlyErrorsBeforeProcessingUseNothing) {
  int nothing = 0;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kBudgetExceeded); ++i) {
    nothing += UsesNothing(static_cast<ErrorCode>(i)) ? 1 : 0;
  }
  EXPECT_EQ(nothing, 7);
  for (const ErrorCode code :
       {ErrorCode::kInvalidRequest, ErrorCode::kUnauthorized, ErrorCode::kPaymentRequired,
        ErrorCode::kModelNotFound, ErrorCode::kContextLengthExceeded, ErrorCode::kQuotaExceeded,
        ErrorCode::kQueueExceeded}) {
    EXPECT_TRUE(UsesNothing(code)) << ErrorCodeName(code);
  }
}

TEST(JobBudgetTest, TheWorstCaseIsThePromptsUpperEstimateAndTheWholeCompletion) {
  JobSpec spec = Limited(0, 0, {.max_total_tokens = 5000});
  spec.messages[0].content = Text(std::string(4000, 'x'));
  spec.moa.aggregator.max_completion_tokens = 500;
  const auto plan = Compile(spec, {});
  const ModelTable models = ModelTable::Shipped();
  JobBudget budget(*plan, &models, nullptr);
  JobMachine machine(JobId("j"), plan, {});
  ASSERT_TRUE(
      machine.Replay({.sequence = 1, .time = absl::UnixEpoch(), .what = JobAccepted{}}).ok());
  Commands commands;
  machine.Resume(absl::UnixEpoch(), &commands);
  const Spend call = budget.WorstCase(machine.Input(0));
  // A quarter of a token for each byte, four for the message, and a quarter more for safety.
  EXPECT_EQ(call.tokens, 1255u + 500u);
  EXPECT_EQ(call.calls, 1u);
  EXPECT_DOUBLE_EQ(call.cost_usd, (1255 * 0.35 + 500 * 0.75) / 1e6);
  // What the provider was seen to count replaces the rule of thumb.
  TokenEstimator estimator;
  for (int i = 0; i < 100; ++i) {
    estimator.Observe("gpt-oss-120b", {.ascii_bytes = 4000, .messages = 1}, 2008);
  }
  JobBudget learned(*plan, &models, &estimator);
  EXPECT_NEAR(static_cast<double>(learned.WorstCase(machine.Input(0)).tokens), 2508, 10);
}

TEST(JobBudgetTest, EachLimitIsNamedWhenItIsTheOneInTheWay) {
  const auto refusal = [](const Budget& limits) {
    const auto plan = Compile(Limited(0, 0, limits), {});
    const JobBudget budget(*plan, nullptr, nullptr);
    const Spend used{.tokens = 90, .calls = 3, .cost_usd = 0.25};
    const Spend call{.tokens = 20, .calls = 1, .cost_usd = 0.125};
    Spend total = used;
    total += call;
    EXPECT_FALSE(budget.Fits(total));
    return budget.Refusal(used, call, {});
  };
  EXPECT_EQ(refusal({.max_total_tokens = 109}),
            "the job's budget (max_total_tokens 109) holds no further call: 90 spent or held for "
            "calls under way, 20 at most for this one");
  EXPECT_THAT(refusal({.max_upstream_calls = 3}), HasSubstr("max_upstream_calls 3"));
  EXPECT_THAT(refusal({.max_cost_usd = 0.3}), HasSubstr("max_cost_usd 0.3"));
}

// A call whose end says nothing about its tokens may have used them all.
TEST(JobBudgetTest, ACallWithoutAnAccountCountsWithItsWorstCase) {
  // Two calls of at most some 2,060 tokens.
  for (const bool counted : {true, false}) {
    JobDriver job(Limited(0, 0, {.max_total_tokens = 4000}));
    job.Dispatch(0);
    job.Apply(AttemptFailed{.ref = job.ref(0),
                            .error = {.code = ErrorCode::kUpstreamTimeout, .message = "late"},
                            .retryable = true,
                            .usage = {.total_tokens = counted ? 100u : 0u}});
    job.Wait(absl::Seconds(1));
    EXPECT_EQ(job.machine().ended(), !counted);
    if (counted) continue;
    EXPECT_EQ(Ended(job).error.code, ErrorCode::kBudgetExceeded);
    EXPECT_THAT(Ended(job).error.message, HasSubstr("the last attempt: UPSTREAM_TIMEOUT: late"));
  }
}

TEST(JobBudgetTest, ACallThatIsFoundAgainIsNotCountedTwice) {
  JobDriver job(Limited(0, 0, {.max_total_tokens = 5000}));
  job.Dispatch(0);
  const AttemptRef lost = job.ref(0);
  job.Fail(0, ErrorCode::kWorkerLost);
  ASSERT_FALSE(job.machine().ended());
  job.Apply(AttemptAdopted{.ref = lost, .worker = "w1"});
  job.Fail(0, ErrorCode::kServerError, true);
  job.Wait(absl::Seconds(1));
  EXPECT_FALSE(job.machine().ended());
}

TEST(JobBudgetTest, AnAnswerBeyondTheBudgetIsKept) {
  JobDriver job(Limited(0, 0, {.max_total_tokens = 2100}));
  job.Dispatch(0);
  Completion completion;
  completion.content = Text("long");
  completion.usage = {.prompt_tokens = 9000, .completion_tokens = 2000, .total_tokens = 11'000};
  job.SucceedWith(0, completion);
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(Ended(job).usage.tokens.total_tokens, 11'000u);
}

TEST(JobBudgetTest, NoAgentAtAllFitsAndTheAggregatorAnswersAlone) {
  JobDriver job(Limited(1, 2, {.max_total_tokens = 4000}));
  ASSERT_EQ(job.machine().stages_started(), 2u);
  ASSERT_THAT(job.RecordsOf<JobDegraded>(), SizeIs(1));
  EXPECT_THAT(job.RecordsOf<JobDegraded>()[0].reason,
              HasSubstr("all layers were left out: the job's budget (max_total_tokens 4000)"));
  job.FinishStage("alone");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
}

TEST(JobBudgetTest, NotEvenTheAggregatorFits) {
  JobSpec spec = Limited(0, 0, {.max_total_tokens = 2100});
  spec.messages[0].content = Text(std::string(4000, 'x'));
  JobDriver job(std::move(spec));
  EXPECT_EQ(Ended(job).error.code, ErrorCode::kBudgetExceeded);
  EXPECT_THAT(Ended(job).error.message,
              HasSubstr("the aggregator could not be asked: the job's budget"));
  EXPECT_EQ(job.task(0).state, TaskState::kSkipped);
}

TEST(JobBudgetTest, AHedgeIsMadeOnlyWhenTheBudgetHoldsIt) {
  for (const uint32_t calls : {1u, 2u}) {
    JobDriver job(Limited(0, 0, {.max_upstream_calls = calls}));
    job.Dispatch(0);
    job.Hedge(0);
    EXPECT_EQ(job.machine().stale_events(), 2 - calls);
  }
}

TEST(JobBudgetTest, ADearerFallbackThatDoesNotFitIsNotTurnedToForAClosedModel) {
  JobSpec spec = Limited(0, 0, {.max_cost_usd = 0.002});
  spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
  JobDriver job(std::move(spec));
  job.Apply(ModelClosed{.ref = job.ref(0), .until = job.now() + absl::Seconds(30)});
  EXPECT_EQ(job.machine().model(0), "gpt-oss-120b");
  EXPECT_THAT(job.queued(), SizeIs(1));
}

}  // namespace
}  // namespace moa
