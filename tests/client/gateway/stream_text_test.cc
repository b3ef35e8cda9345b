#include "client/gateway/stream_text.h"

#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

TEST(StreamTextTest, OnlyTasksAreProgress) {
  v1::WatchUpdate update;
  EXPECT_EQ(TaskEventJson(update), "");
  update.mutable_event()->mutable_layer_started();
  EXPECT_EQ(TaskEventJson(update), "");
  update.mutable_task_started()->mutable_task()->set_agent("a");
  update.mutable_task_started()->set_attempt(2);
  EXPECT_EQ(TaskEventJson(update),
            R"({"type":"task_started","kind":"propose","layer":0,"round":0,"agent":"a",)"
            R"("sample":0,"attempt":2})");
}

TEST(StreamTextTest, EventsHaveNamesWhereTheyAreGiven) {
  EXPECT_EQ(ServerSentEvent("{}"), "data: {}\n\n");
  EXPECT_EQ(ServerSentEvent("{}", "moa.task"), "event: moa.task\ndata: {}\n\n");
}

}  // namespace
}  // namespace moa::gateway
