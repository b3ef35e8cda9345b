#include "worker/upstream/upstream_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tests/worker/upstream/client_rig.h"
#include "tests/worker/upstream/recorded_replies.h"
#include "tests/worker/upstream/scripted_server.h"

namespace moa::upstream {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Answers every request of a connection with `reply`; keeps the last request.
struct Answering {
  explicit Answering(std::string reply)
      : server([this, reply = std::move(reply)](ScriptedConnection& connection) {
          for (std::string text = connection.ReadRequest(); !text.empty();
               text = connection.ReadRequest()) {
            {
              MutexLock lock(mutex);
              request = text;
            }
            connection.Send(reply);
          }
        }) {}
  std::string last_request() {
    MutexLock lock(mutex);
    return request;
  }
  Mutex mutex;
  std::string request ABSL_GUARDED_BY(mutex);
  ScriptedServer server;
};

TEST(UpstreamClientTest, MakesAWholeCall) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply,
                          "x-ratelimit-limit-requests-minute: 450\r\n"));
  ClientRig rig(api.server.url() + "/v1/");
  const auto call = rig.Start(SimpleRequest());
  const CallResult result = call->Result();
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.completion().content, "4.");
  EXPECT_EQ(result.completion().usage.completion_tokens, 37u);
  EXPECT_EQ(result.rate_limits.requests_minute.limit, 450u);
  EXPECT_GT(result.run_time, absl::ZeroDuration());
  EXPECT_EQ(result.time_to_first_token, absl::ZeroDuration());
  EXPECT_EQ(call->content(), "");
  const std::string request = api.last_request();
  EXPECT_THAT(request,
              AllOf(HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"),
                    HasSubstr("Authorization: Bearer csk-secret\r\n"),
                    HasSubstr("Content-Type: application/json\r\n"),
                    HasSubstr("User-Agent: moa-worker/0.1.0\r\n"), Not(HasSubstr("Expect")),
                    HasSubstr(R"("messages":[{"role":"user","content":"2+2?"}])")));
}

TEST(UpstreamClientTest, StreamsWhereverTheSegmentsAreCut) {
  const std::string stream = kStream;
  std::atomic<size_t> cut{0};
  ScriptedServer server([&](ScriptedConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      const std::string reply = StreamHead() + Chunk(stream) + Chunk("");
      const size_t at = StreamHead().size() + cut.load();
      connection.Send(reply.substr(0, at));
      connection.Send(reply.substr(at));
    }
  });
  ClientRig rig(server.url());
  for (size_t i = 0; i <= stream.size() + 10; ++i) {
    cut = i;
    const auto call = rig.Start(SimpleRequest(true));
    const CallResult result = call->Result();
    ASSERT_TRUE(result.ok()) << i << ": " << result.error().error.message;
    ASSERT_EQ(result.completion().content, kStreamContent) << i;
    ASSERT_EQ(result.completion().reasoning, kStreamReasoning) << i;
    ASSERT_EQ(call->content(), kStreamContent) << i;
    ASSERT_EQ(call->reasoning(), kStreamReasoning) << i;
    ASSERT_TRUE(call->deltas_are_whole()) << i;
    ASSERT_EQ(call->done_count(), 1) << i;
    ASSERT_GT(result.time_to_first_token, absl::ZeroDuration());
    ASSERT_LE(result.time_to_first_token, result.run_time);
    ASSERT_EQ(result.completion().usage.total_tokens, 104u);
    ASSERT_EQ(result.completion().finish_reason, "stop");
    ASSERT_EQ(result.completion().response_id, "chatcmpl-2");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(UpstreamClientTest, StreamsByteByByte) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead());
    for (const char c : std::string(kStream)) connection.Send(Chunk({&c, 1}));
    connection.Send(Chunk(""));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  EXPECT_TRUE(call->Result().ok());
  EXPECT_EQ(call->content(), kStreamContent);
  EXPECT_TRUE(call->deltas_are_whole());
}

// A provider that cuts a character between two pieces: the first half waits for the second.
TEST(UpstreamClientTest, DeltasNeverCutACodePoint) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead());
    connection.Send(Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\xF0\x9F\"}}]}\n\n"));
    connection.Send(Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"\x98\x80\"}}]}\n\n"));
    connection.Send(Chunk("data: [DONE]\n\n") + Chunk(""));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  EXPECT_EQ(call->Result().completion().content, "x\xF0\x9F\x98\x80");
  EXPECT_EQ(call->content(), "x\xF0\x9F\x98\x80");
  EXPECT_TRUE(call->deltas_are_whole());
}

TEST(UpstreamClientTest, DeliversAnIncompleteCodePointAtTheEnd) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead());
    connection.Send(Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\xF0\x9F\"}}]}\n\n"));
    connection.Send(Chunk("data: [DONE]\n\n") + Chunk(""));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  EXPECT_EQ(call->Result().completion().content, "x\xF0\x9F");
  EXPECT_EQ(call->content(), "x\xF0\x9F");
}

TEST(UpstreamClientTest, ShowsTheTextSoFarOfARunningCall) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead());
    connection.Send(Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"so far\"}}]}\n\n"));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  ASSERT_TRUE(call->WaitForContent("so far"));
  rig.Run([&](UpstreamClient& client) {
    const auto progress = client.Progress(call->id);
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->content, "so far");
    EXPECT_EQ(progress->reasoning, "");
    EXPECT_LE(progress->last_byte_time, Loop::Now());
    EXPECT_GT(progress->last_byte_time, absl::InfinitePast());
    EXPECT_EQ(client.calls_in_flight(), 1u);
    EXPECT_FALSE(client.Progress(call->id + 1));
  });
}

TEST(UpstreamClientTest, TakesAWholeReplyToAStreamedCall) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  ClientRig rig(api.server.url());
  const auto call = rig.Start(SimpleRequest(true));
  EXPECT_EQ(call->Result().completion().content, "4.");
  EXPECT_EQ(call->content(), "4.");
  EXPECT_EQ(call->reasoning(), "User asks a sum.");
}

TEST(UpstreamClientTest, ReusesItsConnection) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  ClientRig rig(api.server.url());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(rig.Start(SimpleRequest())->Result().ok());
  EXPECT_EQ(api.server.connections(), 1);
}

// The server closes each connection after its reply, without saying so in the headers.
TEST(UpstreamClientTest, OpensANewConnectionWhereTheKeptOneWasClosed) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(HttpReply("200 OK", "application/json", kWholeReply));
  });
  ClientRig rig(server.url());
  for (int i = 0; i < 10; ++i) {
    const CallResult result = rig.Start(SimpleRequest())->Result();
    EXPECT_TRUE(result.ok()) << result.error().error.message;
  }
  EXPECT_EQ(server.connections(), 10);
}

TEST(UpstreamClientTest, RunsTwoHundredCallsAtOnce) {
  std::atomic<int> waiting{0};
  std::atomic<bool> go{false};
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    ++waiting;
    while (!go.load() && waiting.load() < 200) std::this_thread::yield();
    go = true;
    if (connection.number() % 2 == 0) {
      connection.Send(HttpReply("200 OK", "application/json", kWholeReply));
    } else {
      connection.Send(StreamHead() + Chunk(kStream) + Chunk(""));
    }
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  std::vector<std::shared_ptr<RecordedCall>> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(rig.Start(SimpleRequest(true)));
  for (const auto& call : calls) {
    const CallResult result = call->Result();
    EXPECT_TRUE(result.ok()) << result.error().error.message;
    EXPECT_EQ(call->done_count(), 1);
  }
  EXPECT_EQ(server.connections(), 200);
}

// Bodies on both sides of the size from which they are read piece by piece.
TEST(UpstreamClientTest, SendsLargePromptsWhole) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  ClientRig rig(api.server.url());
  for (const size_t size : {size_t{60000}, size_t{70000}, size_t{6} << 20}) {
    ChatRequest request = SimpleRequest(false, std::string(size, 'x'));
    request.prompt.push_back(request.prompt[0]);
    request.prompt.push_back(SimpleRequest(false, "the end").prompt[0]);
    ASSERT_TRUE(rig.Start(request)->Result().ok());
    const std::string text = api.last_request();
    EXPECT_TRUE(absl::EndsWith(text, R"("content":"the end"}]})"));
    const std::string once =
        absl::StrCat(R"({"role":"user","content":")", std::string(size, 'x'), R"("})");
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("[", once, ",", once, ",{")));
  }
}

TEST(UpstreamClientTest, CompressesBodiesFromTheGivenSizeOn) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
  options.provider = "cerebras";
  options.gzip_from_bytes = 1000;
  ClientRig rig(options);
  ASSERT_TRUE(rig.Start(SimpleRequest(false, std::string(100000, 'x')))->Result().ok());
  const std::string compressed = api.last_request();
  EXPECT_THAT(compressed, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_LT(compressed.size(), 2000u);
  ASSERT_TRUE(rig.Start(SimpleRequest())->Result().ok());
  EXPECT_THAT(api.last_request(), Not(HasSubstr("gzip")));
}

// As vLLM and others stream: reasoning by its other name, usage in a piece of its own without a choice.
TEST(UpstreamClientTest, ReadsAStreamOfAnotherServer) {
  std::string stream = StreamHead();
  for (
      const char* data :
      {R"({"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null})",
       R"({"id":"1","choices":[{"index":0,"delta":{"reasoning_content":"Add."}}]})",
       R"({"id":"1","choices":[{"index":0,"delta":{"content":"4"},"finish_reason":null}]})",
       R"({"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":null}]})",
       R"({"id":"1","choices":[],"usage":{"prompt_tokens":5,"total_tokens":9,"completion_tokens":4,"prompt_tokens_details":null}})",
       "[DONE]"}) {
    stream += Chunk(absl::StrCat("data: ", data, "\n\n"));
  }
  Answering api(stream + Chunk(""));
  UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
  options.provider = "vllm";
  options.api_key = ApiKey();
  ClientRig rig(options);
  const CallResult result = rig.Start(SimpleRequest(true))->Result();
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.completion().content, "4");
  EXPECT_EQ(result.completion().reasoning, "Add.");
  EXPECT_EQ(result.completion().finish_reason, "stop");
  EXPECT_EQ(result.completion().usage.total_tokens, 9u);
  EXPECT_EQ(result.received_bytes, 5u);
  EXPECT_THAT(api.last_request(), AllOf(HasSubstr("POST /v1/chat/completions HTTP/1.1"),
                                        HasSubstr(R"("stream_options":{"include_usage":true})"),
                                        Not(HasSubstr("Authorization"))));
}

TEST(UpstreamClientTest, SendsAPromptCacheKeyWhereItIsAllowed) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  for (const bool allowed : {false, true}) {
    UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
    options.provider = "cerebras";
    options.prompt_cache_key = allowed;
    ClientRig rig(options);
    ChatRequest request = SimpleRequest();
    request.prompt_cache_key = "job-1";
    ASSERT_TRUE(rig.Start(std::move(request))->Result().ok());
    EXPECT_EQ(absl::StrContains(api.last_request(), R"("prompt_cache_key":"job-1")"), allowed);
  }
}

// Servers that do not know the warming path get a question that all know.
TEST(UpstreamClientTest, WarmsUpAsTheProviderLikes) {
  for (const auto& [provider, path] :
       {std::pair<const char*, const char*>{"cerebras", "GET /v1/tcp_warming "},
        {"ollama", "GET /v1/models "}}) {
    Answering api(HttpReply("200 OK", "application/json", "{}"));
    UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
    options.provider = provider;
    ClientRig rig(options);
    rig.Run([](UpstreamClient& client) { client.WarmUp(3); });
    const absl::Time limit = absl::Now() + absl::Seconds(30);
    while ((api.server.connections() < 3 || api.last_request().empty()) && absl::Now() < limit) {
      std::this_thread::yield();
    }
    EXPECT_EQ(api.server.connections(), 3);
    EXPECT_THAT(api.last_request(), HasSubstr(path));
  }
}

TEST(UpstreamClientTest, ListsModels) {
  Answering api(
      HttpReply("200 OK", "application/json",
                R"({"object":"list","data":[{"id":"qwen-3.8-27b"},{"id":"gpt-oss-120b"}]})"));
  ClientRig rig(api.server.url());
  rig.Run([](UpstreamClient& client) { client.WarmUp(); });
  const ModelsResult result = rig.ListModels();
  EXPECT_FALSE(result.error);
  EXPECT_THAT(result.models, ElementsAre("gpt-oss-120b", "qwen-3.8-27b"));
  EXPECT_THAT(api.last_request(), AllOf(HasSubstr("GET /v1/"), HasSubstr("Bearer csk-secret")));
}

TEST(UpstreamClientTest, ReportsWhyModelsCannotBeListed) {
  Answering api(HttpReply("401 Unauthorized", "application/json",
                          R"({"message":"Wrong API Key","code":"wrong_api_key"})"));
  ClientRig rig(api.server.url());
  const ModelsResult result = rig.ListModels();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->error.code, ErrorCode::kUnauthorized);
}

TEST(UpstreamClientTest, CarriesAReloadedKeyAndKeepsTheOldOneOnAnError) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  const std::string path = testing::TempDir() + "/moa_reload_key." + std::to_string(getpid());
  std::ofstream(path) << "csk-one";
  UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
  options.api_key = ApiKey::FromFile(path);
  ClientRig rig(options);
  rig.Start(SimpleRequest())->Result();
  EXPECT_THAT(api.last_request(), HasSubstr("Bearer csk-one\r\n"));
  std::ofstream(path) << "csk-two";
  rig.Run([](UpstreamClient& client) { EXPECT_OK(client.ReloadApiKey()); });
  rig.Start(SimpleRequest())->Result();
  EXPECT_THAT(api.last_request(), HasSubstr("Bearer csk-two\r\n"));
  std::remove(path.c_str());
  rig.Run([](UpstreamClient& client) { EXPECT_FALSE(client.ReloadApiKey().ok()); });
  rig.Start(SimpleRequest())->Result();
  EXPECT_THAT(api.last_request(), HasSubstr("Bearer csk-two\r\n"));
}

TEST(UpstreamClientTest, SendsNoAuthorizationWithoutAKey) {
  Answering api(HttpReply("200 OK", "application/json", kWholeReply));
  UpstreamOptions options = ClientRig::OptionsFor(api.server.url());
  options.api_key = ApiKey();
  ClientRig rig(options);
  rig.Start(SimpleRequest())->Result();
  EXPECT_THAT(api.last_request(), Not(HasSubstr("Authorization")));
}

TEST(UpstreamClientTest, RefusesOptionsThatCannotBeUsed) {
  Loop loop("test");
  for (const char* url : {"", "api.cerebras.ai", "ftp://h", "http://", "http://u:p@h",
                          "http://h/?q=1", "http://h:99999", "http://h h"}) {
    EXPECT_THAT(UpstreamClient::Create(loop, ClientRig::OptionsFor(url)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("base URL")))
        << url;
  }
  UpstreamOptions options = ClientRig::OptionsFor("http://127.0.0.1:1");
  options.calls_max = 0;
  EXPECT_THAT(UpstreamClient::Create(loop, options), StatusIs(absl::StatusCode::kInvalidArgument));
  options.calls_max = 1;
  options.user_agent = "a\r\nb";
  EXPECT_THAT(UpstreamClient::Create(loop, options), StatusIs(absl::StatusCode::kInvalidArgument));
  options.user_agent = "a";
  options.provider = "nobody";
  EXPECT_THAT(UpstreamClient::Create(loop, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'nobody'")));
  options.provider = "auto";
  options.streams_per_connection = 0;
  EXPECT_THAT(UpstreamClient::Create(loop, options), StatusIs(absl::StatusCode::kInvalidArgument));
  options.streams_per_connection = 1;
  options.api_key = ApiKey::FromFile("/nonexistent/key");
  EXPECT_THAT(UpstreamClient::Create(loop, options), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace moa::upstream
