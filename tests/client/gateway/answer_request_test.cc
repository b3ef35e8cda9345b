#include "client/gateway/answer_request.h"

#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

v1::Job Earlier() {
  v1::Job job;
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  job.mutable_answer()->set_content("Because.");
  job.mutable_answer()->set_reasoning("hm");
  job.mutable_answer()->add_tool_calls()->set_name("f");
  return job;
}

AnswerRequest Asking() {
  AnswerRequest request;
  request.spec.add_messages()->set_role(v1::ROLE_USER);
  request.spec.add_messages()->add_tool_calls()->set_name("?");
  return request;
}

ItemReference To(ItemReference::Kind kind, int call = 0) {
  return {.kind = kind, .job_id = "J1", .call = call, .message = 1, .field = "input[1]"};
}

TEST(AnswerRequestTest, WhatAReferenceNamesIsPutInItsPlace) {
  AnswerRequest request = Asking();
  for (const auto kind : {ItemReference::Kind::kMessage, ItemReference::Kind::kReasoning,
                          ItemReference::Kind::kCall}) {
    EXPECT_FALSE(FillIn(To(kind), Earlier(), &request));
  }
  const v1::Message& message = request.spec.messages(1);
  EXPECT_EQ(message.content(), "Because.");
  EXPECT_EQ(message.reasoning(), "hm");
  EXPECT_EQ(message.tool_calls(0).name(), "f");
}

TEST(AnswerRequestTest, WhatIsNotThereOrSomebodyElsesIsNotFound) {
  AnswerRequest request = Asking();
  const auto no_call = FillIn(To(ItemReference::Kind::kCall, 1), Earlier(), &request);
  ASSERT_TRUE(no_call);
  EXPECT_EQ(no_call->status, 400);
  EXPECT_EQ(no_call->param, "input[1]");
  EXPECT_EQ(no_call->code, "item_not_found");
  v1::Job running = Earlier();
  running.set_state(v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(FillIn(To(ItemReference::Kind::kMessage), running, &request));
  request.spec.set_tenant("research");
  EXPECT_TRUE(FillIn(To(ItemReference::Kind::kMessage), Earlier(), &request));
  v1::Job own = Earlier();
  own.mutable_spec()->set_tenant("research");
  EXPECT_FALSE(FillIn(To(ItemReference::Kind::kMessage), own, &request));
  EXPECT_EQ(request.spec.messages(0).content(), "");
}

}  // namespace
}  // namespace moa::gateway
