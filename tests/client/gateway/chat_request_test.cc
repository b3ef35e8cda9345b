#include "client/gateway/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

namespace moa::gateway {
namespace {

using testing::HasSubstr;

constexpr char kMessages[] = R"("messages":[{"role":"user","content":"Why?"}])";

AnswerRequest Read(const std::string& fields, const std::string& messages = kMessages) {
  auto read = ReadChatRequest(absl::StrCat("{", messages, ",", fields, "}"));
  if (const auto* error = std::get_if<ApiError>(&read)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<AnswerRequest>(std::move(read));
}

ApiError Refused(const std::string& body) {
  auto read = ReadChatRequest(body);
  if (auto* error = std::get_if<ApiError>(&read)) return *error;
  ADD_FAILURE() << "was read: " << body;
  return {};
}

ApiError RefusedFields(const std::string& fields) {
  return Refused(absl::StrCat("{", kMessages, ",", fields, "}"));
}

std::vector<v1::Preset> Presets() {
  v1::Preset moa;
  moa.set_name("moa");
  moa.mutable_moa()->mutable_aggregator()->set_model("gpt-oss-120b");
  v1::Preset best;
  best.set_name("best");
  best.mutable_moa()->set_best_answer(true);
  return {moa, best};
}

TEST(ChatRequestTest, APresetIsTheJobs) {
  AnswerRequest request = Read(R"("model":"moa")");
  EXPECT_FALSE(SetModel(Presets(), &request));
  EXPECT_EQ(request.spec.preset(), "moa");
  EXPECT_FALSE(request.spec.has_moa());
  EXPECT_EQ(request.spec.messages(0).content(), "Why?");
}

TEST(ChatRequestTest, AnotherModelIsTheAggregatorsAndAnswersAlone) {
  AnswerRequest request = Read(R"("model":"qwen-3.8-27b","stream":true)");
  EXPECT_FALSE(SetModel(Presets(), &request));
  EXPECT_EQ(request.spec.preset(), "");
  EXPECT_EQ(request.spec.moa().aggregator().model(), "qwen-3.8-27b");
  EXPECT_EQ(request.spec.moa().layers_size(), 0);
  EXPECT_TRUE(request.stream);
}

TEST(ChatRequestTest, SamplingFieldsAreTheAggregators) {
  AnswerRequest request =
      Read(R"("model":"moa","temperature":0.5,"top_p":0.9,"max_tokens":77,"stop":"END","seed":3,)"
           R"("presence_penalty":1,"frequency_penalty":-1,"reasoning_effort":"low",)"
           R"("response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d",)"
           R"("schema":{"type":"object"},"strict":true}})");
  const v1::Agent& aggregator = request.spec.moa().aggregator();
  EXPECT_EQ(aggregator.temperature(), 0.5);
  EXPECT_EQ(aggregator.top_p(), 0.9);
  EXPECT_EQ(aggregator.max_completion_tokens(), 77u);
  EXPECT_EQ(aggregator.stop(0), "END");
  EXPECT_EQ(aggregator.seed(), 3u);
  EXPECT_EQ(request.spec.seed(), 3u);
  EXPECT_EQ(aggregator.presence_penalty(), 1);
  EXPECT_EQ(aggregator.frequency_penalty(), -1);
  EXPECT_EQ(aggregator.reasoning_effort(), "low");
  EXPECT_EQ(aggregator.response_format().type(), v1::ResponseFormat::JSON_SCHEMA);
  EXPECT_EQ(aggregator.response_format().name(), "n");
  EXPECT_TRUE(aggregator.response_format().strict());
  EXPECT_EQ(request.names.InRequest("moa.aggregator.max_completion_tokens"), "max_tokens");
  EXPECT_EQ(request.names.InRequest("moa.aggregator.stop[0]"), "stop[0]");
}

TEST(ChatRequestTest, FieldsThatAreNullAreAbsent) {
  AnswerRequest request =
      Read(R"("model":"moa","temperature":null,"stop":null,"tools":null,"stream":null,"n":null,)"
           R"("logprobs":null,"moa":null)");
  EXPECT_FALSE(request.spec.has_moa());
}

TEST(ChatRequestTest, TextPartsAreJoined) {
  const AnswerRequest request = Read(
      R"("model":"moa")", R"("messages":[{"role":"system","content":[{"type":"text","text":"a"},)"
                          R"({"type":"text","text":"b"}]},{"role":"user","content":"c"}])");
  EXPECT_EQ(request.spec.messages(0).content(), "a\nb");
  EXPECT_EQ(request.spec.messages(0).role(), v1::ROLE_SYSTEM);
}

// What an official client sends back of an answer it got.
TEST(ChatRequestTest, AnswersAreTakenBackAsTheyWereGiven) {
  const AnswerRequest request =
      Read(R"("model":"moa")",
           R"("messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":null,)"
           R"("refusal":null,"annotations":[],"audio":null,"reasoning_content":"r","tool_calls":[)"
           R"({"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
           R"({"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"21"}]}])");
  EXPECT_EQ(request.spec.messages(1).tool_calls(0).name(), "f");
  EXPECT_EQ(request.spec.messages(1).reasoning(), "r");
  EXPECT_EQ(request.spec.messages(2).content(), "21");
  EXPECT_EQ(request.spec.messages(2).tool_call_id(), "c1");
}

TEST(ChatRequestTest, ToolsAreTheJobs) {
  const AnswerRequest request = Read(
      R"("model":"moa","tools":[{"type":"function","function":{"name":"f","parameters":{}}}],)"
      R"("tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false)");
  EXPECT_EQ(request.spec.tools(0).name(), "f");
  EXPECT_EQ(request.spec.tool_choice().function(), "f");
  EXPECT_FALSE(request.spec.parallel_tool_calls());
  EXPECT_TRUE(request.spec.has_parallel_tool_calls());
}

TEST(ChatRequestTest, TheExtensionSaysWhatAJobFileCanSay) {
  AnswerRequest request =
      Read(R"("model":"m","temperature":1,"moa":{"layers":[{"agents":[{"name":"a","model":"x"}]}],)"
           R"("aggregator":{"system_prompt":"s"},"deadline":"30s","budget":{"max_total_tokens":9},)"
           R"("tenant":"t","name":"n","follows":"J","progress":true})");
  EXPECT_FALSE(SetModel(Presets(), &request));
  EXPECT_EQ(request.spec.moa().layers(0).agents(0).name(), "a");
  EXPECT_EQ(request.spec.moa().aggregator().system_prompt(), "s");
  EXPECT_EQ(request.spec.moa().aggregator().temperature(), 1);
  EXPECT_EQ(request.spec.moa().aggregator().model(), "m");
  EXPECT_EQ(request.spec.deadline().seconds(), 30);
  EXPECT_EQ(request.spec.budget().max_total_tokens(), 9u);
  EXPECT_EQ(request.spec.tenant(), "t");
  EXPECT_EQ(request.spec.name(), "n");
  EXPECT_EQ(request.spec.follows(), "J");
  EXPECT_TRUE(request.progress);
  EXPECT_EQ(request.names.InRequest("deadline"), "moa.deadline");
}

TEST(ChatRequestTest, WhatClientsSendUnaskedIsIgnored) {
  Read(R"("model":"moa","user":"u","metadata":{"a":"b"},"store":false,"service_tier":"auto",)"
       R"("stream_options":{"include_usage":true},"n":1,"logprobs":false,"logit_bias":{},)"
       R"("modalities":["text"],"verbosity":"low")");
}

TEST(ChatRequestTest, EveryMistakeIsToldWithItsFieldInTheRequest) {
  const ApiError error =
      Refused(R"({"model":7,"messages":[{"role":"usr","content":"x"}],"temperature":"hot","n":3,)"
              R"("moa":{"deadline":"soon","layers":[{"agent":[]}]},"top_k":1})");
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.type, "invalid_request_error");
  for (const char* part :
       {"model: must be text", "messages[0].role: must be", "temperature: must be a number",
        "n: only one", "moa.deadline: must be a duration", "moa.layers[0].agent: unknown field",
        "top_k: unknown field"}) {
    EXPECT_THAT(error.message, HasSubstr(part));
  }
}

TEST(ChatRequestTest, ParamIsTheFirstMistakesField) {
  EXPECT_EQ(RefusedFields(R"("model":"m","top_k":1)").param, "top_k");
  EXPECT_EQ(RefusedFields(R"("model":"m","logprobs":true)").param, "logprobs");
  EXPECT_EQ(RefusedFields(R"("model":"m","logit_bias":{"50":1})").param, "logit_bias");
  EXPECT_EQ(RefusedFields(R"("stream":true)").param, "model");
  EXPECT_EQ(Refused(R"({"model":"m"})").param, "messages");
  EXPECT_EQ(RefusedFields(R"("model":"m","max_tokens":1,"max_completion_tokens":1)").param,
            "max_tokens");
  EXPECT_EQ(
      RefusedFields(R"("model":"m","temperature":1,"moa":{"aggregator":{"temperature":1}})").param,
      "temperature");
}

TEST(ChatRequestTest, BrokenJsonIsToldWithItsPlace) {
  EXPECT_THAT(Refused("{\n  nope").message, HasSubstr("line 2, column 3: not valid JSON"));
  EXPECT_THAT(Refused("").message, HasSubstr("line 1, column 1"));
  EXPECT_EQ(Refused("[1]").status, 400);
  EXPECT_EQ(Refused("null").message, "the body must be a JSON object");
}

TEST(ChatRequestTest, ModelsThatContradictEachOtherAreRefused) {
  AnswerRequest two = Read(R"("model":"a","moa":{"aggregator":{"model":"b"}})");
  EXPECT_EQ(SetModel(Presets(), &two)->param, "moa.aggregator.model");
  AnswerRequest none = Read(R"("model":"a","moa":{"answer":"best"})");
  EXPECT_EQ(SetModel(Presets(), &none)->param, "model");
  AnswerRequest best = Read(R"("model":"best","temperature":1)");
  EXPECT_EQ(SetModel(Presets(), &best)->param, "model");
  AnswerRequest plain = Read(R"("model":"best")");
  EXPECT_FALSE(SetModel(Presets(), &plain));
}

}  // namespace
}  // namespace moa::gateway
