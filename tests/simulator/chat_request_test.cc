#include "simulator/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;

constexpr char kHi[] = R"([{"role":"user","content":"hi"}])";

// A request with these fields beside model and messages.
std::string Body(absl::string_view more, absl::string_view messages = kHi) {
  return absl::StrCat(R"({"model":"gpt-oss-120b","messages":)", messages, more.empty() ? "" : ",",
                      more, "}");
}

std::string MistakeIn(absl::string_view body) {
  ChatRequest request;
  const auto error = ParseChatRequest(body, request);
  if (!error) return "";
  EXPECT_EQ(error->status, 400);
  EXPECT_EQ(error->code, "wrong_api_format");
  return error->message;
}

TEST(ChatRequestTest, ReadsEveryFieldItActsOn) {
  ChatRequest request;
  const auto error = ParseChatRequest(
      Body(R"("stream":true,"max_completion_tokens":50,"n":2,"seed":9,"stop":["a","b"],
              "reasoning_effort":"low","logprobs":true,"top_logprobs":3,"temperature":0.7,"top_p":1,
              "frequency_penalty":-2,"presence_penalty":2,"logit_bias":{"1":5},"user":"u",
              "stream_options":{"include_usage":true},"service_tier":"auto","prompt_cache_key":"k",
              "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],
              "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false)"),
      request);
  ASSERT_FALSE(error.has_value()) << error->message;
  EXPECT_TRUE(request.stream && request.logprobs);
  EXPECT_EQ(request.max_completion_tokens, 50);
  EXPECT_EQ(request.n, 2);
  EXPECT_EQ(request.seed, 9);
  EXPECT_EQ(request.temperature, 0.7);
  EXPECT_THAT(request.stop, testing::ElementsAre("a", "b"));
  EXPECT_EQ(request.reasoning_effort, "low");
  EXPECT_EQ(request.tool_choice, ToolChoice::kFunction);
  EXPECT_EQ(request.tools[0].parameters, R"({"type":"object"})");
}

TEST(ChatRequestTest, ReadsTheSchemaThatAnAnswerIsToHave) {
  ChatRequest request;
  const auto error = ParseChatRequest(
      Body(
          R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}})"),
      request);
  ASSERT_FALSE(error.has_value()) << error->message;
  EXPECT_EQ(request.response_format, ResponseFormat::kJsonSchema);
  EXPECT_EQ(request.response_schema_name, "n");
  EXPECT_EQ(request.response_schema, R"({"type":"object"})");
  EXPECT_FALSE(request.temperature.has_value());
}

TEST(ChatRequestTest, TheOldNameOfTheTokenBoundStillWorks) {
  ChatRequest request;
  EXPECT_FALSE(ParseChatRequest(Body(R"("max_tokens":7)"), request).has_value());
  EXPECT_EQ(request.max_completion_tokens, 7);
}

struct Case {
  const char* fields;
  const char* mistake;
};

class ChatRequestMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(ChatRequestMistakeTest, IsRefusedByName) {
  EXPECT_THAT(MistakeIn(Body(GetParam().fields)), HasSubstr(GetParam().mistake));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ChatRequestMistakeTest,
    testing::Values(
        Case{R"("store":true)", "body.store: property 'body.store' is unsupported"},
        Case{R"("min_p":0.1)", "property 'body.min_p' is unsupported"},
        Case{R"("temperature":2.1)", "body.temperature: Input should be less than or equal to 2"},
        Case{R"("temperature":"hot")", "body.temperature: Input should be a valid number"},
        Case{R"("top_p":-0.1)", "body.top_p: Input should be greater than or equal to 0"},
        Case{R"("n":0)", "body.n: Input should be greater than or equal to 1"},
        Case{R"("n":1.5)", "body.n: Input should be a valid integer"},
        Case{R"("max_completion_tokens":-2)",
             "body.max_completion_tokens: Input should be greater"},
        Case{R"("stream":"yes")", "body.stream: Input should be a valid boolean"},
        Case{R"("stream_options":{"x":1})", "property 'body.stream_options.x' is unsupported"},
        Case{R"("stop":["a","b","c","d","e"])", "body.stop: List should have at most 4 items"},
        Case{R"("stop":[1])", "body.stop: Input should be a valid string or list"},
        Case{R"("top_logprobs":2)", "body.top_logprobs: logprobs must be true"},
        Case{R"("reasoning_effort":"max")", "'none', 'low', 'medium', 'high'"},
        Case{R"("service_tier":"gold")", "body.service_tier: Input should be 'auto'"},
        Case{R"("tool_choice":"auto")", "tool_choice requires tools"},
        Case{R"("tools":[{"type":"function"}])", "body.tools.0.function: Field required"},
        Case{R"("tools":[{"type":"function","function":{"name":"a b"}}])",
             "body.tools.0.function.name"},
        Case{R"("tools":[{"type":"function","function":{"name":"f","x":1}}])",
             "property 'body.tools.0.function.x' is unsupported"},
        Case{R"("tools":[{"type":"function","function":{"name":"f"}}],
                "tool_choice":{"type":"function","function":{"name":"g"}})",
             "there is no tool 'g'"},
        Case{R"("response_format":{"type":"xml"})",
             "body.response_format.type: Input should be 'text'"},
        Case{R"("response_format":{"type":"json_schema"})", "json_schema: Field required"},
        Case{R"("response_format":{"type":"json_object"},"stream":true)",
             "not supported with stream"},
        Case{R"("response_format":{"type":"json_object"},"reasoning_format":"raw")", "raw is not"},
        Case{R"("prediction":{"type":"content","content":"x"},"n":2)", "body.prediction"}));

class ChatMessagesMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(ChatMessagesMistakeTest, IsRefusedByName) {
  EXPECT_THAT(MistakeIn(Body("", GetParam().fields)), HasSubstr(GetParam().mistake));
}

INSTANTIATE_TEST_SUITE_P(
    Messages, ChatMessagesMistakeTest,
    testing::Values(
        Case{"[]", "body.messages: List should have at least 1 item"},
        Case{R"([{"role":"system","content":3}])",
             "body.messages.0.system.content: Input should be a valid string"},
        Case{R"([{"role":"user"}])", "body.messages.0.user.content: Field required"},
        Case{R"([{"content":"x"}])", "body.messages.0.role: Field required"},
        Case{R"([{"role":"wizard","content":"x"}])", "body.messages.0.role: Input should be"},
        Case{R"(["hi"])", "body.messages.0: Input should be a valid object"},
        Case{R"([{"role":"user","content":"x"},{"role":"assistant","reasoning_content":"y"}])",
             "messages.1.assistant.reasoning_content: property "
             "'messages.1.assistant.reasoning_content' "
             "is unsupported"},
        Case{R"([{"role":"user","content":[{"type":"audio"}]}])",
             "body.messages.0.user.content.0.type"},
        Case{
            R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}])",
            "only data: URLs"},
        Case{R"([{"role":"tool","tool_call_id":"a","content":"x"}])",
             "does not follow an assistant"},
        Case{R"([{"role":"assistant","tool_calls":[{"id":"a","type":"function",
                  "function":{"name":"f","arguments":"{}"}}]},{"role":"user","content":"x"}])",
             "tool call 'a' must be followed by a tool message"},
        Case{R"([{"role":"assistant","tool_calls":[{"id":"a","type":"function",
                  "function":{"name":"f","arguments":"{}"}}]}])",
             "tool call 'a' must be followed by a tool message"},
        Case{R"([{"role":"assistant","tool_calls":[
                  {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
                  {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"a","content":"1"},
                 {"role":"tool","tool_call_id":"a","content":"2"}])",
             "tool call id 'a' is used twice"}));

TEST(ChatRequestTest, AcceptsAConversationWithTools) {
  EXPECT_EQ(MistakeIn(Body("", R"([
      {"role":"system","content":[{"type":"text","text":"be"},{"type":"text","text":" brief"}]},
      {"role":"assistant","content":null,"reasoning":"hm","tool_calls":[
        {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"b","type":"function","function":{"name":"f","arguments":"{}"},"index":1}]},
      {"role":"tool","tool_call_id":"b","content":"2"},
      {"role":"tool","tool_call_id":"a","content":"1"},
      {"role":"user","content":"go on","name":"me"}])")),
            "");
}

TEST(ChatRequestTest, ListsEveryMistakeOnItsOwnLine) {
  EXPECT_EQ(MistakeIn(R"({"store":1,"temperature":9})"),
            "body.store: property 'body.store' is unsupported\n"
            "body.temperature: Input should be less than or equal to 2\n"
            "body.model: Field required\nbody.messages: Field required");
}

TEST(ChatRequestTest, BoundsTheListOfMistakes) {
  std::string body = "{";
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&body, i == 0 ? "" : ",", "\"x", i, "\":1");
  EXPECT_LT(MistakeIn(body + "}").size(), 10'000u);
}

TEST(ChatRequestTest, RefusesWhatIsNotJson) {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[1]"), std::string("\"x\""),
        std::string("{\"model\":\"\xff\"}"), std::string(100'000, '[')}) {
    EXPECT_THAT(MistakeIn(body), HasSubstr("body: "));
  }
}

TEST(ChatRequestTest, KeepsNulsAndEmojiOfAPrompt) {
  ChatRequest request;
  ASSERT_FALSE(
      ParseChatRequest(Body("", R"([{"role":"user","content":"a\u0000b\ud83d\ude42{}"}])"), request)
          .has_value());
  EXPECT_EQ(request.messages[0].content, std::string("a\0b🙂{}", 9));
}

TEST(ChatRequestTest, ChecksStrictSchemasOnly) {
  constexpr char kLoose[] =
      R"("response_format":{"type":"json_schema","json_schema":{"name":"s",%s"schema":{"type":"object",
         "properties":{"a":{"type":"array","items":{"type":"string"},"minItems":1}},
         "additionalProperties":false}}})";
  std::string text(kLoose);
  const std::string strict = std::string(text).replace(text.find("%s"), 2, "\"strict\":true,");
  EXPECT_EQ(MistakeIn(Body(strict)), "Unsupported JSON schema fields: {'minItems'}");
  EXPECT_EQ(MistakeIn(Body(text.replace(text.find("%s"), 2, ""))), "");
}

TEST(ChatRequestTest, SomeRulesDependOnTheModel) {
  const Model& gpt_oss = *FindModel("gpt-oss-120b");
  const Model& qwen = *FindModel("qwen-3.8-27b");
  ChatRequest request;
  request.messages.push_back({"user", "x", "", 0});
  request.reasoning_effort = "none";
  EXPECT_TRUE(CheckForModel(request, gpt_oss).has_value());
  EXPECT_FALSE(CheckForModel(request, qwen).has_value());
  request.reasoning_effort = "";
  request.messages[0].images = 1;
  EXPECT_TRUE(CheckForModel(request, gpt_oss).has_value());
  EXPECT_FALSE(CheckForModel(request, qwen).has_value());
  request.messages[0] = {"developer", "x", "", 0};
  EXPECT_FALSE(CheckForModel(request, gpt_oss).has_value());
  EXPECT_TRUE(CheckForModel(request, qwen).has_value());
  request.messages[0].role = "user";
  request.tools.push_back({"f", ""});
  request.response_format = ResponseFormat::kJsonSchema;
  EXPECT_TRUE(CheckForModel(request, gpt_oss).has_value());
  EXPECT_FALSE(CheckForModel(request, qwen).has_value());
}

TEST(TextRequestTest, ReadsPromptsOfEveryForm) {
  for (const auto& [prompt, text] :
       std::vector<std::pair<std::string, std::string>>{{R"("hi")", "hi"},
                                                        {R"(["hi"])", "hi"},
                                                        {"[1,2]", "[1,2]"},
                                                        {"[[1],[2]]", "[[1],[2]]"}}) {
    ChatRequest request;
    const auto error =
        ParseTextRequest(absl::StrCat(R"({"model":"m","prompt":)", prompt, "}"), request);
    ASSERT_FALSE(error.has_value()) << error->message;
    EXPECT_EQ(request.messages[0].content, text);
  }
  ChatRequest request;
  const auto error = ParseTextRequest(R"({"model":"m","presence_penalty":1})", request);
  EXPECT_EQ(error->message,
            "body.presence_penalty: property 'body.presence_penalty' is unsupported\n"
            "body.prompt: Field required");
}

}  // namespace
}  // namespace moa::simulator
