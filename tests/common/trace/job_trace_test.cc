#include "common/trace/job_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "common/trace/trace_context.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

using absl::Milliseconds;
using absl::ZeroDuration;

void ExpectWithin(absl::Duration begin, absl::Duration end, absl::Duration outer_begin,
                  absl::Duration outer_end) {
  EXPECT_LE(outer_begin, begin);
  EXPECT_LE(begin, end);
  EXPECT_LE(end, outer_end);
}

// A trace that has kept what it promises: everything lies within what holds it, stages follow each
// other, and the sums make the whole.
JobTrace Traced(const v1::Job& job, const std::vector<v1::JobEvent>& events) {
  JobTrace trace = MakeTrace(job, events);
  absl::Duration before;
  for (const StageTrace& stage : trace.stages) {
    ExpectWithin(stage.begin, stage.end, before, trace.latency);
    before = stage.end;
    for (const TaskTrace& task : stage.tasks) {
      ExpectWithin(task.begin, task.end, stage.begin, stage.end);
      for (const FailedCallTrace& failed : task.failed) {
        ExpectWithin(failed.begin, failed.end, task.begin, task.end);
      }
      if (!task.call) continue;
      ExpectWithin(task.call->begin, task.call->end, task.begin, task.end);
      if (!task.call->first_token) continue;
      ExpectWithin(task.call->begin, *task.call->first_token, task.begin, task.call->end);
    }
  }
  const TraceSums& sums = trace.sums;
  EXPECT_EQ(sums.queueing + sums.calls + sums.stragglers + sums.unfinished + sums.added,
            trace.latency);
  for (const absl::Duration sum :
       {sums.queueing, sums.calls, sums.stragglers, sums.unfinished, sums.added}) {
    EXPECT_GE(sum, ZeroDuration());
  }
  EXPECT_LE(sums.first_token, sums.calls);
  return trace;
}

v1::TaskResult& AddKnown(uint32_t index, v1::TaskState state, uint32_t attempts, v1::Job& job) {
  if (job.layers().empty()) job.add_layers();
  v1::TaskResult& task = *job.mutable_layers(0)->add_tasks();
  task.mutable_task()->set_index(index);
  task.set_state(state);
  task.set_attempts(attempts);
  return task;
}

TEST(TraceModelTest, SplitsAFinishedJobIntoStagesTasksAndCalls) {
  const JobTrace trace = Traced(TracedJob(), TracedEvents().events());
  EXPECT_EQ(trace.job_id, "J1");
  EXPECT_EQ(trace.name, "trip");
  EXPECT_EQ(trace.state, v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(trace.latency, Milliseconds(1000));
  ASSERT_EQ(trace.stages.size(), 2u);
  EXPECT_EQ(StageTitle(trace.stages[0]), "layer 1 round 1");
  EXPECT_EQ(trace.stages[0].begin, Milliseconds(10));
  EXPECT_EQ(trace.stages[0].end, Milliseconds(604));
  EXPECT_EQ(StageTitle(trace.stages[1]), "aggregator");
  EXPECT_EQ(trace.stages[1].end, Milliseconds(1000));
  const TaskTrace& planner = trace.stages[0].tasks.at(0);
  EXPECT_EQ(planner.name, "planner");
  EXPECT_EQ(planner.model, "gpt-oss-120b");
  EXPECT_EQ(planner.worker, "w1");
  EXPECT_EQ(planner.prompt_tokens, 90u);
  EXPECT_EQ(planner.completion_tokens, 60u);
  EXPECT_FALSE(planner.is_open);
  EXPECT_EQ(planner.begin, Milliseconds(10));
  EXPECT_EQ(planner.call->begin, Milliseconds(50));
  EXPECT_EQ(planner.call->first_token, Milliseconds(150));
  EXPECT_EQ(planner.call->end, Milliseconds(550));
  EXPECT_EQ(planner.end, Milliseconds(560));
}

TEST(TraceModelTest, TellsRetriedFailedSkippedAndHedgedTasksApart) {
  const JobTrace trace = Traced(TracedJob(), TracedEvents().events());
  const TaskTrace& local = trace.stages[0].tasks.at(1);
  EXPECT_EQ(local.state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(local.attempts, 3u);
  EXPECT_EQ(local.error, "SERVER_ERROR: the provider answered 500");
  EXPECT_EQ(local.call->begin, Milliseconds(310)) << "earlier attempts count as waiting";
  EXPECT_FALSE(local.call->first_token.has_value());
  ASSERT_EQ(local.failed.size(), 3u);
  EXPECT_EQ(local.failed[1].begin, local.begin + Milliseconds(150));
  EXPECT_EQ(local.failed[1].end, local.begin + Milliseconds(250));
  EXPECT_EQ(local.failed[1].worker, "w1");
  EXPECT_EQ(local.failed[1].error, "SERVER_ERROR: the provider answered 500");
  EXPECT_EQ(local.failed[2].begin, local.call->begin);
  const TaskTrace& spare = trace.stages[0].tasks.at(2);
  EXPECT_EQ(spare.state, v1::TASK_STATE_SKIPPED);
  EXPECT_FALSE(spare.call.has_value());
  EXPECT_EQ(spare.end, spare.begin);
  const TaskTrace& aggregator = trace.stages[1].tasks.at(0);
  EXPECT_TRUE(aggregator.hedged);
  EXPECT_EQ(aggregator.attempts, 2u);
  EXPECT_EQ(aggregator.worker, "w2");
}

TEST(TraceModelTest, SumsUpTheCriticalPathAndTheRest) {
  const JobTrace trace = Traced(TracedJob(), TracedEvents().events());
  EXPECT_TRUE(trace.stages[0].tasks[0].is_critical);
  EXPECT_FALSE(trace.stages[0].tasks[1].is_critical);
  EXPECT_TRUE(trace.stages[1].tasks[0].is_critical);
  EXPECT_EQ(trace.sums.queueing, Milliseconds(40 + 26));
  EXPECT_EQ(trace.sums.calls, Milliseconds(500 + 350));
  EXPECT_EQ(trace.sums.first_token, Milliseconds(100 + 50));
  EXPECT_EQ(trace.sums.unfinished, ZeroDuration());
  EXPECT_EQ(trace.sums.stragglers, Milliseconds(50)) << "local, which was tried again";
  EXPECT_EQ(trace.sums.added, Milliseconds(34));
}

// A call that was cut off may have been longer than the longest that was accepted, and a layer may
// have nothing but failures.
TEST(TraceModelTest, PrefersAcceptedCallsForTheCriticalPath) {
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {"a", "b"});
  log.Finish(100, 0, v1::TASK_STATE_SUCCEEDED, {0, 100, 0});
  log.Finish(300, 1, v1::TASK_STATE_CANCELLED, {0, 300, 0});
  log.Start(300, 2, v1::STAGE_KIND_PROPOSE, {"c", "d"});
  log.Finish(310, 2, v1::TASK_STATE_FAILED, {0, 10, 0});
  log.Finish(350, 3, v1::TASK_STATE_FAILED, {0, 50, 0});
  log.End(400, v1::JOB_STATE_FAILED);
  const JobTrace trace = Traced(TracedJob(), log.events());
  EXPECT_EQ(trace.state, v1::JOB_STATE_FAILED);
  EXPECT_TRUE(trace.stages[0].tasks[0].is_critical);
  EXPECT_TRUE(trace.stages[1].tasks[1].is_critical);
  EXPECT_EQ(trace.sums.calls, Milliseconds(150));
  EXPECT_EQ(trace.sums.first_token, ZeroDuration());
}

// 700 ms after its acceptance `b` runs, `c` waits to be tried again and `d` for its first attempt.
TEST(TraceModelTest, GoesUpToNowForAJobThatRuns) {
  EventLog log;
  log.Start(100, 1, v1::STAGE_KIND_PROPOSE, {"a", "b", "c", "d"});
  log.Finish(300, 0, v1::TASK_STATE_SUCCEEDED, {0, 150, 0});
  v1::Job job;
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_latency_us(700'000);
  AddKnown(1, v1::TASK_STATE_RUNNING, 1, job).set_worker("w7");
  AddKnown(2, v1::TASK_STATE_QUEUED, 1, job);
  AddKnown(3, v1::TASK_STATE_QUEUED, 0, job);
  const JobTrace trace = Traced(job, log.events());
  EXPECT_EQ(trace.state, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(trace.latency, Milliseconds(700));
  const std::vector<TaskTrace>& tasks = trace.stages.at(0).tasks;
  EXPECT_FALSE(tasks[0].is_critical) << "the longest is not known yet";
  EXPECT_TRUE(tasks[1].may_be_out());
  EXPECT_EQ(tasks[1].worker, "w7");
  EXPECT_FALSE(tasks[2].may_be_out());
  EXPECT_FALSE(tasks[3].may_be_out());
  EXPECT_EQ(tasks[1].end, Milliseconds(700));
  EXPECT_EQ(trace.sums.unfinished, Milliseconds(600));
  EXPECT_EQ(trace.sums.added, Milliseconds(100));
}

// The deadline ends the job with a call under way, of which no event tells.
TEST(TraceModelTest, TasksThatTheEndCutOffAreCancelled) {
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {"a", "b"});
  log.End(500, v1::JOB_STATE_FAILED);
  v1::Job job;
  AddKnown(0, v1::TASK_STATE_RUNNING, 1, job);
  AddKnown(1, v1::TASK_STATE_CANCELLED, 0, job);
  const JobTrace trace = Traced(job, log.events());
  const std::vector<TaskTrace>& tasks = trace.stages.at(0).tasks;
  EXPECT_EQ(tasks[0].state, v1::TASK_STATE_CANCELLED);
  EXPECT_TRUE(tasks[0].may_be_out());
  EXPECT_TRUE(tasks[1].may_be_out()) << "how often it was sent is not stored until it finishes";
  EXPECT_EQ(tasks[1].end, Milliseconds(500));
  EXPECT_EQ(trace.sums.unfinished, Milliseconds(500));
}

// Cancelled while it waited for another attempt: when the one before ended is not recorded.
TEST(TraceModelTest, ATaskCancelledBetweenTwoAttemptsHasNoCall) {
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {"a"});
  log.Finish(200, 0, v1::TASK_STATE_CANCELLED, {50, 0, 0}).set_attempts(1);
  log.End(200, v1::JOB_STATE_FAILED);
  const JobTrace trace = Traced(TracedJob(), log.events());
  const TaskTrace& task = trace.stages.at(0).tasks.at(0);
  EXPECT_FALSE(task.call.has_value());
  EXPECT_EQ(task.end, Milliseconds(200));
  EXPECT_EQ(trace.sums.queueing, Milliseconds(200));
}

// The worker's clock runs faster than the coordinator's, which is set back in between; a first token
// after the last one.
TEST(TraceModelTest, ClipsTimesThatDoNotFit) {
  EventLog log;
  log.Start(100, 1, v1::STAGE_KIND_PROPOSE, {"a", "b"});
  log.Finish(50, 0, v1::TASK_STATE_SUCCEEDED, {10, 20, 10});
  log.Finish(300, 1, v1::TASK_STATE_SUCCEEDED, {50, 400, 900});
  log.Start(200, 2, v1::STAGE_KIND_AGGREGATE, {"c"});
  log.Finish(9000, 2, v1::TASK_STATE_SUCCEEDED, {1, 1, 1}).set_run_us(UINT64_MAX);
  log.End(400, v1::JOB_STATE_SUCCEEDED);
  const JobTrace trace = Traced(TracedJob(), log.events());
  EXPECT_EQ(trace.stages[0].tasks[0].end, Milliseconds(100));
  EXPECT_EQ(trace.stages[0].tasks[1].call->begin, Milliseconds(150));
  EXPECT_EQ(trace.stages[0].tasks[1].call->end, Milliseconds(300));
  EXPECT_EQ(trace.stages[0].tasks[1].call->first_token, Milliseconds(300));
  EXPECT_EQ(trace.stages[1].begin, Milliseconds(300));
  EXPECT_EQ(trace.stages[1].tasks[0].call->end, Milliseconds(400));
}

TEST(TraceModelTest, CopesWithEmptyStagesUnknownTasksAndNoEventsAtAll) {
  EXPECT_TRUE(Traced(v1::Job(), {}).stages.empty());
  EventLog log;
  log.Start(10, 1, v1::STAGE_KIND_ROUTE, {});
  log.Start(20, 1, v1::STAGE_KIND_PROPOSE, {"a"});
  log.Start(30, 1, v1::STAGE_KIND_CRITIQUE, {});
  log.Finish(40, 0, v1::TASK_STATE_SUCCEEDED, {0, 5, 0});
  log.End(50, v1::JOB_STATE_SUCCEEDED);
  std::vector<v1::JobEvent> events = log.events();
  const JobTrace trace = Traced(v1::Job(), events);
  EXPECT_EQ(StageTitle(trace.stages.at(0)), "layer 1 round 1 router");
  EXPECT_TRUE(trace.stages[0].tasks.empty());
  EXPECT_EQ(StageTitle(trace.stages.at(2)), "layer 1 round 1 critics");
  EXPECT_EQ(trace.stages[2].tasks.at(0).name, "a");
  events.front().mutable_time()->set_seconds(std::numeric_limits<int64_t>::min());
  events.back().mutable_ended()->set_latency_us(UINT64_MAX);
  Traced(v1::Job(), events);
}

// Critics are called after whom they judge; earlier versions did not say what a stage does.
TEST(TraceModelTest, NamesCriticsAndTheAggregatorOfEarlierVersions) {
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_UNSPECIFIED, {"planner"});
  log.Start(0, 1, v1::STAGE_KIND_CRITIQUE, {"judge"}).mutable_tasks(0)->set_judges(0);
  log.Start(0, 2, v1::STAGE_KIND_UNSPECIFIED, {"aggregator"});
  v1::Job job;
  job.mutable_spec()->mutable_moa()->add_layers();
  const JobTrace trace = Traced(job, log.events());
  EXPECT_EQ(trace.stages.at(0).kind, v1::STAGE_KIND_PROPOSE);
  EXPECT_EQ(trace.stages.at(1).tasks.at(0).name, "judge of planner");
  EXPECT_EQ(StageTitle(trace.stages.at(2)), "aggregator");
}

TEST(JobTraceTest, TheTraceIsTheClientsOrOneOfTheJobsOwn) {
  std::vector<v1::JobEvent> events = TracedEvents().events();
  EXPECT_EQ(MakeTrace(TracedJob(), events).trace_id, DeriveTraceId("J1"));
  events[0].mutable_accepted()->mutable_trace()->set_traceparent(
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  EXPECT_EQ(MakeTrace(TracedJob(), events).trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

}  // namespace
}  // namespace moa
