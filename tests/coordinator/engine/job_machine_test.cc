#include "coordinator/engine/job_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::AllOf;
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

TEST(JobMachineTest, StagesLeftCountDownSoThatNearlyFinishedJobsGoFirst) {
  JobDriver job(MakeJob(1, 1));
  EXPECT_EQ(std::get<EnqueueAttempt>(job.last_commands().back()).stages_left, 2u);
  job.FinishStage("x");
  EXPECT_EQ(std::get<EnqueueAttempt>(job.last_commands().back()).stages_left, 1u);
}

TEST(JobMachineTest, QueueTimeRunsFromReadyToTheLastDispatch) {
  JobDriver job(MakeJob(0, 0));
  job.Wait(absl::Milliseconds(30));
  job.Dispatch(0, "w7");
  job.Wait(absl::Milliseconds(70));
  job.Succeed(0, "x", absl::Milliseconds(60));
  const TaskResult& result = job.task(0).result;
  // The worker's own measure says when the call began at the latest.
  EXPECT_EQ(result.queue, absl::Milliseconds(30));
  EXPECT_EQ(result.run, absl::Milliseconds(60));
  EXPECT_EQ(result.ttft, absl::Milliseconds(15));
  EXPECT_EQ(result.worker, "w7");
  EXPECT_EQ(result.attempts, 1u);
}

// ------------------------------------------------------------------------------------------------
// Failures

TEST(JobMachineTest, AFailedAgentIsDroppedAndTheJobGoesOnDegraded) {
  JobDriver job(MakeJob(1, 3));
  job.DispatchAll();
  job.Succeed(0, "first");
  job.Fail(1, ErrorCode::kInvalidRequest);
  job.Succeed(2, "third");
  const std::string input = Spell(job.machine().Input(3));
  EXPECT_THAT(input, AllOf(HasSubstr("[Answer 1]\nfirst"), HasSubstr("[Answer 2]\nthird"),
                           Not(HasSubstr("broke"))));
  const auto degraded = job.RecordsOf<JobDegraded>();
  ASSERT_THAT(degraded, SizeIs(1));
  EXPECT_EQ(degraded[0].survivors, 2u);
  EXPECT_EQ(degraded[0].failed, 1u);
  EXPECT_EQ(degraded[0].reason,
            "layer 1, round 1: 1 of 3 answers lost: a2 (gpt-oss-120b): INVALID_REQUEST: it broke; "
            "answered: a1 (gpt-oss-120b), a3 (gpt-oss-120b)");
  job.FinishStage("final");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_TRUE(job.machine().degraded());
}

TEST(JobMachineTest, WhenNoAgentSurvivesTheAggregatorAnswersAlone) {
  JobDriver job(MakeJob(2, 2));
  job.DispatchAll();
  job.Fail(0, ErrorCode::kInvalidRequest);
  job.Fail(1, ErrorCode::kModelNotFound);
  ASSERT_THAT(job.queued(), SizeIs(1)) << "the layers between are passed over";
  EXPECT_EQ(job.task(2).state, TaskState::kSkipped);
  EXPECT_EQ(Spell(job.machine().Input(4)), "user: hello\n");
  EXPECT_THAT(job.RecordsOf<JobDegraded>()[0].reason, HasSubstr("the aggregator answers alone"));
  job.FinishStage("alone-");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(Answer(job), "alone-4");
  EXPECT_TRUE(job.machine().degraded());
}

TEST(JobMachineTest, AWrongKeyEndsTheJobAtOnceAndClosesTheOtherCalls) {
  JobDriver job(MakeJob(1, 4));
  job.Dispatch(0);
  job.Dispatch(1);
  const AttemptRef running = job.ref(1);
  job.Fail(0, ErrorCode::kUnauthorized, true);
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.code, ErrorCode::kUnauthorized);
  EXPECT_THAT(End(job).error.message, HasSubstr("a1 (gpt-oss-120b): it broke"));
  EXPECT_EQ(End(job).usage.upstream_calls, 2u);
  const Commands& commands = job.last_commands();
  ASSERT_THAT(commands, SizeIs(5));  // its record, one cancelled, two dequeued, the end
  EXPECT_EQ(std::get<CancelAttempt>(commands[1]).ref, running);
  EXPECT_TRUE(std::holds_alternative<DequeueAttempt>(commands[2]));
  EXPECT_EQ(job.task(1).state, TaskState::kCancelled);
  EXPECT_EQ(job.task(1).result.attempts, 1u);
  EXPECT_EQ(job.task(4).state, TaskState::kSkipped);
}

TEST(JobMachineTest, TheAggregatorsFailureIsTheJobs) {
  JobDriver job(MakeJob(1, 1));
  job.FinishStage("x");
  job.DispatchAll();
  job.Fail(1, ErrorCode::kContextLengthExceeded);
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.code, ErrorCode::kContextLengthExceeded);
  EXPECT_EQ(End(job).error.message, "the aggregator failed after 1 attempt: it broke");
  EXPECT_FALSE(job.machine().degraded());
}

TEST(JobMachineTest, AReplyWithoutContentIsAFailureThatSaysWhatToDo) {
  JobDriver job(MakeJob(1, 2));
  job.DispatchAll();
  Completion thought;
  thought.reasoning = Text("hmm");
  thought.content = Text(" \n");
  thought.finish_reason = "length";
  thought.usage.completion_tokens = 2048;
  job.SucceedWith(0, thought);
  EXPECT_EQ(job.task(0).state, TaskState::kFailed);
  EXPECT_EQ(job.task(0).result.error.message,
            "the model returned no content (finish_reason length): raise max_completion_tokens");
  EXPECT_EQ(job.task(0).result.wasted.completion_tokens, 2048u);
  EXPECT_EQ(job.machine().usage().tokens.completion_tokens, 2048u);
  thought.finish_reason = "content_filter";
  job.SucceedWith(1, thought);
  EXPECT_THAT(job.task(1).result.error.message, HasSubstr("filter"));
}

TEST(JobMachineTest, ToolCallsAreAnAnswerOfTheAggregatorAndOfNobodyElse) {
  JobDriver job(MakeJob(1, 2));
  Completion calls;
  calls.finish_reason = "tool_calls";
  calls.tool_calls.push_back({.id = "c1", .name = "look_up", .arguments = Text("{}")});
  job.DispatchAll();
  job.SucceedWith(0, calls);
  EXPECT_EQ(job.task(0).state, TaskState::kFailed);
  job.Succeed(1, "x");
  job.DispatchAll();
  job.SucceedWith(2, calls);
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_THAT(job.task(2).result.completion.tool_calls, SizeIs(1));
}

// ------------------------------------------------------------------------------------------------
// Retries

TEST(JobMachineTest, ARetryWaitsAsLongAsTheProviderSays) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kServerError, true, absl::Seconds(3));
  EXPECT_EQ(job.machine().NextDeadline(), job.now() + absl::Seconds(3));
  EXPECT_EQ(job.ref(0).attempt, 0u);
  EXPECT_THAT(job.queued(), SizeIs(0));
  job.Wait(absl::Seconds(2.9));
  EXPECT_THAT(job.queued(), SizeIs(0));
  job.Wait(absl::Seconds(0.1));
  ASSERT_THAT(job.queued(), SizeIs(1));
  EXPECT_EQ(job.ref(0).attempt, 2u);
  job.Dispatch(0);
  job.Succeed(0, "x");
  EXPECT_EQ(job.task(0).result.attempts, 2u);
  EXPECT_EQ(job.task(0).result.queue, absl::Seconds(2.9)) << "the call began 100 ms ago";
  EXPECT_EQ(End(job).usage.upstream_calls, 2u);
}

TEST(JobMachineTest, AttemptsRunOutAfterThreeFailures) {
  JobDriver job(MakeJob(0, 0));
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(job.machine().ended());
    job.Dispatch(0);
    job.Fail(0, ErrorCode::kServerError, true);
    job.Wait(absl::Seconds(8));
  }
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.message, "the aggregator failed after 3 attempts: it broke");
}

TEST(JobMachineTest, AResultTellsOfTheAttemptsThatFailed) {
  JobDriver job(MakeJob(0, 0));
  job.Wait(absl::Milliseconds(5));
  job.Dispatch(0, "w1");
  job.Wait(absl::Milliseconds(20));
  job.Fail(0, ErrorCode::kServerError, true, absl::Seconds(3));
  job.Wait(absl::Seconds(3));
  job.Dispatch(0, "w2");
  job.Succeed(0, "x");
  const std::vector<FailedCall>& failed = job.task(0).result.failed_attempts;
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].model, job.task(0).result.model);
  EXPECT_EQ(failed[0].worker, "w1");
  EXPECT_EQ(failed[0].began, absl::Milliseconds(5));
  EXPECT_EQ(failed[0].run, absl::Milliseconds(20));
  EXPECT_EQ(failed[0].error.code, ErrorCode::kServerError);
  EXPECT_EQ(failed[0].error.message, "it broke");
}

TEST(JobMachineTest, OfManyFailedAttemptsTheNewestAreKept) {
  JobDriver job(MakeJob(0, 0));
  for (size_t i = 0; i < kFailedAttemptsMax + 3; ++i) {
    job.Dispatch(0, absl::StrCat("w", i));
    job.Fail(0, ErrorCode::kQuotaExceeded);
  }
  job.Dispatch(0);
  job.Succeed(0, "x");
  const std::vector<FailedCall>& failed = job.task(0).result.failed_attempts;
  ASSERT_THAT(failed, SizeIs(kFailedAttemptsMax));
  EXPECT_EQ(failed.front().worker, "w3");
  EXPECT_EQ(failed.back().worker, absl::StrCat("w", kFailedAttemptsMax + 2));
}

// The hedge takes the place of the attempt that failed first.
TEST(JobMachineTest, AFailedAttemptIsTheOneThatFailedWhicheverOfTwo) {
  for (const bool hedge_fails : {true, false}) {
    JobDriver job(MakeJob(0, 0));
    job.Dispatch(0, "w1");
    const AttemptRef first = job.ref(0);
    job.Wait(absl::Milliseconds(50));
    job.Hedge(0);
    const AttemptRef second = job.hedge(0);
    job.Apply(AttemptDispatched{.ref = second, .worker = "w2"});
    job.Wait(absl::Milliseconds(10));
    job.Apply(AttemptFailed{.ref = hedge_fails ? second : first,
                            .error = {.code = ErrorCode::kServerError, .message = "it broke"}});
    job.Succeed(0, "x");
    const std::vector<FailedCall>& failed = job.task(0).result.failed_attempts;
    ASSERT_THAT(failed, SizeIs(1));
    EXPECT_EQ(failed[0].worker, hedge_fails ? "w2" : "w1");
    EXPECT_EQ(failed[0].run, absl::Milliseconds(hedge_fails ? 10 : 60));
  }
}

TEST(JobMachineTest, RefusalsQueueAgainAtOnceAndUseUpNoAttempt) {
  JobDriver job(MakeJob(0, 0));
  int refusals = 0;
  while (!job.machine().ended()) {
    ASSERT_LT(refusals, 2000);
    job.Dispatch(0);
    job.Fail(0, refusals % 2 == 0 ? ErrorCode::kQueueExceeded : ErrorCode::kQuotaExceeded, false);
    ++refusals;
    if (refusals > 3) continue;
    ASSERT_THAT(job.last_commands(), SizeIs(1));
    const auto& again = std::get<EnqueueAttempt>(job.last_commands()[0]);
    EXPECT_FALSE(again.retry) << "the cluster's retries are for failures";
  }
  EXPECT_EQ(refusals, 1001) << "a bound against defects elsewhere";
  EXPECT_EQ(End(job).error.code, ErrorCode::kQueueExceeded);
}

TEST(JobMachineTest, ACallBeyondItsQuotaTurnsToTheNextModelAndFailsAtTheLast) {
  JobSpec spec = MakeJob(0, 0);
  spec.moa.aggregator.fallback_models = {"zai-glm-4.7"};
  JobDriver job(std::move(spec));
  const auto refuse = [&] {
    job.Dispatch(0);
    job.Apply(AttemptFailed{.ref = job.ref(0),
                            .error = {.code = ErrorCode::kQuotaExceeded, .message = "too large"},
                            .retryable = true,
                            .retry_after = absl::Seconds(1),
                            .beyond_quota = true});
  };
  refuse();
  ASSERT_FALSE(job.machine().ended());
  EXPECT_EQ(job.task(0).model, 1u);
  refuse();
  ASSERT_TRUE(job.machine().ended());
  EXPECT_EQ(End(job).error.code, ErrorCode::kQuotaExceeded);
  EXPECT_THAT(End(job).error.message, HasSubstr("too large"));
}

TEST(JobMachineTest, ARefusalBeyondTheDeadlineIsFinalAndSaysSo) {
  JobSpec spec = MakeJob(0, 0);
  spec.deadline = absl::Seconds(30);
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kQuotaExceeded, true, absl::Seconds(29));
  ASSERT_FALSE(job.machine().ended());
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kQuotaExceeded, true, absl::Hours(2));
  EXPECT_EQ(End(job).error.code, ErrorCode::kQuotaExceeded);
  EXPECT_THAT(End(job).error.message, HasSubstr("could start in 2h at the earliest, after the"));
}

TEST(JobMachineTest, OnlyFailuresOfTheTaskItselfMakeItsNextAttemptARetry) {
  JobDriver job(MakeJob(0, 0));
  const auto retry = [&] { return std::get<EnqueueAttempt>(job.last_commands().back()).retry; };
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kWorkerLost);
  EXPECT_FALSE(retry());
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kServerError, true);
  job.Wait(absl::Seconds(1));
  EXPECT_TRUE(retry());
}

TEST(JobMachineTest, ARetryThatWouldComeAfterTheDeadlineIsNotWaitedFor) {
  JobSpec spec = MakeJob(0, 0);
  spec.deadline = absl::Seconds(10);
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kQuotaExceeded, true, absl::Seconds(10));
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.code, ErrorCode::kQuotaExceeded);
  EXPECT_THAT(End(job).error.message, HasSubstr("not tried again"));
}

TEST(JobMachineTest, ALostWorkersTaskGoesElsewhereAtOnceButNotForEver) {
  JobDriver job(MakeJob(0, 0));
  for (uint32_t i = 1; i <= 8; ++i) {
    job.Dispatch(0);
    job.Fail(0, ErrorCode::kWorkerLost);
    ASSERT_THAT(job.queued(), SizeIs(1));
    EXPECT_EQ(job.ref(0).attempt, i + 1);
  }
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kWorkerLost);
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.code, ErrorCode::kWorkerLost);
}

// A worker on a bad line comes back with its call every time: one long call, not many lost ones.
TEST(JobMachineTest, ACallThatIsFoundAgainWasNotLost) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  const AttemptRef call = job.ref(0);
  for (int i = 0; i < 20; ++i) {
    job.Fail(0, ErrorCode::kWorkerLost);
    job.Apply(AttemptAdopted{.ref = call, .worker = "w1"});
    ASSERT_EQ(job.ref(0), call);
  }
  job.Succeed(0, "the answer");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(job.task(0).result.attempts, 1u);
}

TEST(JobMachineTest, TokensOfFailedAttemptsAreCountedAsWasted) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Apply(AttemptFailed{.ref = job.ref(0),
                          .error = {.code = ErrorCode::kTruncated},
                          .retryable = true,
                          .usage = {.prompt_tokens = 7}});
  EXPECT_EQ(job.machine().usage().tokens.prompt_tokens, 7u);
  job.Wait(absl::Seconds(1));
  job.Dispatch(0);
  job.Succeed(0, "x");
  EXPECT_EQ(job.task(0).result.wasted.prompt_tokens, 7u);
  EXPECT_EQ(job.task(0).result.completion.usage.prompt_tokens, 10u);
  EXPECT_EQ(End(job).usage.tokens.prompt_tokens, 17u);
}

TEST(JobMachineTest, JobsOfOneSeedDoNotRetryInStep) {
  RetryPolicy policy;
  std::set<absl::Time> times;
  const auto plan = Compile(MakeJob(0, 0), {});
  const absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  for (int i = 0; i < 10; ++i) {
    JobMachine machine(JobId(absl::StrCat("job", i)), plan, {.epoch = 1, .retry = policy});
    ASSERT_TRUE(
        machine.Replay({.sequence = 1, .time = start, .what = JobAccepted{.seed = 3}}).ok());
    Commands commands;
    machine.Resume(start, &commands);
    const AttemptRef ref = machine.task(0).current;
    machine.Apply(AttemptDispatched{.ref = ref}, start, &commands);
    machine.Apply(
        AttemptFailed{.ref = ref, .error = {.code = ErrorCode::kServerError}, .retryable = true},
        start, &commands);
    times.insert(machine.NextDeadline());
    EXPECT_LE(machine.NextDeadline(), start + policy.backoff_first);
    EXPECT_GE(machine.NextDeadline(), start + policy.backoff_first * 0.75);
  }
  EXPECT_EQ(times.size(), 10u);
}

// ------------------------------------------------------------------------------------------------
// Ends that come from outside

// A default deadline is not shared out: it may pass in a layer.
TEST(JobMachineTest, TheDeadlineEndsTheJobAndSaysWhereItWas) {
  JobDriver job(MakeJob(1, 3), 7, {.deadline_default = absl::Seconds(5)});
  job.Dispatch(0);
  job.Dispatch(1);
  job.Succeed(0, "x");
  job.Wait(absl::Seconds(5));
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(End(job).error.code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(End(job).latency, absl::Seconds(5));
  EXPECT_EQ(End(job).error.message,
            "the deadline of 5s passed in layer 1, round 1 (stage 1 of 2): 1 of 3 answered, 0 "
            "failed, 1 running, 1 queued, 0 waiting for a retry; unfinished: a2 (gpt-oss-120b); a3 "
            "(gpt-oss-120b)");
}

TEST(JobMachineTest, AnAnswerThatIsThereWhenTheDeadlinePassesCounts) {
  JobSpec spec = MakeJob(0, 0);
  spec.deadline = absl::Seconds(5);
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  Commands commands;
  Completion completion;
  completion.content = Text("just so");
  job.machine().Apply(AttemptSucceeded{.ref = job.ref(0), .completion = completion},
                      job.now() + absl::Seconds(6), &commands);
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
}

TEST(JobMachineTest, NoStageStartsAfterTheDeadline) {
  JobSpec spec = MakeJob(1, 1);
  spec.deadline = absl::Seconds(5);
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  Commands commands;
  Completion completion;
  completion.content = Text("late");
  job.machine().Apply(AttemptSucceeded{.ref = job.ref(0), .completion = completion},
                      job.now() + absl::Seconds(6), &commands);
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(job.task(0).state, TaskState::kSucceeded);
  EXPECT_EQ(job.task(1).state, TaskState::kSkipped);
}

TEST(JobMachineTest, CancellingKeepsTheReasonWithinBounds) {
  JobDriver job(MakeJob(1, 2));
  job.Dispatch(0);
  job.Cancel(std::string(5000, 'x') + "\xff");
  EXPECT_EQ(job.machine().state(), JobState::kCancelled);
  EXPECT_EQ(End(job).error.code, ErrorCode::kCancelled);
  EXPECT_EQ(End(job).error.message.size(), 2048u);
}

TEST(JobMachineTest, AClockThatGoesBackDoesNotMakeTimesNegative) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  Commands commands;
  Completion completion;
  completion.content = Text("x");
  job.machine().Apply(AttemptSucceeded{.ref = job.ref(0), .completion = completion},
                      job.now() - absl::Hours(1), &commands);
  EXPECT_EQ(End(job).latency, absl::ZeroDuration());
  EXPECT_EQ(job.machine().ended_at(), job.machine().accepted_at());
}

}  // namespace
}  // namespace moa
