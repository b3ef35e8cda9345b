#include "client/gateway/chat_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

const AnswerHead kHead = {.job_id = "J1", .model = "moa", .created_seconds = 7};
constexpr char kChunkHead[] =
    R"({"id":"chatcmpl-J1","object":"chat.completion.chunk","created":7,"model":"moa",)";

JobFacts Facts() {
  JobFacts facts;
  facts.degraded = true;
  facts.usage.mutable_tokens()->set_prompt_tokens(3);
  facts.usage.mutable_tokens()->set_completion_tokens(4);
  facts.usage.mutable_tokens()->set_total_tokens(7);
  facts.usage.mutable_tokens()->set_cached_tokens(1);
  facts.usage.set_upstream_calls(5);
  return facts;
}

TEST(ChatReplyTest, ACompletionIsOpenAis) {
  v1::Completion answer;
  answer.set_content("Yes\xFF");
  answer.set_reasoning("because");
  answer.set_finish_reason("length");
  EXPECT_EQ(
      CompletionJson(kHead, answer, Facts()),
      R"({"id":"chatcmpl-J1","object":"chat.completion","created":7,"model":"moa","choices":[)"
      R"({"index":0,"message":{"role":"assistant","content":"Yes�","refusal":null,)"
      R"("reasoning":"because"},"logprobs":null,"finish_reason":"length"}],"usage":{)"
      R"("prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{)"
      R"("cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":0}},"moa":{)"
      R"("job_id":"J1","degraded":true,"upstream_calls":5,"cost_usd":0.0}})");
}

TEST(ChatReplyTest, ToolCallsStandForContent) {
  v1::Completion answer;
  v1::ToolCall* call = answer.add_tool_calls();
  call->set_id("c1");
  call->set_name("f");
  call->set_arguments("{\"a\":1}");
  const std::string whole = CompletionJson(kHead, answer, {});
  EXPECT_THAT(whole, HasSubstr(R"("content":null)"));
  EXPECT_THAT(whole, HasSubstr(R"("tool_calls":[{"id":"c1","type":"function","function":)"
                               R"({"name":"f","arguments":"{\"a\":1}"}}])"));
  EXPECT_THAT(ToolCallChunk(kHead, 2, *call),
              HasSubstr(R"("delta":{"tool_calls":[{"index":2,"id":"c1","type":"function")"));
}

TEST(ChatReplyTest, ChunksAreOpenAis) {
  EXPECT_EQ(RoleChunk(kHead),
            std::string(kChunkHead) +
                R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},)"
                R"("logprobs":null,"finish_reason":null}]})");
  const std::string text = TextChunk(kHead, {.content = "a", .reasoning = "b"});
  EXPECT_THAT(text, HasSubstr(R"("delta":{"reasoning":"b","content":"a"})"));
  EXPECT_THAT(text, Not(HasSubstr("role")));
  EXPECT_THAT(FinishChunk(kHead, "", Facts()),
              HasSubstr(R"("delta":{},"logprobs":null,"finish_reason":"stop"}],"moa":{)"));
  EXPECT_THAT(UsageChunk(kHead, Facts()), HasSubstr(R"("choices":[],"usage":{"prompt_tokens":3,)"));
}

}  // namespace
}  // namespace moa::gateway
