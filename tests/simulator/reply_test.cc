#include "simulator/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "simulator/completion_writer.h"
#include "simulator/json_schema.h"

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Model& GptOss() { return *FindModel("gpt-oss-120b"); }
const Model& Gemma() { return *FindModel("gemma-4-31b"); }

ChatRequest Ask(const std::string& text) {
  ChatRequest request;
  request.messages = {{"user", text, "", 0}};
  return request;
}

ReplyChoice Reply(const ChatRequest& request, const Model& model = GptOss(),
                  ReplyLength length = {}) {
  return ReplyGenerator(1, length)
      .Generate(request, model, RenderPrompt(request, model.id))
      .front();
}

TEST(ReplyTest, DependsOnThePromptAndTheSeedAlone) {
  const ChatRequest request = Ask("hi");
  const Prompt prompt = RenderPrompt(request, "gpt-oss-120b");
  const auto content = [&](uint64_t seed) {
    return ReplyGenerator(seed, {}).Generate(request, GptOss(), prompt).front().content;
  };
  EXPECT_EQ(content(1), content(1));
  EXPECT_NE(content(1), content(2));
  EXPECT_NE(Reply(Ask("hi")).content, Reply(Ask("ho")).content);
}

TEST(ReplyTest, CarriesTheTagWithinItsFirstLine) {
  const ReplyChoice reply = Reply(Ask("What is a lease?"));
  const std::string first_line = reply.content.substr(0, reply.content.find('\n'));
  EXPECT_THAT(first_line, HasSubstr("[sim model=gpt-oss-120b messages=1 digest="));
  EXPECT_THAT(reply.content, HasSubstr("What is a lease?"));
  EXPECT_STREQ(reply.finish_reason, "stop");
  EXPECT_TRUE(IsValidUtf8(reply.content));
}

// The question may begin with an earlier reply: its tag must not come through as if it were this
// one's.
TEST(ReplyTest, HoldsNoTagButItsOwn) {
  const ReplyChoice first = Reply(Ask("hi"));
  const ReplyChoice second = Reply(Ask(first.content));
  size_t more = 0;
  EXPECT_EQ(FindDigests(second.content, 10, &more).size(), 1u);
}

TEST(ReplyTest, IsAsLongAsAsked) {
  for (int i = 0; i < 50; ++i) {
    const ReplyChoice reply = Reply(Ask(std::to_string(i)), Gemma(), {100, 120});
    EXPECT_GE(reply.completion_tokens, 99);
    EXPECT_LE(reply.completion_tokens, 121);
  }
  EXPECT_THAT(Reply(Ask("hi"), Gemma(), {1, 1}).content, HasSubstr("saw=-]"));
}

TEST(ReplyTest, ReasoningCountsTowardsTheBoundAndComesFirst) {
  ChatRequest request = Ask("hi");
  request.max_completion_tokens = 40;
  const ReplyChoice cut = Reply(request);
  EXPECT_EQ(cut.completion_tokens, 40);
  EXPECT_STREQ(cut.finish_reason, "length");
  EXPECT_GT(cut.reasoning_tokens, 0);
  request.max_completion_tokens = 3;
  const ReplyChoice empty = Reply(request);
  EXPECT_EQ(empty.content, "");
  EXPECT_EQ(empty.reasoning_tokens, 3);
  EXPECT_STREQ(empty.finish_reason, "length");
}

TEST(ReplyTest, ReasoningFollowsTheModelAndTheRequest) {
  ChatRequest request = Ask("hi");
  EXPECT_EQ(Reply(request, Gemma()).reasoning, "");
  request.reasoning_effort = "low";
  const int64_t low = Reply(request).reasoning_tokens;
  EXPECT_GT(Reply(request, Gemma()).reasoning_tokens, 0);
  request.reasoning_effort = "high";
  EXPECT_GT(Reply(request).reasoning_tokens, low);
  request.reasoning_format = "hidden";
  EXPECT_EQ(Reply(request).reasoning, "");
  EXPECT_GT(Reply(request).reasoning_tokens, 0);
  request.reasoning_format = "raw";
  EXPECT_THAT(Reply(request).content, StartsWith("<think>"));
}

TEST(ReplyTest, StopsBeforeAStopText) {
  ChatRequest request = Ask("hi");
  request.stop = {"digest", "nowhere"};
  const ReplyChoice reply = Reply(request);
  EXPECT_THAT(reply.content, Not(HasSubstr("digest")));
  EXPECT_THAT(reply.content, HasSubstr("[sim model="));
  EXPECT_STREQ(reply.finish_reason, "stop");
}

TEST(ReplyTest, SeveralChoicesDiffer) {
  ChatRequest request = Ask("hi");
  request.n = 3;
  const auto choices =
      ReplyGenerator(1, {}).Generate(request, GptOss(), RenderPrompt(request, GptOss().id));
  ASSERT_EQ(choices.size(), 3u);
  EXPECT_NE(choices[0].content, choices[1].content);
  EXPECT_NE(choices[1].content, choices[2].content);
}

TEST(ReplyTest, LeftToChooseCallsTheToolThatTheUserNames) {
  ChatRequest request = Ask("what is the time");
  request.tools = {{"get_weather", ""}, {"get_time", R"({"type":"object"})"}};
  request.tool_choice = ToolChoice::kAuto;
  EXPECT_FALSE(Reply(request).tool_call.has_value());
  request.messages[0].content = "use get_time please";
  ASSERT_TRUE(Reply(request).tool_call.has_value());
  EXPECT_EQ(Reply(request).tool_call->name, "get_time");
  EXPECT_EQ(Reply(request).tool_call->arguments, "{}");
  request.tool_choice = ToolChoice::kNone;
  EXPECT_FALSE(Reply(request).tool_call.has_value());
}

struct SchemaCase {
  const char* schema;
  const char* value;
};

class JsonForSchemaTest : public testing::TestWithParam<SchemaCase> {};

TEST_P(JsonForSchemaTest, MakesAMinimalValue) {
  Random random(1);
  bool used = false;
  EXPECT_EQ(JsonForSchema(GetParam().schema, "T", random, &used), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Schemas, JsonForSchemaTest,
    testing::Values(
        SchemaCase{"", "{}"}, SchemaCase{R"({"type":"object"})", "{}"},
        SchemaCase{R"({"properties":{"a":{"type":"string"},"b":{"type":"string"}}})",
                   R"({"a":"T","b":"text"})"},
        SchemaCase{R"({"type":"array","items":{"type":"null"}})", "[null]"},
        SchemaCase{R"({"type":"array","prefixItems":[{"const":1},{"const":"x"}],"items":false})",
                   R"([1,"x"])"},
        SchemaCase{R"({"type":"integer","minimum":5,"maximum":5})", "5"},
        SchemaCase{R"({"enum":["only"]})", R"("only")"},
        SchemaCase{R"({"anyOf":[{"const":true},{"type":"string"}]})", "true"},
        SchemaCase{R"({"type":["string","null"]})", R"("T")"},
        SchemaCase{
            R"({"type":"object","properties":{"x":{"$ref":"#/$defs/d"}},"$defs":{"d":{"const":7}}})",
            R"({"x":7})"},
        SchemaCase{R"({"$ref":"#/nowhere"})", "null"}));

// A schema that refers to itself ends, and stays small.
TEST(JsonSchemaTest, BoundsRecursion) {
  std::string schema = R"({"type":"object","properties":{)";
  for (int i = 0; i < 40; ++i)
    absl::StrAppend(&schema, i == 0 ? "" : ",", "\"p", i, R"(":{"$ref":"#"})");
  schema += "}}";
  Random random(1);
  bool used = false;
  EXPECT_LT(JsonForSchema(schema, "T", random, &used).size(), 1u << 20);
}

struct StrictCase {
  const char* schema;
  const char* says;  // empty: fine
};

class StrictSchemaTest : public testing::TestWithParam<StrictCase> {};

TEST_P(StrictSchemaTest, NamesWhatTheServiceRefuses) {
  simdjson::dom::parser parser;
  simdjson::dom::element schema;
  const std::string text = GetParam().schema;
  ASSERT_EQ(parser.parse(text).get(schema), simdjson::SUCCESS);
  EXPECT_EQ(StrictSchemaMistake(schema), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Schemas, StrictSchemaTest,
    testing::Values(
        StrictCase{
            R"({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false})",
            ""},
        StrictCase{R"({"type":"string"})",
                   "The root of a strict JSON schema must be an object with properties"},
        StrictCase{R"({"type":"object","properties":{}})",
                   "'additionalProperties' must be false for every object of a strict JSON schema"},
        StrictCase{R"({"type":"object","additionalProperties":false,"properties":
                       {"a":{"type":"string","pattern":"x"},"b":{"type":"array"}}})",
                   "Unsupported JSON schema fields: {'items', 'pattern'}"},
        StrictCase{
            R"({"type":"object","additionalProperties":false,"properties":{"a":{"$ref":"http://x"}}})",
            "Unsupported JSON schema fields: {'$ref'}"}));

Completion Sample() {
  Completion completion;
  completion.id = "chatcmpl-1";
  completion.model = "gpt-oss-120b";
  completion.fingerprint = "fp_1";
  completion.created = 5;
  completion.prompt_tokens = 10;
  ReplyChoice choice;
  choice.reasoning = "Think “hard”.";
  choice.content = "A café — open late 🙂, \"quoted\"\n";
  choice.reasoning_tokens = 4;
  choice.completion_tokens = 14;
  completion.choices.push_back(choice);
  return completion;
}

struct Streamed {
  std::string content, reasoning, arguments, finish_reason;
  int64_t usage_total = -1;
  size_t chunks = 0, both = 0, without_choices = 0;
  bool done = false;
};

Streamed ReadStream(const Completion& completion, ChunkStream::Options options) {
  Streamed out;
  ChunkStream stream(completion, options, 6, Random(1));
  simdjson::dom::parser parser;
  std::string event;
  int64_t tokens = 0;
  while (stream.Next(event, &tokens)) {
    EXPECT_TRUE(absl::EndsWith(event, "\n\n"));
    absl::string_view data = event;
    EXPECT_TRUE(absl::ConsumePrefix(&data, "data: "));
    if (data == "[DONE]\n\n") {
      out.done = true;
      event.clear();
      continue;
    }
    ++out.chunks;
    const simdjson::dom::element chunk = parser.parse(data.data(), data.size());
    int64_t total = 0;
    if (chunk["usage"]["total_tokens"].get(total) == simdjson::SUCCESS) out.usage_total = total;
    simdjson::dom::element choice;
    if (chunk["choices"].at(0).get(choice) != simdjson::SUCCESS) {
      ++out.without_choices;
      event.clear();
      continue;
    }
    const auto add = [](simdjson::simdjson_result<simdjson::dom::element> value, std::string& to) {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) return false;
      EXPECT_TRUE(IsValidUtf8({text.data(), text.size()}));
      to += text;
      return true;
    };
    const bool content = add(choice["delta"]["content"], out.content);
    const bool reasoning = add(choice["delta"]["reasoning"], out.reasoning);
    out.both += content && reasoning ? 1 : 0;
    add(choice["delta"]["tool_calls"].at(0)["function"]["arguments"], out.arguments);
    add(choice["finish_reason"], out.finish_reason);
    event.clear();
  }
  return out;
}

TEST(ChunkStreamTest, CarriesTheWholeAnswerInOrder) {
  const Completion completion = Sample();
  const Streamed streamed = ReadStream(completion, {});
  EXPECT_EQ(streamed.content, completion.choices[0].content);
  EXPECT_EQ(streamed.reasoning, completion.choices[0].reasoning);
  EXPECT_EQ(streamed.finish_reason, "stop");
  EXPECT_EQ(streamed.usage_total, 24);
  EXPECT_GE(streamed.chunks, 5u);
  EXPECT_EQ(streamed.both, 0u);
  EXPECT_EQ(streamed.without_choices, 0u);
  EXPECT_TRUE(streamed.done);
}

TEST(ChunkStreamTest, DeviationsChangeTheFormNotTheAnswer) {
  const Completion completion = Sample();
  ChunkStream::Options options;
  options.content_with_reasoning = true;
  options.usage_chunk_apart = true;
  const Streamed streamed = ReadStream(completion, options);
  EXPECT_EQ(streamed.content, completion.choices[0].content);
  EXPECT_EQ(streamed.reasoning, completion.choices[0].reasoning);
  EXPECT_EQ(streamed.both, 1u);
  EXPECT_EQ(streamed.without_choices, 1u);
  EXPECT_EQ(streamed.usage_total, 24);
}

TEST(ChunkStreamTest, StreamsToolCallsAndEmptyAnswers) {
  Completion completion = Sample();
  completion.choices[0].content.clear();
  completion.choices[0].tool_call = ReplyToolCall{"abc", "f", R"({"city":"Zürich"})"};
  completion.choices[0].finish_reason = "tool_calls";
  EXPECT_EQ(ReadStream(completion, {}).arguments, R"({"city":"Zürich"})");
  completion.choices[0] = ReplyChoice();
  completion.choices[0].finish_reason = "length";
  EXPECT_EQ(ReadStream(completion, {}).finish_reason, "length");
}

TEST(CompletionJsonTest, IsValidJsonWithUsageAndTimes) {
  Completion completion = Sample();
  completion.logprobs = true;
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(CompletionJson(completion));
  std::string_view content;
  ASSERT_EQ(json["choices"].at(0)["message"]["content"].get(content), simdjson::SUCCESS);
  EXPECT_EQ(content, completion.choices[0].content);
  EXPECT_EQ(int64_t(json["usage"]["completion_tokens"]), 14);
  EXPECT_EQ(json["time_info"]["total_time"].error(), simdjson::SUCCESS);
  EXPECT_EQ(json["choices"].at(0)["reasoning_logprobs"].error(), simdjson::SUCCESS);
}

}  // namespace
}  // namespace moa::simulator
