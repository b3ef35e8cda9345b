#include "client/gateway/response_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/document/document.h"

namespace moa::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const AnswerHead kHead = {.job_id = "J1", .model = "moa", .created_seconds = 7};
const ResponseEcho kEcho = {{"metadata", "{\"a\":\"b\"}"}};

JobFacts Facts() {
  JobFacts facts;
  facts.usage.mutable_tokens()->set_prompt_tokens(3);
  facts.usage.mutable_tokens()->set_completion_tokens(4);
  facts.usage.mutable_tokens()->set_total_tokens(7);
  facts.usage.mutable_tokens()->set_cached_tokens(1);
  facts.usage.mutable_tokens()->set_reasoning_tokens(2);
  facts.usage.set_upstream_calls(5);
  return facts;
}

v1::Completion Answer(const std::string& content, const std::string& reasoning = "") {
  v1::Completion answer;
  answer.set_content(content);
  answer.set_reasoning(reasoning);
  answer.set_finish_reason("stop");
  return answer;
}

// The types of a stream's events, after a look at each: it is named by its type, and numbered without gaps.
std::vector<std::string> TypesOf(const std::string& stream) {
  std::vector<std::string> types;
  for (absl::string_view event : absl::StrSplit(stream, "\n\n", absl::SkipEmpty())) {
    const std::vector<absl::string_view> lines = absl::StrSplit(event, '\n');
    EXPECT_EQ(lines.size(), 2u) << stream;
    absl::string_view name = lines[0];
    absl::string_view data = lines[1];
    EXPECT_TRUE(absl::ConsumePrefix(&name, "event: response.")) << stream;
    EXPECT_TRUE(absl::ConsumePrefix(&data, "data: ")) << stream;
    Problems problems;
    const auto document = ReadJson(data, "data", problems);
    if (!document) {
      ADD_FAILURE() << problems.ToString() << data;
      continue;
    }
    EXPECT_EQ(document->root.Find("type")->text, "response." + std::string(name));
    EXPECT_EQ(document->root.Find("sequence_number")->text, std::to_string(types.size()));
    types.emplace_back(name);
  }
  return types;
}

TEST(ResponseFormTest, AWholeResponseIsOpenAis) {
  EXPECT_EQ(ResponseForm(kEcho).Whole(kHead, Answer("Yes\xFF", "hm"), Facts()),
            R"({"id":"resp_J1","object":"response","created_at":7,"status":"completed",)"
            R"("background":false,"error":null,"incomplete_details":null,"model":"moa","output":[)"
            R"({"id":"rs_J1","type":"reasoning","status":"completed","summary":[],"content":[)"
            R"({"type":"reasoning_text","text":"hm"}]},{"id":"msg_J1","type":"message",)"
            R"("status":"completed","role":"assistant","content":[{"type":"output_text",)"
            R"("text":"Yes�","annotations":[],"logprobs":[]}]}],"metadata":{"a":"b"},"usage":)"
            R"({"input_tokens":3,"input_tokens_details":{"cached_tokens":1},"output_tokens":4,)"
            R"("output_tokens_details":{"reasoning_tokens":2},"total_tokens":7},"moa":{)"
            R"("job_id":"J1","degraded":false,"upstream_calls":5,"cost_usd":0.0}})");
}

TEST(ResponseFormTest, AnAnswerThatWasCutIsIncomplete) {
  v1::Completion answer = Answer("Yes");
  answer.set_finish_reason("length");
  const std::string whole = ResponseForm({}).Whole(kHead, answer, Facts());
  EXPECT_THAT(whole, HasSubstr(R"("status":"incomplete","background")"));
  EXPECT_THAT(whole, HasSubstr(R"("incomplete_details":{"reason":"max_output_tokens"})"));
  ResponseForm form({});
  std::string stream = form.Text(kHead, {.content = "Yes"});
  stream += form.End(kHead, answer, Facts());
  EXPECT_THAT(stream, HasSubstr("event: response.incomplete\n"));
}

TEST(ResponseFormTest, TextComesInPiecesBetweenTheEventsOfItsItem) {
  ResponseForm form(kEcho);
  std::string stream = form.Text(kHead, {.reasoning = "h"});
  stream += form.Text(kHead, {.reasoning = "m"});
  stream += form.Text(kHead, {.content = "Be"});
  stream += form.Text(kHead, {.content = "cause"});
  stream += form.End(kHead, Answer("Because", "hm"), Facts());
  EXPECT_THAT(TypesOf(stream),
              ElementsAre("created", "in_progress",                                           //
                          "output_item.added", "content_part.added", "reasoning_text.delta",  //
                          "reasoning_text.delta", "reasoning_text.done", "content_part.done",
                          "output_item.done",  //
                          "output_item.added", "content_part.added", "output_text.delta",
                          "output_text.delta", "output_text.done", "content_part.done",
                          "output_item.done", "completed"));
  EXPECT_THAT(stream, HasSubstr(R"("item_id":"msg_J1","output_index":1,"content_index":0,)"
                                R"("delta":"cause","logprobs":[]})"));
  // The last event has what the whole answer would have been.
  const std::string whole = ResponseForm(kEcho).Whole(kHead, Answer("Because", "hm"), Facts());
  EXPECT_THAT(stream, HasSubstr("\"response\":" + whole + "}\n\n"));
}

// Thoughts that come after the text has begun have no place in the order of the output.
TEST(ResponseFormTest, TheEndSaysWhatWasTold) {
  ResponseForm form({});
  std::string stream = form.Text(kHead, {.content = "Be"});
  stream += form.Text(kHead, {.content = "cause", .reasoning = "hm"});
  stream += form.End(kHead, Answer("Because", "hm"), Facts());
  EXPECT_THAT(stream, Not(HasSubstr("reasoning_text")));
}

TEST(ResponseFormTest, CallsStandForTheMessage) {
  v1::Completion answer = Answer("");
  for (const char* id : {"c0", "c1"}) {
    v1::ToolCall* call = answer.add_tool_calls();
    call->set_id(id);
    call->set_name("f");
    call->set_arguments("{}");
  }
  ResponseForm form({});
  std::string stream = form.Text(kHead, {});
  stream += form.End(kHead, answer, Facts());
  EXPECT_THAT(TypesOf(stream),
              ElementsAre("created", "in_progress",  //
                          "output_item.added", "function_call_arguments.delta",
                          "function_call_arguments.done", "output_item.done", "output_item.added",
                          "function_call_arguments.delta", "function_call_arguments.done",
                          "output_item.done", "completed"));
  EXPECT_THAT(stream, HasSubstr(R"("output_index":1,"item":{"id":"fc_J1_1","type":)"
                                R"("function_call","status":"completed","call_id":"c1",)"
                                R"("name":"f","arguments":"{}"})"));
}

TEST(ResponseFormTest, AnEmptyAnswerIsAMessageAllTheSame) {
  ResponseForm form({});
  std::string stream = form.Text(kHead, {});
  stream += form.End(kHead, Answer(""), Facts());
  EXPECT_THAT(TypesOf(stream), ElementsAre("created", "in_progress", "output_item.added",
                                           "content_part.added", "output_text.done",
                                           "content_part.done", "output_item.done", "completed"));
}

TEST(ResponseFormTest, TheFirstSignOfLifeIsTheResponseItself) {
  ResponseForm form({});
  EXPECT_THAT(TypesOf(form.SignOfLife(kHead)), ElementsAre("created", "in_progress"));
  EXPECT_EQ(form.SignOfLife(kHead), ": keep-alive\n\n");
  EXPECT_THAT(form.Text(kHead, {.content = "a"}), Not(HasSubstr("response.created")));
}

TEST(ResponseFormTest, AFailureIsTheLastEvent) {
  ResponseForm form({});
  const std::string stream = form.Fail(
      kHead, {.status = 502, .message = "broke off", .code = "answer_interrupted"}, JobFacts());
  EXPECT_THAT(TypesOf(stream), ElementsAre("created", "in_progress", "failed"));
  EXPECT_THAT(stream, HasSubstr(R"("error":{"code":"answer_interrupted","message":"broke off"})"));
  EXPECT_THAT(stream, HasSubstr(R"("usage":null)"));
}

}  // namespace
}  // namespace moa::gateway
