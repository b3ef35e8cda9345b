#include "worker/upstream/reply_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tests/worker/upstream/recorded_replies.h"

namespace moa::upstream {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::Status Add(absl::string_view data, StreamedReply* reply, absl::string_view type = "") {
  static ReplyReader reader;
  return reader.AddEvent({type, data}, reply);
}

std::string Delta(absl::string_view members) {
  return absl::StrCat(R"({"id":"c","choices":[{"delta":{)", members, R"(},"index":0}]})");
}

TEST(ReplyReaderTest, ReadsEveryFieldOfAWholeReply) {
  ReplyReader reader;
  Completion completion;
  std::optional<ProviderError> error;
  ASSERT_OK(reader.ReadWhole(kWholeReply, &completion, &error));
  EXPECT_FALSE(error);
  EXPECT_EQ(completion.content, "4.");
  EXPECT_EQ(completion.reasoning, "User asks a sum.");
  EXPECT_EQ(completion.finish_reason, "stop");
  const Usage usage{.prompt_tokens = 79,
                    .completion_tokens = 37,
                    .total_tokens = 116,
                    .cached_tokens = 64,
                    .reasoning_tokens = 25,
                    .accepted_prediction_tokens = 2,
                    .rejected_prediction_tokens = 3,
                    .image_tokens = 5};
  EXPECT_EQ(completion.usage, usage);
  EXPECT_EQ(completion.time_info.queue_seconds, 0.5);
  EXPECT_EQ(completion.time_info.prompt_seconds, 0.25);
  EXPECT_EQ(completion.time_info.completion_seconds, 1.5);
  EXPECT_EQ(completion.time_info.total_seconds, 2.5);
  EXPECT_EQ(completion.response_id, "chatcmpl-1");
  EXPECT_EQ(completion.response_model, "gpt-oss-120b");
  EXPECT_EQ(completion.system_fingerprint, "fp_1");
  EXPECT_EQ(completion.service_tier_used, "flex");
}

TEST(ReplyReaderTest, ReadsAWholeReplyThatCallsTools) {
  ReplyReader reader;
  Completion completion;
  std::optional<ProviderError> error;
  ASSERT_OK(reader.ReadWhole(
      R"({"choices":[{"finish_reason":"tool_calls","message":{"content":null,"tool_calls":[
         {"id":"a1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
         {"id":"a2","type":"function","function":{"name":"g","arguments":""}}]}}]})",
      &completion, &error));
  ASSERT_EQ(completion.tool_calls.size(), 2u);
  EXPECT_EQ(completion.tool_calls[0].arguments, "{\"x\":1}");
  EXPECT_EQ(completion.tool_calls[1].id, "a2");
  EXPECT_EQ(completion.tool_calls[1].name, "g");
}

TEST(ReplyReaderTest, ToleratesAbsentAndOddMembers) {
  ReplyReader reader;
  Completion completion;
  std::optional<ProviderError> error;
  ASSERT_OK(reader.ReadWhole(R"({"choices":[{}]})", &completion, &error));
  ASSERT_OK(reader.ReadWhole(
      R"({"choices":[{"message":null,"finish_reason":null}],"usage":null,"time_info":7,"id":3,
         "error":null})",
      &completion, &error));
  ASSERT_OK(reader.ReadWhole(
      R"({"choices":[{"message":{"content":"x"}}],
         "usage":{"prompt_tokens":-4,"completion_tokens":12.0,"prompt_tokens_details":null},
         "time_info":{"queue_time":1}})",
      &completion, &error));
  EXPECT_FALSE(error);
  EXPECT_EQ(completion.usage.prompt_tokens, 0u);
  EXPECT_EQ(completion.usage.completion_tokens, 12u);
  EXPECT_EQ(completion.time_info.queue_seconds, 1);
}

TEST(ReplyReaderTest, RefusesAWholeReplyThatIsNotTheApis) {
  ReplyReader reader;
  Completion completion;
  std::optional<ProviderError> error;
  for (const char* body : {"", "{", "[]", "null", "{}", R"({"choices":[]})", R"({"choices":3})",
                           "<html>", R"({"choices":[{"message":{"content":"cut)"}) {
    EXPECT_THAT(reader.ReadWhole(body, &completion, &error),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << body;
  }
  EXPECT_FALSE(error);
}

TEST(ReplyReaderTest, FindsAnErrorObjectInPlaceOfAReply) {
  ReplyReader reader;
  Completion completion;
  std::optional<ProviderError> error;
  ASSERT_OK(reader.ReadWhole(R"({"message":"no","type":"t","param":"p","code":"c"})", &completion,
                             &error));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "c");
}

TEST(ReplyReaderTest, AccumulatesAStream) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta(R"("role":"assistant")"), &reply));
  EXPECT_EQ(reply.chunks, 0u);
  ASSERT_OK(Add(Delta(R"("content":"a","reasoning":"r")"), &reply));
  EXPECT_GT(reply.chunks, 0u);
  ASSERT_OK(Add(Delta(R"("content":"b","reasoning":null)"), &reply));
  ASSERT_OK(Add(R"({"choices":[{"delta":{"content":"c"},"finish_reason":"length"}]})", &reply));
  ASSERT_OK(Add(R"({"choices":[],"usage":{"total_tokens":9}})", &reply));
  EXPECT_FALSE(reply.done);
  ASSERT_OK(Add("[DONE]", &reply));
  EXPECT_TRUE(reply.done);
  EXPECT_EQ(reply.completion.content, "abc");
  EXPECT_EQ(reply.completion.reasoning, "r");
  EXPECT_EQ(reply.completion.finish_reason, "length");
  EXPECT_EQ(reply.completion.usage.total_tokens, 9u);
}

// Under either name, and once where a server sends both.
TEST(ReplyReaderTest, TakesReasoningByItsOtherName) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta(R"("reasoning_content":"a","content":null)"), &reply));
  EXPECT_GT(reply.chunks, 0u);
  ASSERT_OK(Add(Delta(R"("reasoning_content":"b","reasoning":"b")"), &reply));
  ASSERT_OK(Add(Delta(R"("reasoning":"c","reasoning_content":"c")"), &reply));
  ASSERT_OK(Add(Delta(R"("reasoning":null,"reasoning_content":"d")"), &reply));
  ASSERT_OK(Add(Delta(R"("reasoning_content":null)"), &reply));
  EXPECT_EQ(reply.completion.reasoning, "abcd");
  EXPECT_EQ(reply.completion.content, "");
}

TEST(ReplyReaderTest, PutsToolCallsTogetherByIndex) {
  StreamedReply reply;
  ASSERT_OK(
      Add(Delta(R"("tool_calls":[{"function":{"name":"f","arguments":""},"id":"1","index":0}])"),
          &reply));
  EXPECT_GT(reply.chunks, 0u);
  ASSERT_OK(
      Add(Delta(R"("tool_calls":[{"function":{"name":"g","arguments":"{"},"id":"2","index":1}])"),
          &reply));
  ASSERT_OK(Add(Delta(R"("tool_calls":[{"function":{"arguments":"{\""},"index":0}])"), &reply));
  ASSERT_OK(
      Add(Delta(R"("tool_calls":[{"id":"","function":{"arguments":"}"},"index":1}])"), &reply));
  ASSERT_OK(Add(Delta(R"("tool_calls":[{"index":99999999,"id":"x"}])"), &reply));
  ASSERT_EQ(reply.completion.tool_calls.size(), 2u);
  EXPECT_EQ(reply.completion.tool_calls[0].name, "f");
  EXPECT_EQ(reply.completion.tool_calls[0].arguments, "{\"");
  EXPECT_EQ(reply.completion.tool_calls[1].id, "2");
  EXPECT_EQ(reply.completion.tool_calls[1].arguments, "{}");
}

TEST(ReplyReaderTest, CountsTheFirstChoiceOnly) {
  StreamedReply reply;
  ASSERT_OK(Add(
      R"({"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}]})",
      &reply));
  EXPECT_EQ(reply.completion.content, "yes");
}

TEST(ReplyReaderTest, StopsAtAnErrorObjectOrEvent) {
  StreamedReply reply;
  ASSERT_OK(Add(R"({"status_code":503,"error":{"message":"m","type":"server_error","code":""}})",
                &reply));
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->status_code, 503);
  EXPECT_EQ(reply.error->message, "m");
  ASSERT_OK(Add("[DONE]", &reply));
  EXPECT_FALSE(reply.done);

  StreamedReply typed;
  ASSERT_OK(Add(R"({"code":"queue_exceeded","message":"busy"})", &typed, "error"));
  ASSERT_TRUE(typed.error);
  EXPECT_EQ(typed.error->code, "queue_exceeded");

  StreamedReply words;
  ASSERT_OK(Add("out of luck", &words, "error"));
  ASSERT_TRUE(words.error);
  EXPECT_EQ(words.error->message, "out of luck");
}

TEST(ReplyReaderTest, RefusesBrokenPiecesAndLeavesTheReply) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta(R"("content":"a")"), &reply));
  EXPECT_THAT(Add(R"({"choices":[{"delta":{"content":"b)", &reply),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not JSON")));
  EXPECT_THAT(Add("[1]", &reply), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(Add("", &reply));
  EXPECT_OK(Add(R"({"object":"ping"})", &reply));
  EXPECT_EQ(reply.completion.content, "a");
  EXPECT_FALSE(reply.error);
}

// A provider that cuts a character of four bytes in two pieces: each piece alone is not UTF-8.
TEST(ReplyReaderTest, HealsACharacterThatWasCutBetweenPieces) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta("\"content\":\"x\xF0\x9F\""), &reply));
  ASSERT_OK(Add(Delta("\"content\":\"\x98\x80y\""), &reply));
  EXPECT_EQ(reply.completion.content, "x\xF0\x9F\x98\x80y");
}

TEST(ReplyReaderTest, KeepsIllFormedBytesAndNuls) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta("\"content\":\"a\xFF\xC3\\u0000\xEF\xB7\x90z\""), &reply));
  EXPECT_EQ(reply.completion.content, std::string("a\xFF\xC3\0\xEF\xB7\x90z", 8));
}

TEST(ReplyReaderTest, ReplacesLoneSurrogateEscapes) {
  StreamedReply reply;
  ASSERT_OK(Add(Delta(R"("content":"a\ud83dz \ud83d\ude00 \\ud83d")"), &reply));
  EXPECT_EQ(reply.completion.content, "a\xEF\xBF\xBDz \xF0\x9F\x98\x80 \\ud83d");
}

TEST(ReplyReaderTest, ReadsModelsSorted) {
  ReplyReader reader;
  std::vector<std::string> models;
  ASSERT_OK(reader.ReadModels(R"({"object":"list","data":[{"id":"b"},{"id":"a"},{},{"id":""}]})",
                              &models));
  EXPECT_THAT(models, ElementsAre("a", "b"));
  EXPECT_THAT(reader.ReadModels("{}", &models), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReplyReaderTest, ReadsErrorsFlatNestedAndAsPages) {
  ReplyReader reader;
  const ProviderError flat = reader.ReadError(
      R"({"message":"Wrong API Key","type":"invalid_request_error","param":"api_key","code":"wrong_api_key"})");
  EXPECT_EQ(flat.code, "wrong_api_key");
  EXPECT_EQ(flat.message, "Wrong API Key");
  EXPECT_EQ(flat.param, "api_key");
  const ProviderError nested =
      reader.ReadError(R"({"error":{"message":"m","type":"t","code":1010},"status_code":429})");
  EXPECT_EQ(nested.code, "1010");
  EXPECT_EQ(nested.status_code, 429);
  EXPECT_EQ(reader.ReadError(R"({"error":"words"})").message, "words");
  const ProviderError page = reader.ReadError(
      "<html><head><title>Access  denied</title></head>\n<body><h1>error code: 1010</h1></body>");
  EXPECT_EQ(page.message, "Access denied error code: 1010");
  EXPECT_EQ(reader.ReadError("").message, "");
  EXPECT_LE(reader.ReadError(std::string(100000, 'x')).message.size(), 200u);
}

}  // namespace
}  // namespace moa::upstream
