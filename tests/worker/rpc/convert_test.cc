#include "worker/rpc/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status_matchers.h"
#include "common/base/text.h"

namespace moa::worker {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::Not;

// Sent over the wire and read again, as the coordinator sees it.
template <typename Message>
Message OverTheWire(const Message& message) {
  Message read;
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

FinishedAttempt MakeFinished(upstream::CallResult result) {
  FinishedAttempt finished;
  finished.ref = {"job-1", 4, 2, 9};
  finished.input_hash = "h\0sh"s;
  finished.result = std::move(result);
  return finished;
}

TEST(ConvertTest, ReferencesComeBackUnchanged) {
  const AttemptRef ref{"job-1", 4, 2, uint64_t{1} << 63};
  v1::AttemptRef proto;
  ToProto(ref, &proto);
  EXPECT_EQ(FromProto(OverTheWire(proto)), ref);
}

TEST(ConvertTest, ACompletionKeepsEveryFieldAndEveryByte) {
  upstream::Completion completion;
  completion.content = "a\0\xFF"s;
  completion.reasoning = "because";
  completion.tool_calls = {{"id1", "lookup", "{\"a\":\0}"s}};
  completion.finish_reason = "tool_calls";
  completion.usage = {1, 2, 3, 4, 5, 6, 7, 8};
  completion.time_info = {0.1, 0.2, 0.3, 0.4};
  completion.response_id = "chatcmpl-1";
  completion.response_model = "gpt-oss-120b";
  completion.system_fingerprint = "fp";
  completion.service_tier_used = "flex";
  upstream::CallResult result;
  result.outcome = completion;
  result.run_time = absl::Microseconds(1500);
  result.time_to_first_token = absl::Microseconds(300);
  result.rate_limits.tokens_minute = {.limit = 60000, .remaining = 59000, .reset_seconds = 1.5};
  v1::AttemptFinished made;
  ToProto(MakeFinished(result), &made);
  const v1::AttemptFinished proto = OverTheWire(made);

  EXPECT_EQ(proto.input_hash(), "h\0sh"s);
  EXPECT_EQ(proto.run_us(), 1500u);
  EXPECT_EQ(proto.ttft_us(), 300u);
  EXPECT_EQ(proto.completion().content(), "a\0\xFF"s);
  EXPECT_EQ(proto.completion().reasoning(), "because");
  EXPECT_EQ(proto.completion().tool_calls(0).arguments(), "{\"a\":\0}"s);
  EXPECT_EQ(proto.completion().finish_reason(), "tool_calls");
  const v1::Usage& usage = proto.completion().usage();
  EXPECT_EQ(usage.prompt_tokens(), 1u);
  EXPECT_EQ(usage.completion_tokens(), 2u);
  EXPECT_EQ(usage.total_tokens(), 3u);
  EXPECT_EQ(usage.cached_tokens(), 4u);
  EXPECT_EQ(usage.reasoning_tokens(), 5u);
  EXPECT_EQ(usage.accepted_prediction_tokens(), 6u);
  EXPECT_EQ(usage.rejected_prediction_tokens(), 7u);
  EXPECT_EQ(usage.image_tokens(), 8u);
  EXPECT_EQ(proto.completion().time_info().total_seconds(), 0.4);
  EXPECT_EQ(proto.completion().response_model(), "gpt-oss-120b");
  EXPECT_EQ(proto.completion().service_tier_used(), "flex");
  EXPECT_EQ(proto.rate_limits().tokens_minute().remaining(), 59000u);
  EXPECT_FALSE(proto.rate_limits().has_requests_day());
}

// A proto3 string with ill-formed UTF-8 would fail the coordinator's parse and break the stream.
TEST(ConvertTest, IllFormedNamesOfAProviderDoNotBreakTheMessage) {
  upstream::Completion completion;
  completion.finish_reason = "st\xFFop";
  completion.response_id = "\xC3";
  completion.tool_calls = {{"\xFF", "\xFE", "\xFD"}};
  upstream::CallResult result;
  result.outcome = completion;
  v1::AttemptFinished made;
  ToProto(MakeFinished(result), &made);
  const v1::AttemptFinished proto = OverTheWire(made);
  EXPECT_TRUE(IsValidUtf8(proto.completion().finish_reason()));
  EXPECT_EQ(proto.completion().tool_calls(0).arguments(), "\xFD");
}

TEST(ConvertTest, AnErrorKeepsWhatTheCoordinatorDecidesBy) {
  upstream::CallResult result =
      MakeErrorResult(upstream::ErrorCode::kQuotaExceeded, "slow down", true);
  result.error().error.http_status = 429;
  result.error().error.upstream_code = "token_quota_exceeded";
  result.error().retry_after = absl::Seconds(49);
  v1::AttemptFinished proto;
  ToProto(MakeFinished(result), &proto);
  EXPECT_EQ(proto.error().error().code(), v1::ERROR_CODE_QUOTA_EXCEEDED);
  EXPECT_EQ(proto.error().error().http_status(), 429u);
  EXPECT_EQ(proto.error().error().upstream_code(), "token_quota_exceeded");
  EXPECT_TRUE(proto.error().retryable());
  EXPECT_EQ(proto.error().retry_after_us(), 49'000'000u);
  EXPECT_FALSE(proto.error().has_usage());
}

TEST(ConvertTest, WhatHadComeIsSaidOfAFailedCallToo) {
  FinishedAttempt finished;
  finished.result = MakeErrorResult(upstream::ErrorCode::kCancelled, "cancelled", false);
  finished.result.received_bytes = 17;
  v1::AttemptFinished out;
  ToProto(finished, &out);
  EXPECT_EQ(out.received_bytes(), 17u);
}

TEST(ConvertTest, EveryErrorCodeHasTheProtocolsNumber) {
  // What comes after it ends jobs and no attempts.
  for (int code = v1::ErrorCode_MIN; code <= v1::ERROR_CODE_INTERNAL; ++code) {
    EXPECT_EQ(v1::ErrorCode_Name(static_cast<v1::ErrorCode>(code)),
              "ERROR_CODE_" +
                  std::string(upstream::ErrorCodeName(static_cast<upstream::ErrorCode>(code))));
  }
}

class ChatRequestTest : public testing::Test {
 protected:
  ChatRequestTest() { task_.set_model("m"); }

  void AddMessage(v1::Role role, const std::string& content) {
    v1::Message* message = task_.add_prompt()->mutable_message();
    message->set_role(role);
    message->set_content(content);
  }
  std::string Prompt() {
    const absl::StatusOr<upstream::ChatRequest> request = MakeChatRequest(task_, contexts_, {});
    EXPECT_OK(request);
    std::string all;
    for (const upstream::MessagesJson& part : request->prompt) {
      all.append(part.view().data(), part.view().size());
      all += '|';
    }
    return all;
  }

  v1::RunTask task_;
  Contexts contexts_;
};

TEST_F(ChatRequestTest, PartsKeepTheirOrderAndNeighboursAreEncodedTogether) {
  v1::PutContext context;
  context.add_messages()->set_content("shared");
  contexts_.emplace(5, EncodeContext(context, {}));
  AddMessage(v1::ROLE_SYSTEM, "one");
  AddMessage(v1::ROLE_USER, "two");
  task_.add_prompt()->set_context_key(5);
  AddMessage(v1::ROLE_USER, "three");
  const std::string prompt = Prompt();
  EXPECT_LT(prompt.find("one"), prompt.find("two"));
  EXPECT_LT(prompt.find("two"), prompt.find("shared"));
  EXPECT_LT(prompt.find("shared"), prompt.find("three"));
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), '|'), 3);
}

TEST_F(ChatRequestTest, AMissingContextOrAnUnknownPartIsAnErrorNotAShorterPrompt) {
  task_.add_prompt()->set_context_key(5);
  EXPECT_THAT(MakeChatRequest(task_, contexts_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("context 5")));
  task_.clear_prompt();
  task_.add_prompt();
  EXPECT_THAT(MakeChatRequest(task_, contexts_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ChatRequestTest, MessagesAndContextsAreInTheProvidersStyle) {
  const upstream::MessageStyle style = {.reasoning_member = "", .developer_role = false};
  v1::PutContext context;
  context.add_messages()->set_role(v1::ROLE_DEVELOPER);
  contexts_.emplace(5, EncodeContext(context, style));
  AddMessage(v1::ROLE_DEVELOPER, "");
  task_.add_prompt()->set_context_key(5);
  ASSERT_OK_AND_ASSIGN(const upstream::ChatRequest request,
                       MakeChatRequest(task_, contexts_, style));
  ASSERT_EQ(request.prompt.size(), 2u);
  EXPECT_EQ(request.prompt[0].view(), R"({"role":"system","content":""})");
  EXPECT_EQ(request.prompt[1].view(), R"({"role":"system","content":""})");
}

TEST_F(ChatRequestTest, ParametersThatAreNotSetStayUnset) {
  const absl::StatusOr<upstream::ChatRequest> request = MakeChatRequest(task_, contexts_, {});
  ASSERT_OK(request);
  EXPECT_FALSE(request->temperature.has_value());
  EXPECT_FALSE(request->seed.has_value());
  EXPECT_FALSE(request->parallel_tool_calls.has_value());
  EXPECT_FALSE(request->stream);
}

TEST_F(ChatRequestTest, ParametersAndToolsArrive) {
  task_.set_prompt_cache_key("job-7");
  v1::Agent* parameters = task_.mutable_parameters();
  parameters->set_temperature(0);
  parameters->set_top_p(0.5);
  parameters->set_max_completion_tokens(100);
  parameters->set_seed(42);
  parameters->add_stop("END");
  parameters->set_reasoning_effort("low");
  parameters->set_frequency_penalty(0.1);
  parameters->set_presence_penalty(-0.1);
  v1::Tool* tool = task_.add_tools();
  tool->set_name("lookup");
  tool->set_parameters("{}");
  tool->set_strict(true);
  task_.mutable_tool_choice()->set_mode(v1::ToolChoice::FUNCTION);
  task_.mutable_tool_choice()->set_function("lookup");
  task_.set_parallel_tool_calls(false);
  task_.set_stream_deltas(true);
  ASSERT_OK_AND_ASSIGN(const upstream::ChatRequest request, MakeChatRequest(task_, contexts_, {}));
  EXPECT_EQ(request.prompt_cache_key, "job-7");
  EXPECT_EQ(request.temperature, 0.0);
  EXPECT_EQ(request.top_p, 0.5);
  EXPECT_EQ(request.max_completion_tokens, 100u);
  EXPECT_EQ(request.seed, 42u);
  EXPECT_THAT(request.stop, testing::ElementsAre("END"));
  EXPECT_EQ(request.reasoning_effort, "low");
  EXPECT_EQ(request.frequency_penalty, 0.1);
  EXPECT_EQ(request.presence_penalty, -0.1);
  ASSERT_EQ(request.tools.size(), 1u);
  EXPECT_EQ(request.tools[0].strict, true);
  EXPECT_EQ(request.tool_choice.mode, upstream::ToolChoice::Mode::kFunction);
  EXPECT_EQ(request.tool_choice.function, "lookup");
  EXPECT_EQ(request.parallel_tool_calls, false);
  EXPECT_TRUE(request.stream);
}

}  // namespace
}  // namespace moa::worker
