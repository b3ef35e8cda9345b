#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/moactl/progress_lines.h"
#include "client/moactl/progress_model.h"
#include "tests/client/lib/fake_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1790000000);

std::string Screen(const ProgressModel& model, absl::Time now, size_t lines_max = 24) {
  std::string text = "\n";
  for (const StyledLine& line : ProgressLines(model, now, lines_max)) {
    text += Render(line, 79, false) + "\n";
  }
  return text;
}

// A job of 2 rounds × (planner with 2 samples, local) and an aggregator, just accepted.
v1::Job NewJob() {
  v1::Job job;
  job.set_job_id("J1");
  job.mutable_spec()->set_name("trip");
  v1::Moa* moa = job.mutable_spec()->mutable_moa();
  v1::Layer* layer = moa->add_layers();
  layer->set_cycles(2);
  v1::Agent* planner = layer->add_agents();
  planner->set_name("planner");
  planner->set_model("gpt-oss-120b");
  planner->set_samples(2);
  v1::Agent* local = layer->add_agents();
  local->set_name("local");
  local->set_model("qwen-3.8-27b");
  moa->mutable_aggregator()->set_model("gpt-oss-120b");
  job.set_latency_us(1'000'000);
  return job;
}

v1::TaskId Id(uint32_t layer, uint32_t round, const std::string& agent, uint32_t sample,
              uint32_t index) {
  v1::TaskId id;
  id.set_layer(layer);
  id.set_round(round);
  id.set_agent(agent);
  id.set_sample(sample);
  id.set_index(index);
  return id;
}

v1::WatchUpdate LayerStarts() {
  v1::WatchUpdate response;
  v1::LayerStarted* started = response.mutable_event()->mutable_layer_started();
  started->set_layer(1);
  started->set_round(1);
  *started->add_tasks() = Id(1, 1, "planner", 0, 0);
  *started->add_tasks() = Id(1, 1, "planner", 1, 1);
  *started->add_tasks() = Id(1, 1, "local", 0, 2);
  return response;
}

v1::WatchUpdate Starts(const v1::TaskId& id, uint32_t attempt) {
  v1::WatchUpdate response;
  *response.mutable_task_started()->mutable_task() = id;
  response.mutable_task_started()->set_attempt(attempt);
  return response;
}

v1::WatchUpdate Delta(const v1::TaskId& id, uint32_t attempt, uint64_t offset, size_t size) {
  v1::WatchUpdate response;
  v1::TaskDelta* delta = response.mutable_task_delta();
  *delta->mutable_task() = id;
  delta->set_attempt(attempt);
  delta->set_content_offset(offset);
  delta->set_content(std::string(size, 'x'));
  return response;
}

v1::WatchUpdate Finishes(const v1::TaskId& id, v1::TaskState state) {
  v1::WatchUpdate response;
  v1::TaskResult* result = response.mutable_event()->mutable_task_finished();
  *result->mutable_task() = id;
  result->set_model("gpt-oss-120b");
  result->set_state(state);
  result->set_attempts(2);
  result->set_run_us(500'000);
  result->set_ttft_us(100'000);
  if (state == v1::TASK_STATE_SUCCEEDED) {
    result->mutable_completion()->mutable_usage()->set_completion_tokens(800);
  } else {
    result->mutable_error()->set_message("the provider\x1b[31m answered 500");
  }
  return response;
}

TEST(ProgressTest, ShowsLayersAgentsTokensSpeedAndTime) {
  ProgressModel model(NewJob(), kStart);
  model.Apply(LayerStarts(), kStart);
  model.Apply(Starts(Id(1, 1, "planner", 0, 0), 1), kStart);
  model.Apply(Finishes(Id(1, 1, "planner", 0, 0), v1::TASK_STATE_SUCCEEDED), kStart);
  model.Apply(Starts(Id(1, 1, "planner", 1, 1), 1), kStart);
  model.Apply(Delta(Id(1, 1, "planner", 1, 1), 1, 0, 400), kStart + absl::Seconds(1));
  EXPECT_EQ(Screen(model, kStart + absl::Seconds(3)), R"(
trip  J1  RUNNING  4.00 s  1/7 calls
layer 1  round 1/2
  planner     gpt-oss-120b  done      800 tok  2,000 tok/s  500 ms  attempt 2
  planner #2  gpt-oss-120b  running  ~100 tok    ~50 tok/s  3.00 s
  local       qwen-3.8-27b  waiting
)");
}

TEST(ProgressTest, DropsWhatAnEarlierAttemptHadSaidAndStaysSaneOnRepeats) {
  ProgressModel model(NewJob(), kStart);
  const v1::TaskId id = Id(1, 1, "local", 0, 2);
  model.Apply(LayerStarts(), kStart);
  model.Apply(Starts(id, 1), kStart);
  model.Apply(Delta(id, 1, 0, 400), kStart);
  model.Apply(Starts(id, 2), kStart + absl::Seconds(1));
  EXPECT_EQ(model.Find(id)->content_bytes, 0u);
  model.Apply(Delta(id, 1, 400, 40), kStart);  // of the attempt given up
  EXPECT_EQ(model.Find(id)->content_bytes, 0u);
  model.Apply(Delta(id, 2, 0, 100), kStart);
  model.Apply(Delta(id, 2, 0, 100), kStart);  // the text so far, again after a reconnect
  EXPECT_EQ(model.Find(id)->content_bytes, 100u);
  model.Apply(Finishes(id, v1::TASK_STATE_FAILED), kStart);
  model.Apply(Finishes(id, v1::TASK_STATE_FAILED), kStart);
  model.Apply(Delta(id, 2, 100, 100), kStart);
  EXPECT_EQ(model.tasks_finished(), 1u);
  EXPECT_EQ(model.Find(id)->state, v1::TASK_STATE_FAILED);
  EXPECT_THAT(Screen(model, kStart), HasSubstr("500 ms  attempt 2, the provider[31m a…"));
}

TEST(ProgressTest, FollowsAWholeJobToItsEnd) {
  ProgressModel model(FinishedJob("J1"), kStart);
  std::vector<std::string> log;
  for (const v1::WatchUpdate& update : FinishedJobEvents()) {
    model.Apply(update, kStart);
    if (const auto line = ProgressLogLine(model, update)) log.push_back(*line);
  }
  EXPECT_EQ(model.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(model.degraded());
  EXPECT_EQ(model.tasks_finished(), 3u);
  EXPECT_EQ(model.Elapsed(kStart + absl::Hours(1)), absl::Microseconds(1250500));
  EXPECT_THAT(
      log,
      testing::ElementsAre(
          "job J1 accepted", "layer 1 round 1: started, 2 calls",
          "layer 1 round 1: planner (gpt-oss-120b) done, 60 tokens in 600 ms",
          "layer 1 round 1: local (qwen-3.8-27b) failed: the provider answered 500 (3 attempts)",
          "layer 1 round 1: degraded, 1 answers, 1 lost: agent local failed",
          "aggregator: started, 1 call",
          "aggregator: aggregator (gpt-oss-120b) done, 60 tokens in 400 ms",
          "job SUCCEEDED after 1.25 s"));
}

// First finished layers shrink, then the oldest lines go.
TEST(ProgressTest, FitsTheHeightOfTheTerminal) {
  ProgressModel model(NewJob(), kStart);
  model.Apply(LayerStarts(), kStart);
  for (const auto& id : {Id(1, 1, "planner", 0, 0), Id(1, 1, "planner", 1, 1)}) {
    model.Apply(Finishes(id, v1::TASK_STATE_SUCCEEDED), kStart);
  }
  model.Apply(Finishes(Id(1, 1, "local", 0, 2), v1::TASK_STATE_FAILED), kStart);
  for (uint32_t i = 0; i < 100; ++i) {
    model.Apply(Starts(Id(1, 2, absl::StrCat("a", i), 0, 3 + i), 1), kStart);
  }
  EXPECT_EQ(ProgressLines(model, kStart, 1000).size(), 1u + 4 + 101);
  const std::string shrunk = Screen(model, kStart, 103);
  EXPECT_THAT(shrunk, HasSubstr("layer 1  round 1/2  2/3 done"));
  EXPECT_THAT(shrunk, Not(HasSubstr("planner")));
  const auto lines = ProgressLines(model, kStart, 10);
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_EQ(Render(lines[1], 80, false), "… 94 lines more");
  EXPECT_THAT(Render(lines[9], 80, false), HasSubstr("a99"));
  EXPECT_EQ(ProgressLines(model, kStart, 1).size(), 1u);
}

TEST(ProgressTest, CopesWithEventsOfAnUnknownPlan) {
  ProgressModel model(v1::Job(), kStart);
  model.Apply(v1::WatchUpdate(), kStart);
  model.Apply(Delta(Id(9, 9, "ghost", 0, 77), 3, 5, 5), kStart);
  model.Apply(Finishes(Id(4, 0, "late", 0, 5), v1::TASK_STATE_SUCCEEDED), kStart);
  EXPECT_THAT(Screen(model, kStart), HasSubstr("ghost"));
}

}  // namespace
}  // namespace moa
