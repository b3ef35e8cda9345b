#include "client/gateway/event_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

using testing::HasSubstr;

TEST(EventJsonTest, StoredEventsHaveTheirSequenceAndTime) {
  v1::WatchUpdate update;
  update.mutable_event()->set_sequence(1);
  update.mutable_event()->mutable_time()->set_seconds(1'790'000'000);
  update.mutable_event()->mutable_accepted()->set_seed(5);
  const EventText text = EventTextOf(update, {});
  EXPECT_EQ(text.name, "accepted");
  EXPECT_EQ(text.json, R"({"sequence":1,"time":"2026-09-21T14:13:20.000Z","seed":5})");
}

TEST(EventJsonTest, EveryKindHasAName) {
  v1::WatchUpdate update;
  update.mutable_event()->mutable_layer_started()->add_tasks()->set_agent("a");
  EXPECT_EQ(EventTextOf(update, {}).name, "layer_started");
  EXPECT_THAT(EventTextOf(update, {}).json, HasSubstr(R"("agents":[{"agent":"a","sample":0}])"));
  update.mutable_event()->mutable_degraded()->set_reason("lost");
  EXPECT_EQ(EventTextOf(update, {}).name, "degraded");
  EXPECT_THAT(EventTextOf(update, {}).json, HasSubstr(R"("reason":"lost")"));
  update.mutable_event()->mutable_ended()->set_state(v1::JOB_STATE_FAILED);
  update.mutable_event()->mutable_ended()->mutable_error()->set_message("no");
  EXPECT_EQ(EventTextOf(update, {}).name, "ended");
  EXPECT_THAT(EventTextOf(update, {}).json, HasSubstr(R"("state":"FAILED","error":{)"));
  update.mutable_task_started()->set_worker("w");
  EXPECT_EQ(EventTextOf(update, {}).name, "task_started");
  EXPECT_THAT(EventTextOf(update, {}).json, HasSubstr(R"("worker":"w")"));
}

// A task that ended is told as the job's own object tells it, what it judges by name.
TEST(EventJsonTest, ResultsAreThoseOfTheJob) {
  v1::WatchUpdate update;
  v1::TaskResult* result = update.mutable_event()->mutable_task_finished();
  result->mutable_task()->set_agent("critic");
  result->mutable_task()->set_layer(2);
  result->set_state(v1::TASK_STATE_SUCCEEDED);
  result->add_verdicts()->set_task_index(4);
  v1::TaskId judged;
  judged.set_agent("planner");
  const EventText text = EventTextOf(update, {{4, judged}});
  EXPECT_EQ(text.name, "task_finished");
  EXPECT_THAT(text.json,
              HasSubstr(R"("layer":2,"round":0,"kind":"propose","task":{"agent":"critic")"));
  EXPECT_THAT(text.json, HasSubstr(R"("answer_of":"planner")"));
}

TEST(EventJsonTest, DeltasAreRepairedAndHaveTheirOffsets) {
  v1::WatchUpdate update;
  update.mutable_task_delta()->set_content("a\xFF");
  update.mutable_task_delta()->set_content_offset(9);
  const EventText text = EventTextOf(update, {});
  EXPECT_EQ(text.name, "task_delta");
  EXPECT_THAT(text.json, HasSubstr("\"content_offset\":9,\"content\":\"a�\""));
}

}  // namespace
}  // namespace moa::gateway
