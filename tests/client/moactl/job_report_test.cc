#include "client/moactl/job_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/lib/fake_coordinator.h"

namespace moa {
namespace {

std::string Text(const std::vector<StyledLine>& lines) {
  std::string text;
  for (const StyledLine& line : lines) text += Render(line, 200, false) + "\n";
  return text;
}

TEST(JobReportTest, ShowsEveryCallAndWhereTheTimeWent) {
  EXPECT_EQ("\n" + Text(JobReport(FinishedJob("J1"))), R"(
layer  agent       model         state      calls   queue     run   ttft  prompt  reply  tok/s  share
1.1    planner     gpt-oss-120b  SUCCEEDED      1  1.5 ms  600 ms  50 ms     100     60    109    67%
1.1    local       qwen-3.8-27b  FAILED         3  200 ms  1.0 ms              0      0
2.1    aggregator  gpt-oss-120b  SUCCEEDED      1  0.5 ms  400 ms  30 ms     200     60    162
degraded: layer 1: agent local failed
where the time went
  layer 1 round 1  600 ms  longest call: planner                               queue up to 200 ms
  aggregator       400 ms  longest call: aggregator                            queue up to 0.5 ms
  critical path    1.00 s  sum of the longest calls
  added            250 ms  queueing, retries, dispatch (20.0% of the latency)
  latency          1.25 s  from acceptance to the end
5 calls, 300 prompt tokens (64 cached), 120 completion tokens, $0.0013
)");
}

TEST(JobReportTest, SetsWhatWasSpentAgainstTheBudget) {
  v1::Job job = FinishedJob("J1");
  job.mutable_usage()->mutable_tokens()->set_total_tokens(420);
  job.mutable_spec()->mutable_budget()->set_max_total_tokens(200'000);
  job.mutable_spec()->mutable_budget()->set_max_upstream_calls(40);
  job.mutable_spec()->mutable_budget()->set_max_cost_usd(0.5);
  EXPECT_THAT(
      Text(JobReport(job)),
      testing::HasSubstr("budget: 420 of 200,000 tokens, 5 of 40 calls, $0.0013 of $0.5000"));
}

v1::LayerResult* AddStage(v1::StageKind kind, v1::Job& job) {
  v1::LayerResult* stage = job.add_layers();
  stage->set_layer(1);
  stage->set_round(1);
  stage->set_kind(kind);
  return stage;
}

v1::TaskResult* AddTask(const char* agent, uint32_t sample, uint32_t index,
                        v1::LayerResult* stage) {
  v1::TaskResult* task = stage->add_tasks();
  task->mutable_task()->set_agent(agent);
  task->mutable_task()->set_sample(sample);
  task->mutable_task()->set_index(index);
  task->set_model("m");
  task->set_state(v1::TASK_STATE_SUCCEEDED);
  task->set_attempts(1);
  task->set_run_us(1000);
  return task;
}

// The router picks one of two agents, of whose two samples a critic each judges one answer; the best
// answer is the job's, so that the last stage is the critics'.
TEST(JobReportTest, ShowsWhatRoutersPickedAndCriticsSaid) {
  v1::Job job;
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  AddTask("router", 0, 0, AddStage(v1::STAGE_KIND_ROUTE, job));
  v1::LayerResult* answers = AddStage(v1::STAGE_KIND_PROPOSE, job);
  answers->add_notes("the router picked code");
  v1::LayerResult* critics = AddStage(v1::STAGE_KIND_CRITIQUE, job);
  for (uint32_t sample = 0; sample < 2; ++sample) {
    v1::TaskResult* answer = AddTask("code", sample, 1 + sample, answers);
    answer->set_score(8.5 - sample * 6);
    answer->set_accepted(sample == 0);
    answer->set_handed_on(sample == 0);
    v1::TaskResult* critic = AddTask("judge", sample, 5 + sample, critics);
    critic->mutable_task()->set_judges(1 + sample);
    v1::Verdict* verdict = critic->add_verdicts();
    verdict->set_task_index(1 + sample);
    verdict->set_score(answer->score());
    verdict->set_accept(sample == 0);
  }
  const std::string text = Text(JobReport(job));
  EXPECT_THAT(text, testing::ContainsRegex("1\\.1 route +router +m +SUCCEEDED"));
  EXPECT_THAT(text, testing::ContainsRegex("1\\.1 +code +m .* 8\\.5 +handed on\n"));
  EXPECT_THAT(text, testing::ContainsRegex("1\\.1 +code #2 +m .* 2\\.5 rejected\n"));
  EXPECT_THAT(text, testing::ContainsRegex("1\\.1 critique +judge of code +m .* 8\\.5 accept\n"));
  EXPECT_THAT(text,
              testing::ContainsRegex("1\\.1 critique +judge of code #2 +m .* 2\\.5 reject\n"));
  EXPECT_THAT(text, testing::HasSubstr("1.1 propose: the router picked code\n"));
  EXPECT_THAT(text, testing::HasSubstr("  layer 1 round 1 router "));
  EXPECT_THAT(text, testing::HasSubstr("  layer 1 round 1 critics "));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("aggregator")));
}

// One critic who compares all, some of whose answers are not in the result any more.
TEST(JobReportTest, SumsUpWhatACriticSaidOfSeveral) {
  v1::Job job;
  v1::TaskResult* critic = AddTask("judge", 0, 9, AddStage(v1::STAGE_KIND_CRITIQUE, job));
  critic->mutable_task()->set_judges(4);
  for (const double score : {9.0, 6.0, 3.0}) {
    v1::Verdict* verdict = critic->add_verdicts();
    verdict->set_score(score);
    verdict->set_accept(score > 5);
  }
  EXPECT_THAT(Text(JobReport(job)), testing::HasSubstr("2 of 3, mean 6.0"));
}

TEST(JobReportTest, CopesWithAJobOfWhichNothingRan) {
  v1::Job job;
  job.set_state(v1::JOB_STATE_CANCELLED);
  job.add_layers()->set_layer(1);
  EXPECT_THAT(Text(JobReport(job)), testing::HasSubstr("no call succeeded"));
}

}  // namespace
}  // namespace moa
