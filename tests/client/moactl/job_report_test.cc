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

TEST(JobReportTest, CopesWithAJobOfWhichNothingRan) {
  v1::Job job;
  job.set_state(v1::JOB_STATE_CANCELLED);
  job.add_layers()->set_layer(1);
  EXPECT_THAT(Text(JobReport(job)), testing::HasSubstr("no call succeeded"));
}

}  // namespace
}  // namespace moa
