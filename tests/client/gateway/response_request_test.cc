#include "client/gateway/response_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

namespace moa::gateway {
namespace {

using testing::HasSubstr;

ResponseRequest Read(const std::string& body) {
  auto read = ReadResponseRequest(body);
  if (const auto* error = std::get_if<ApiError>(&read)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<ResponseRequest>(std::move(read));
}

// With a model and an input.
ResponseRequest ReadFields(const std::string& fields) {
  return Read(absl::StrCat(R"({"model":"moa","input":"Why?",)", fields, "}"));
}

v1::JobSpec ReadInput(const std::string& items) {
  return Read(absl::StrCat(R"({"model":"moa","input":[)", items, "]}")).answer.spec;
}

ApiError Refused(const std::string& fields) {
  auto read = ReadResponseRequest(absl::StrCat(R"({"model":"moa",)", fields, "}"));
  if (auto* error = std::get_if<ApiError>(&read)) return *error;
  ADD_FAILURE() << "was read: " << fields;
  return {};
}

ApiError RefusedItem(const std::string& item) {
  return Refused(absl::StrCat(R"("input":[{"role":"user","content":"Why?"},)", item, "]"));
}

std::string EchoOf(const ResponseRequest& request, const std::string& field) {
  for (const auto& [name, json] : request.echo) {
    if (name == field) return json;
  }
  return "";
}

TEST(ResponseRequestTest, ATextIsTheUsers) {
  const ResponseRequest request =
      Read(R"({"model":"moa","input":"Why?","instructions":"Be brief.","stream":true})");
  EXPECT_EQ(request.answer.model, "moa");
  EXPECT_TRUE(request.answer.stream);
  const v1::JobSpec& spec = request.answer.spec;
  ASSERT_EQ(spec.messages_size(), 2);
  EXPECT_EQ(spec.messages(0).role(), v1::ROLE_SYSTEM);
  EXPECT_EQ(spec.messages(0).content(), "Be brief.");
  EXPECT_EQ(spec.messages(1).role(), v1::ROLE_USER);
  EXPECT_EQ(spec.messages(1).content(), "Why?");
  EXPECT_EQ(request.answer.names.InRequest("messages[1].content"), "input");
  EXPECT_EQ(request.answer.names.InRequest("messages[0]"), "instructions");
}

TEST(ResponseRequestTest, MessagesHaveTextOrParts) {
  const v1::JobSpec spec = ReadInput(
      R"({"role":"developer","content":"d"},)"
      R"({"type":"message","role":"user","content":[{"type":"input_text","text":"a"},)"
      R"({"type":"input_text","text":"b"}]},)"
      R"({"id":"msg_1","type":"message","status":"completed","role":"assistant","content":)"
      R"([{"type":"output_text","text":"c","annotations":[],"logprobs":[]}]},)"
      R"({"role":"user","content":"e"})");
  ASSERT_EQ(spec.messages_size(), 4);
  EXPECT_EQ(spec.messages(0).role(), v1::ROLE_DEVELOPER);
  EXPECT_EQ(spec.messages(1).content(), "a\nb");
  EXPECT_EQ(spec.messages(2).role(), v1::ROLE_ASSISTANT);
  EXPECT_EQ(spec.messages(2).content(), "c");
}

// An assistant's items in a row are one message of its; its thoughts go with what came of them.
TEST(ResponseRequestTest, WhatAnAssistantDidIsOneMessage) {
  const v1::JobSpec spec =
      ReadInput(R"({"role":"user","content":"Why?"},)"
                R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null,)"
                R"("content":[{"type":"reasoning_text","text":"hm"}]},)"
                R"({"role":"assistant","content":"I look."},)"
                R"({"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}",)"
                R"("status":"completed"},)"
                R"({"type":"function_call","call_id":"c2","name":"g","arguments":"{\"a\":1}"},)"
                R"({"type":"function_call_output","call_id":"c1","output":"one"},)"
                R"({"type":"function_call_output","call_id":"c2","output":[{"type":"input_text",)"
                R"("text":"two"}]},)"
                R"({"type":"reasoning","id":"rs_2","summary":[]},)"
                R"({"type":"function_call","call_id":"c3","name":"f","arguments":"{}"},)"
                R"({"type":"function_call_output","call_id":"c3","output":""})");
  ASSERT_EQ(spec.messages_size(), 6);
  const v1::Message& first = spec.messages(1);
  EXPECT_EQ(first.role(), v1::ROLE_ASSISTANT);
  EXPECT_EQ(first.reasoning(), "hm");
  EXPECT_EQ(first.content(), "I look.");
  ASSERT_EQ(first.tool_calls_size(), 2);
  EXPECT_EQ(first.tool_calls(0).id(), "c1");
  EXPECT_EQ(first.tool_calls(1).name(), "g");
  EXPECT_EQ(first.tool_calls(1).arguments(), R"({"a":1})");
  EXPECT_EQ(spec.messages(2).role(), v1::ROLE_TOOL);
  EXPECT_EQ(spec.messages(2).tool_call_id(), "c1");
  EXPECT_EQ(spec.messages(3).content(), "two");
  EXPECT_EQ(spec.messages(4).tool_calls_size(), 1);
  EXPECT_EQ(spec.messages(4).reasoning(), "");
}

TEST(ResponseRequestTest, ItemsOfEarlierResponsesAreReferredTo) {
  const ResponseRequest request =
      Read(R"({"model":"moa","input":[{"role":"user","content":"Why?"},)"
           R"({"type":"item_reference","id":"rs_J1"},{"type":"item_reference","id":"msg_J1"},)"
           R"({"type":"item_reference","id":"fc_J1_0"},{"type":"item_reference","id":"fc_J1_1"},)"
           R"({"type":"function_call_output","call_id":"c","output":"x"}]})");
  const auto& references = request.answer.references;
  ASSERT_EQ(references.size(), 4u);
  EXPECT_EQ(request.answer.spec.messages_size(), 3);
  for (const ItemReference& reference : references) {
    EXPECT_EQ(reference.job_id, "J1");
    EXPECT_EQ(reference.message, 1);
  }
  EXPECT_EQ(references[0].kind, ItemReference::Kind::kReasoning);
  EXPECT_EQ(references[1].kind, ItemReference::Kind::kMessage);
  EXPECT_EQ(references[1].field, "input[2]");
  EXPECT_EQ(references[3].call, 1);
  EXPECT_EQ(references[3].slot, 1);
  EXPECT_EQ(RefusedItem(R"({"type":"item_reference","id":"x_1"})").param, "input[1].id");
  EXPECT_EQ(RefusedItem(R"({"type":"item_reference","id":"fc_J1"})").param, "input[1].id");
  EXPECT_EQ(RefusedItem(R"({"type":"item_reference","id":"fc_J1_-1"})").param, "input[1].id");
}

TEST(ResponseRequestTest, SamplingFieldsAreTheAggregators) {
  const ResponseRequest request = ReadFields(
      R"("temperature":0.5,"top_p":0.9,"max_output_tokens":77,"reasoning":{"effort":"low",)"
      R"("summary":"auto"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"n",)"
      R"("description":"d","schema":{"type":"object"},"strict":true}})");
  const v1::Agent& aggregator = request.answer.spec.moa().aggregator();
  EXPECT_EQ(aggregator.temperature(), 0.5);
  EXPECT_EQ(aggregator.top_p(), 0.9);
  EXPECT_EQ(aggregator.max_completion_tokens(), 77u);
  EXPECT_EQ(aggregator.reasoning_effort(), "low");
  EXPECT_EQ(aggregator.response_format().type(), v1::ResponseFormat::JSON_SCHEMA);
  EXPECT_EQ(aggregator.response_format().name(), "n");
  EXPECT_EQ(aggregator.response_format().schema(), R"({"type":"object"})");
  EXPECT_TRUE(aggregator.response_format().strict());
  const FieldNames& names = request.answer.names;
  EXPECT_EQ(names.InRequest("moa.aggregator.max_completion_tokens"), "max_output_tokens");
  EXPECT_EQ(names.InRequest("moa.aggregator.reasoning_effort"), "reasoning.effort");
  EXPECT_EQ(names.InRequest("moa.aggregator.response_format.json_schema.name"), "text.format.name");
  EXPECT_FALSE(ReadFields(R"("text":{"format":{"type":"text"}})")
                   .answer.spec.moa()
                   .aggregator()
                   .response_format()
                   .type());
}

TEST(ResponseRequestTest, ToolsAreTheJobs) {
  const v1::JobSpec spec =
      ReadFields(R"("tools":[{"type":"function","name":"f","description":"d","strict":null,)"
                 R"("parameters":{"type":"object"}}],"tool_choice":{"type":"function",)"
                 R"("name":"f"},"parallel_tool_calls":false)")
          .answer.spec;
  EXPECT_EQ(spec.tools(0).name(), "f");
  EXPECT_EQ(spec.tools(0).parameters(), R"({"type":"object"})");
  EXPECT_EQ(spec.tool_choice().function(), "f");
  EXPECT_FALSE(spec.parallel_tool_calls());
  EXPECT_EQ(ReadFields(R"("tool_choice":"required")").answer.spec.tool_choice().mode(),
            v1::ToolChoice::REQUIRED);
}

TEST(ResponseRequestTest, AnEarlierResponseIsTheJobThatThisOneFollows) {
  const ResponseRequest request = ReadFields(R"("previous_response_id":"resp_J1")");
  EXPECT_EQ(request.answer.spec.follows(), "J1");
  EXPECT_EQ(request.answer.names.InRequest("follows"), "previous_response_id");
  EXPECT_EQ(Refused(R"("input":"x","previous_response_id":"J1")").param, "previous_response_id");
  EXPECT_EQ(Refused(R"("input":"x","previous_response_id":"resp_J1","moa":{"follows":"J2"})").param,
            "moa.follows");
}

TEST(ResponseRequestTest, TheExtensionSaysWhatAJobFileCanSay) {
  const ResponseRequest request = ReadFields(
      R"("max_output_tokens":9,"moa":{"aggregator":{"seed":7},"deadline":"30s","progress":true})");
  EXPECT_EQ(request.answer.spec.moa().aggregator().seed(), 7u);
  EXPECT_EQ(request.answer.spec.moa().aggregator().max_completion_tokens(), 9u);
  EXPECT_EQ(request.answer.spec.deadline().seconds(), 30);
  EXPECT_TRUE(request.answer.progress);
}

TEST(ResponseRequestTest, AResponseRepeatsItsRequest) {
  const ResponseRequest request = ReadFields(R"("metadata":{"a":"b"},"temperature":null)");
  EXPECT_EQ(EchoOf(request, "metadata"), R"({"a":"b"})");
  EXPECT_EQ(EchoOf(request, "temperature"), "null");
  EXPECT_EQ(EchoOf(request, "tool_choice"), "\"auto\"");
  EXPECT_EQ(EchoOf(request, "text"), R"({"format":{"type":"text"}})");
}

TEST(ResponseRequestTest, WhatClientsSendUnaskedIsIgnored) {
  ReadFields(R"("user":"u","store":true,"service_tier":"auto","prompt_cache_key":"k","truncation":)"
             R"("disabled","include":["reasoning.encrypted_content"],"background":false,)"
             R"("stream_options":{"include_obfuscation":false},"max_tool_calls":3,"prompt":null)");
}

TEST(ResponseRequestTest, WhatIsNotSupportedIsRefusedWithItsField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("background":true)", "background"},
      {R"("conversation":"conv_1")", "conversation"},
      {R"("prompt":{"id":"p"})", "prompt"},
      {R"("truncation":"auto")", "truncation"},
      {R"("top_logprobs":2)", "top_logprobs"},
      {R"("include":["message.output_text.logprobs"])", "include[0]"},
      {R"("tools":[{"type":"web_search"}])", "tools[0].type"},
      {R"("tool_choice":{"type":"file_search"})", "tool_choice.type"},
      {R"("reasoning":{"effortt":"low"})", "reasoning.effortt"},
      {R"("text":{"format":{"type":"xml"}})", "text.format.type"},
      {R"("messages":[])", "messages"},
      {R"("temperature":"hot")", "temperature"}};
  for (const auto& [fields, param] : cases) {
    EXPECT_EQ(Refused(absl::StrCat(R"("input":"Why?",)", fields)).param, param) << fields;
  }
}

TEST(ResponseRequestTest, ItemsThatAreWrongAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"role":"tool","content":"x"})", "input[1].role"},
      {R"({"role":"user"})", "input[1].content"},
      {R"({"role":"user","content":[{"type":"input_image"}]})", "input[1].content[0].type"},
      {R"({"role":"user","content":[{"type":"input_text"}]})", "input[1].content[0].text"},
      {R"({"type":"web_search_call","id":"w"})", "input[1].type"},
      {R"({"type":"function_call","call_id":"c","arguments":"{}"})", "input[1].name"},
      {R"({"type":"function_call_output","output":"x"})", "input[1].call_id"},
      {R"({"role":"user","content":"x","colour":1})", "input[1].colour"},
      {R"(7)", "input[1]"},
      {R"(null)", "input[1]"}};
  for (const auto& [item, param] : cases) EXPECT_EQ(RefusedItem(item).param, param) << item;
  EXPECT_EQ(Refused(R"("input":[])").param, "input");
  EXPECT_EQ(Refused(R"("input":{})").param, "input");
  EXPECT_EQ(Refused(R"("stream":true)").param, "input");
  EXPECT_THAT(Refused(R"("input":7,"stream":"x")").message, HasSubstr("stream: must be"));
}

}  // namespace
}  // namespace moa::gateway
