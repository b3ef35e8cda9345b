#include "worker/upstream/request_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "worker/upstream/api_key.h"

namespace moa::upstream {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

MessagesJson User(absl::string_view content) {
  Message message;
  message.content = content;
  return MessagesJson::Encode({&message, 1});
}

std::string Json(const ChatRequest& request, absl::string_view provider = "cerebras") {
  RequestBody body;
  body.Assign(request, *FindProvider(provider));
  std::string json;
  body.Flatten(&json);
  EXPECT_EQ(json.size(), body.size());
  simdjson::dom::parser parser;
  EXPECT_EQ(parser.parse(json).error(), simdjson::SUCCESS) << json;
  return json;
}

TEST(MessagesJsonTest, EscapesRepairsAndKeepsNuls) {
  EXPECT_EQ(User(absl::string_view("a\"\\\n\x01\0z", 7)).view(),
            R"({"role":"user","content":"a\"\\\n\u0001\u0000z"})");
  EXPECT_EQ(User("x\xFFy\xF0\x9F\x98\x80").view(),
            "{\"role\":\"user\",\"content\":\"x\xEF\xBF\xBDy\xF0\x9F\x98\x80\"}");
}

TEST(MessagesJsonTest, WritesEveryRole) {
  const ToolCall call{.id = "1", .name = "f", .arguments = "{}"};
  Message messages[6];
  messages[0].role = Role::kSystem;
  messages[1].role = Role::kDeveloper;
  messages[2].role = Role::kUser;
  messages[2].name = "ann";
  messages[3].role = Role::kAssistant;
  messages[3].content = "hm";
  messages[3].reasoning = "because";
  messages[4].role = Role::kAssistant;
  messages[4].tool_calls = {&call, 1};
  messages[5].role = Role::kTool;
  messages[5].content = "42";
  messages[5].tool_call_id = "1";
  EXPECT_EQ(MessagesJson::Encode(messages).view(),
            R"({"role":"system","content":""},{"role":"developer","content":""},)"
            R"({"role":"user","content":"","name":"ann"},)"
            R"({"role":"assistant","content":"hm","reasoning":"because"},)"
            R"({"role":"assistant","tool_calls":[{"id":"1","type":"function",)"
            R"("function":{"name":"f","arguments":"{}"}}]},)"
            R"({"role":"tool","content":"42","tool_call_id":"1"})");
}

TEST(MessagesJsonTest, SpeaksAsTheProviderDoes) {
  Message messages[2];
  messages[0].role = Role::kDeveloper;
  messages[1].role = Role::kAssistant;
  messages[1].reasoning = "hm";
  const auto encoded = [&](const MessageStyle& style) {
    return std::string(MessagesJson::Encode(messages, style).view());
  };
  EXPECT_EQ(encoded({.reasoning_member = "", .developer_role = true}),
            R"({"role":"developer","content":""},{"role":"assistant","content":""})");
  EXPECT_EQ(encoded({.reasoning_member = "reasoning_content", .developer_role = false}),
            R"({"role":"system","content":""},)"
            R"({"role":"assistant","content":"","reasoning_content":"hm"})");
}

TEST(RequestBodyTest, SendsOnlyWhatIsSet) {
  ChatRequest request;
  request.model = "m";
  request.prompt = {User("hi")};
  EXPECT_EQ(Json(request), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  // Without tools these are refused by the provider.
  request.tool_choice.mode = ToolChoice::Mode::kAuto;
  request.parallel_tool_calls = true;
  EXPECT_EQ(Json(request), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
}

TEST(RequestBodyTest, SendsEveryField) {
  ChatRequest request;
  request.model = "m";
  request.stream = true;
  request.prompt = {User("a"), MessagesJson(), User("b")};
  request.temperature = 0.7;
  request.top_p = 1;
  request.max_completion_tokens = 800;
  request.seed = std::numeric_limits<uint64_t>::max();
  request.stop = {"x", "\n"};
  request.reasoning_effort = "low";
  request.frequency_penalty = -0.5;
  request.presence_penalty = 2;
  request.tools.resize(1);
  request.tools[0].name = "f";
  request.tools[0].description = "d";
  request.tools[0].parameters = R"({"type": "object"})";
  request.tools[0].strict = true;
  request.tool_choice.mode = ToolChoice::Mode::kFunction;
  request.tool_choice.function = "f";
  request.parallel_tool_calls = false;
  ASSERT_OK(Validate(request));
  EXPECT_EQ(
      Json(request),
      R"({"model":"m","stream":true,"temperature":0.7,"top_p":1.0,"max_completion_tokens":800,)"
      R"("seed":9223372036854775807,"stop":["x","\n"],"reasoning_effort":"low",)"
      R"("frequency_penalty":-0.5,"presence_penalty":2.0,"tools":[{"type":"function","function":)"
      R"({"name":"f","description":"d","parameters":{"type": "object"},"strict":true}}],)"
      R"("tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,)"
      R"("messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})");
}

// The same request in every dialect; what all have in common is tested above.
TEST(RequestBodyTest, SendsEachProviderWhatItUnderstands) {
  ChatRequest request;
  request.model = "m";
  request.stream = true;
  request.max_completion_tokens = 8;
  request.reasoning_effort = "low";
  request.prompt_cache_key = "job";
  request.prompt = {User("a")};
  const std::pair<const char*, const char*> cases[] = {
      {"cerebras", R"("stream":true,"max_completion_tokens":8,"reasoning_effort":"low")"},
      {"openai",
       R"("stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":8,)"
       R"("reasoning_effort":"low","prompt_cache_key":"job")"},
      {"vllm", R"("stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":8,)"
               R"("reasoning_effort":"low")"},
      {"ollama", R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":8,)"
                 R"("reasoning_effort":"low")"},
      {"llama.cpp", R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":8)"},
      {"compatible", R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":8,)"
                     R"("reasoning_effort":"low")"},
  };
  EXPECT_EQ(std::size(cases), Providers().size());
  for (const auto& [provider, fields] : cases) {
    EXPECT_EQ(
        Json(request, provider),
        absl::StrCat(R"({"model":"m",)", fields, R"(,"messages":[{"role":"user","content":"a"}]})"))
        << provider;
  }
  // Without streaming nobody is asked for a stream's usage.
  request.stream = false;
  EXPECT_THAT(Json(request, "vllm"), Not(HasSubstr("stream")));
}

TEST(RequestBodyTest, ReadsTheSameBytesInPiecesOfAnySizeFromAnyOffset) {
  ChatRequest request;
  request.model = "m";
  request.prompt = {User("first"), MessagesJson(), User("second"), User("third")};
  const std::string json = Json(request);
  RequestBody body;
  body.Assign(request, *FindProvider("cerebras"));
  for (size_t piece = 1; piece <= json.size() + 1; ++piece) {
    ASSERT_TRUE(body.Seek(0));
    std::string read;
    std::string buffer(piece, '\0');
    while (const size_t n = body.Read(buffer.data(), piece)) read.append(buffer, 0, n);
    ASSERT_EQ(read, json);
  }
  for (size_t offset = 0; offset <= json.size(); ++offset) {
    ASSERT_TRUE(body.Seek(offset));
    std::string buffer(json.size() + 1, '\0');
    buffer.resize(body.Read(buffer.data(), buffer.size()));
    ASSERT_EQ(buffer, json.substr(offset)) << offset;
  }
  EXPECT_FALSE(body.Seek(json.size() + 1));
}

TEST(RequestBodyTest, CompressesForGzip) {
  const std::string text(100000, 'x');
  ASSERT_OK_AND_ASSIGN(const std::string compressed, Gzip(text));
  EXPECT_LT(compressed.size(), 1000u);
  std::string out(text.size() + 1, '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  EXPECT_EQ(out, text);
}

TEST(ValidateTest, NamesWhatIsWrong) {
  ChatRequest request;
  EXPECT_THAT(Validate(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model")));
  request.model = "m";
  request.prompt = {MessagesJson()};
  EXPECT_THAT(Validate(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("message")));
  request.prompt = {User("x")};
  EXPECT_OK(Validate(request));
  request.top_p = std::nan("");
  EXPECT_THAT(Validate(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("top_p")));
  request.top_p = 1;
  request.tools.resize(1);
  EXPECT_THAT(Validate(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tool")));
  request.tools[0].name = "f";
  for (const char* parameters : {"[]", "{", "{} {}", "x", "{},\"stream\":1"}) {
    request.tools[0].parameters = parameters;
    EXPECT_THAT(Validate(request),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("JSON object")))
        << parameters;
  }
}

class ApiKeyTest : public testing::Test {
 protected:
  void Write(absl::string_view text) { std::ofstream(path_) << std::string(text); }
  ~ApiKeyTest() override { std::remove(path_.c_str()); }
  const std::string path_ = testing::TempDir() + "/moa_api_key_test." + std::to_string(getpid());
};

TEST_F(ApiKeyTest, IsReadAgainFromItsFile) {
  const ApiKey key = ApiKey::FromFile(path_);
  EXPECT_THAT(key.Read(), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  Write("csk-1\n");
  ASSERT_OK_AND_ASSIGN(std::string text, key.Read());
  EXPECT_EQ(text, "csk-1");
  Write("  csk-2");
  ASSERT_OK_AND_ASSIGN(text, key.Read());
  EXPECT_EQ(text, "csk-2");
}

TEST_F(ApiKeyTest, RefusesWhatIsNoKeyWithoutShowingIt) {
  for (const std::string& text : {std::string(), std::string(" \n"), std::string("secret one"),
                                  std::string("secret\nHost: x"), std::string("secret\xC3\xBC"),
                                  "secret" + std::string(10000, 'x')}) {
    Write(text);
    EXPECT_THAT(ApiKey::FromFile(path_).Read(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(path_), Not(HasSubstr("secret")))));
  }
  EXPECT_THAT(ApiKey::FromString("a b").Read(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(ApiKey::FromFile("/").Read().ok());
  ASSERT_OK_AND_ASSIGN(const std::string none, ApiKey().Read());
  EXPECT_EQ(none, "");
}

}  // namespace
}  // namespace moa::upstream
