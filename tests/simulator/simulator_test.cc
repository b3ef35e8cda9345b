// The simulator behind its real HTTP server, asked over sockets.

#include "simulator/simulator.h"

#include <zlib.h>

#include <regex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/simulator/simulator_fixture.h"

namespace moa::simulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

using SimulatorTest = SimulatorFixture;

TEST_F(SimulatorTest, ErrorBodiesAreFlatJsonToTheByte) {
  Start(Instant());
  EXPECT_EQ(
      BodyOf(Post(Chat(), "")),
      R"({"message":"Wrong API Key","type":"invalid_request_error","param":"api_key","code":"wrong_api_key"})");
  EXPECT_EQ(BodyOf(Post(Chat("", "gpt-9"))),
            R"({"message":"Model gpt-9 does not exist or you do not have access to it.",)"
            R"("type":"not_found_error","param":"model","code":"model_not_found"})");
  EXPECT_THAT(Post(Chat("", "llama3.1-8b")), HasSubstr(R"("code":"model_archived")"));
  EXPECT_EQ(
      BodyOf(Post(Chat(R"("store":true)"))),
      R"({"message":"body.store: property 'body.store' is unsupported","type":"invalid_request_error",)"
      R"("param":"validation_error","code":"wrong_api_format"})");
  const std::string large = Post(std::string(100'001, ' '));
  EXPECT_THAT(large,
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("Total request size exceeds maximum")));
}

TEST_F(SimulatorTest, ChecksTheKeyWhenThereIsOne) {
  SimulatorOptions options = Instant();
  options.api_keys = {"csk-a", "csk-b"};
  Start(options);
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Post(Chat(), "authorization: bearer csk-b\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/v1/models"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Get("/public/v1/models", ""), StartsWith("HTTP/1.1 200"));
}

TEST_F(SimulatorTest, EveryListedModelCanChat) {
  Start(Instant());
  const std::string list = BodyOf(Get("/v1/models"));
  for (const Model& model : Models()) {
    EXPECT_THAT(list, HasSubstr(absl::StrCat("\"id\":\"", model.id, "\"")));
    EXPECT_THAT(Post(Chat("", model.id)), StartsWith("HTTP/1.1 200")) << model.id;
    EXPECT_THAT(Get(absl::StrCat("/v1/models/", model.id)), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(Get(absl::StrCat("/public/v1/models/", model.id)), HasSubstr("max_context_length"));
  }
  EXPECT_THAT(Get("/v1/models/x"), StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(BodyOf(Get("/public/v1/models/x")),
            R"({"detail":"Model 'x' not found or not publicly available"})");
  EXPECT_EQ(BodyOf(Get("/v1/tcp_warming", "")), "{}");
  EXPECT_THAT(Get("/v1/embeddings"), StartsWith("HTTP/1.1 404"));
}

TEST_F(SimulatorTest, RepliesCarryTheirIdAndRateLimits) {
  Start(Instant());
  const std::string reply = Post(Chat());
  std::smatch id;
  ASSERT_TRUE(
      std::regex_search(reply, id, std::regex("inference-id: (chatcmpl-[0-9a-f-]{36})\r\n")));
  EXPECT_THAT(BodyOf(reply), StartsWith(absl::StrCat("{\"id\":\"", id[1].str(), "\"")));
  EXPECT_THAT(reply, HasSubstr("x-ratelimit-remaining-requests-minute: 999\r\n"));
}

// The text of a stream as JSON has it: the pieces of its deltas put together.
std::string JoinedContent(const std::string& events) {
  std::string joined;
  const std::regex piece("\"content\":\"((?:[^\"\\\\]|\\\\.)*)\"");
  for (std::sregex_iterator it(events.begin(), events.end(), piece), end; it != end; ++it) {
    joined += (*it)[1].str();
  }
  return joined;
}

TEST_F(SimulatorTest, StreamsTheAnswerThatItGivesWhole) {
  Start(Instant());
  const std::string stream = Post(Chat(R"("stream":true)"));
  EXPECT_THAT(stream, HasSubstr("Content-Type: text/event-stream; charset=utf-8\r\n"));
  const std::string events = BodyOf(stream);
  EXPECT_THAT(events, StartsWith("data: {\"id\":\"chatcmpl-"));
  EXPECT_TRUE(absl::EndsWith(events, "data: [DONE]\n\n"));
  EXPECT_THAT(BodyOf(Post(Chat())),
              HasSubstr(absl::StrCat("\"content\":\"", JoinedContent(events), "\"")));
}

TEST_F(SimulatorTest, StreamsCodeThatItGivesWhole) {
  Start(Instant());
  const auto ask = [&](absl::string_view more) {
    return BodyOf(Post(absl::StrCat(
        R"({"model":"qwen-3.8-27b","temperature":0.4,"messages":[{"role":"user","content":")",
        "Write calculate_user_metrics(users, start_date, end_date).\"}]", more, "}")));
  };
  const std::string joined = JoinedContent(ask(R"(,"stream":true)"));
  EXPECT_THAT(joined, HasSubstr("def calculate_user_metrics(users"));
  EXPECT_THAT(ask(""), HasSubstr(absl::StrCat("\"content\":\"", joined, "\"")));
}

TEST_F(SimulatorTest, RefusesWithRetryAfterWhenTheQuotaIsUsedUp) {
  SimulatorOptions options = Instant();
  options.limits.requests_per_minute = 1;
  Start(options);
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(
      Post(Chat()),
      AllOf(
          StartsWith("HTTP/1.1 429"), HasSubstr("Retry-After: 60\r\n"),
          HasSubstr("x-ratelimit-remaining-requests-minute: 0\r\n"),
          HasSubstr(
              R"("type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded")")));
  // Another key is another organisation.
  EXPECT_THAT(Post(Chat(), "Authorization: Bearer other\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(SimulatorTest, RefusesPromptsBeyondTheContext) {
  SimulatorOptions options = Instant();
  simulator_ = nullptr;
  Start(options);
  server_->Stop(absl::ZeroDuration());
  // A server with a larger body limit than the fixture's.
  HttpServerOptions http;
  http.body_bytes_max = 8 << 20;
  server_ = *HttpServer::Start(http, [this](const HttpRequest& request, HttpResponder responder) {
    simulator_->Handle(request, std::move(responder));
  });
  const std::string body =
      absl::StrCat(R"({"model":"gpt-oss-120b","messages":[{"role":"user","content":")",
                   std::string(5 << 20, 'x'), "\"}]}");
  EXPECT_EQ(
      BodyOf(Post(body)),
      R"({"message":"Please reduce the length of the messages or completion. Current length is 1310724)"
      R"( while limit is 131072","type":"invalid_request_error","param":"messages",)"
      R"("code":"context_length_exceeded","id":""})");
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_F(SimulatorTest, ReadsGzipBodies) {
  Start(Instant());
  const std::string headers = absl::StrCat(kKey, "Content-Encoding: gzip\r\n");
  EXPECT_EQ(BodyOf(Post(Gzip(Chat()), headers)).substr(60, 300),
            BodyOf(Post(Chat())).substr(60, 300));
  EXPECT_THAT(Post("not gzip", headers), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Post(Gzip(Chat()).substr(0, 40), headers), StartsWith("HTTP/1.1 400"));
  // 80 MB of spaces in 80 kB.
  EXPECT_THAT(Post(Gzip(std::string(80 << 20, ' ')), headers), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Post(Chat(), absl::StrCat(kKey, "Content-Encoding: br\r\n")),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(SimulatorTest, CompletesTexts) {
  Start(Instant());
  const auto post = [&](absl::string_view body) { return Post(body, kKey, "/v1/completions"); };
  EXPECT_THAT(BodyOf(post(R"({"model":"gpt-oss-120b","prompt":"Once"})")),
              AllOf(StartsWith("{\"id\":\"cmpl-"), HasSubstr("\"text\":\""),
                    HasSubstr("\"object\":\"text_completion\"")));
  EXPECT_THAT(BodyOf(post(R"({"model":"gpt-oss-120b","prompt":"Once","stream":true})")),
              AllOf(HasSubstr("\"text\":\""), HasSubstr("data: [DONE]")));
}

TEST_F(SimulatorTest, TellsWhatItSaw) {
  Start(Instant());
  Post(Chat(R"("user":"someone")"));
  const std::string requests = BodyOf(Get("/sim/requests", ""));
  EXPECT_THAT(requests, HasSubstr(absl::StrCat("\"request\":", Chat(R"("user":"someone")"))));
  EXPECT_THAT(requests, HasSubstr(R"("status":200,"outcome":"completed")"));
  EXPECT_THAT(requests, Not(HasSubstr("csk-test")));
  EXPECT_THAT(BodyOf(Get("/sim/requests?bodies=0&limit=1")), Not(HasSubstr("someone")));
  EXPECT_THAT(BodyOf(Get("/sim/stats")), HasSubstr(R"("requests_total":1,"running":0)"));
  Fetch(port(), "POST", "/sim/reset");
  EXPECT_THAT(BodyOf(Get("/sim/stats")), HasSubstr(R"("requests_total":0)"));
}

TEST_F(SimulatorTest, RecordsThatAClientClosedItsConnection) {
  SimulatorOptions options;
  options.time_scale = 1'000;  // minutes for an answer
  Start(options);
  RawClient client(port());
  const std::string body = Chat(R"("stream":true)");
  client.Send(absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\n", kKey,
                           "Content-Length: ", body.size(), "\r\n\r\n", body));
  EXPECT_THAT(WaitForRequests("running"), HasSubstr(R"("outcome":"running")"));
  client.Close();
  EXPECT_THAT(WaitForRequests("client_closed"),
              HasSubstr(R"("status":0,"outcome":"client_closed")"));
}

TEST_F(SimulatorTest, PacesRepliesByItsTimeScale) {
  SimulatorOptions options;
  options.time_scale = 0.01;
  Start(options);
  const std::string stream = BodyOf(Post(Chat(R"("stream":true)")));
  EXPECT_TRUE(absl::EndsWith(stream, "data: [DONE]\n\n"));
  EXPECT_THAT(stream, Not(HasSubstr("\"total_time\":0,")));
  EXPECT_THAT(BodyOf(Post(Chat())), HasSubstr("\"finish_reason\":\"stop\""));
}

TEST_F(SimulatorTest, CountsCachedTokensOfARepeatedPrompt) {
  Start(Instant());
  const std::string body =
      absl::StrCat(R"({"model":"gpt-oss-120b","messages":[{"role":"user","content":")",
                   std::string(2'000, 'x'), "\"}]}");
  EXPECT_THAT(Post(body), HasSubstr("\"cached_tokens\":0"));
  EXPECT_THAT(Post(body), HasSubstr("\"cached_tokens\":384"));
}

TEST_F(SimulatorTest, FaultsCanBeReplacedWhileItRuns) {
  Start(Instant());
  EXPECT_THAT(Fetch(port(), "PUT", "/sim/faults", "status=503,first=1\nhtml,nth=1\n"),
              HasSubstr(R"("spec":"status=503,first=1")"));
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Fetch(port(), "PUT", "/sim/faults", "nonsense"),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("there is no kind 'nonsense'")));
  EXPECT_THAT(Get("/sim/faults"), HasSubstr(R"("matched":1,"struck":1)"));
  EXPECT_THAT(Fetch(port(), "DELETE", "/sim/faults"), HasSubstr("[]"));
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
}

struct StatusFault {
  const char* spec;
  const char* reply;  // a regular expression of the reply
};

class SimulatorStatusFaultTest : public SimulatorTest,
                                 public testing::WithParamInterface<StatusFault> {};

TEST_P(SimulatorStatusFaultTest, AnswersAsTheServiceWould) {
  StartWithFault(GetParam().spec);
  const std::string reply = Post(Chat());
  EXPECT_TRUE(std::regex_search(reply, std::regex(GetParam().reply))) << reply;
  EXPECT_THAT(BodyOf(Get("/sim/requests")), HasSubstr(R"("outcome":"fault")"));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SimulatorStatusFaultTest,
    testing::Values(
        StatusFault{
            "status=500",
            "^HTTP/1.1 500 [^]*\"type\":\"server_error\",\"param\":\"\",\"code\":\"\",\"id\":\"\""},
        StatusFault{"status=503:html", "^HTTP/1.1 503 [^]*text/html[^]*<html>"},
        StatusFault{"status=403:html", "^HTTP/1.1 403 [^]*error code: 1010"},
        StatusFault{"status=402", "^HTTP/1.1 402 [^]*x-should-retry: false[^]*payment_required"},
        StatusFault{"status=429,retry-after=9",
                    "^HTTP/1.1 429 [^]*Retry-After: 9\r\n[^]*request_quota_exceeded"},
        StatusFault{"status=429:tokens",
                    "^HTTP/1.1 429 [^]*Retry-After: 1\r\n[^]*token_quota_exceeded"},
        StatusFault{"status=429:queue",
                    "^HTTP/1.1 429 [^]*x-should-retry: false\r\n[^]*queue_exceeded"},
        StatusFault{"status=429:http-date",
                    "Retry-After: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} .* GMT\r\n"},
        StatusFault{"html", "^HTTP/1.1 200 OK[^]*<html>"}));

TEST_F(SimulatorTest, LeavesOutRetryAfterWhenAsked) {
  StartWithFault("status=429:no-retry-after");
  EXPECT_THAT(Post(Chat()), AllOf(StartsWith("HTTP/1.1 429"), Not(HasSubstr("Retry-After"))));
}

TEST_F(SimulatorTest, ResetsBeforeAnyByte) {
  StartWithFault("reset");
  RawClient client(port());
  client.Send(absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\n", kKey,
                           "Content-Length: ", Chat().size(), "\r\n\r\n", Chat()));
  bool reset = false;
  EXPECT_EQ(client.ReadAll(&reset), "");
  EXPECT_TRUE(reset);
}

TEST_F(SimulatorTest, HangsUntilTheClientGoes) {
  StartWithFault("hang");
  RawClient client(port());
  client.Send(absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\n", kKey,
                           "Content-Length: ", Chat().size(), "\r\n\r\n", Chat()));
  EXPECT_THAT(WaitForRequests("running"), HasSubstr(R"("outcome":"running")"));
  client.Close();
  EXPECT_THAT(WaitForRequests("client_closed"), HasSubstr("client_closed"));
}

// In the middle of a body: what came is a proper beginning, and then it ends as the fault says.
TEST_F(SimulatorTest, CutsStreamsAndBodies) {
  StartWithFault("truncate,at=3");
  const std::string stream = BodyOf(Post(Chat(R"("stream":true)")));
  EXPECT_THAT(stream, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(stream, MatchesRegex("(data: .*\n\n){3}"));
  const std::string whole = Post(Chat());
  EXPECT_THAT(whole, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(whole, Not(HasSubstr("time_info")));
}

TEST_F(SimulatorTest, ResetsInTheMiddleOfAStream) {
  StartWithFault("reset-stream,at=2");
  RawClient client(port());
  const std::string body = Chat(R"("stream":true)");
  client.Send(absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\n", kKey,
                           "Content-Length: ", body.size(), "\r\n\r\n", body));
  bool reset = false;
  EXPECT_THAT(client.ReadAll(&reset), HasSubstr("data: {"));
  EXPECT_TRUE(reset);
}

struct StreamFault {
  const char* spec;
  const char* has;
};

class SimulatorStreamFaultTest : public SimulatorTest,
                                 public testing::WithParamInterface<StreamFault> {};

TEST_P(SimulatorStreamFaultTest, ShowsInTheStream) {
  StartWithFault(GetParam().spec);
  EXPECT_THAT(BodyOf(Post(Chat(R"("stream":true)"))), HasSubstr(GetParam().has));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SimulatorStreamFaultTest,
    testing::Values(StreamFault{"error-event",
                                R"(data: {"status_code":500,"error":{"message":"Encountered)"},
                    StreamFault{"error-named-event", "event: error\ndata: {\"status_code\":500"},
                    StreamFault{"crlf", "}\r\n\r\ndata: [DONE]\r\n\r\n"},
                    StreamFault{"comments", ": keep-alive\n\n:\ndata: [DONE]"},
                    StreamFault{"invalid-utf8", "\"\xff\xc3\x28"},
                    StreamFault{"length-empty", R"("finish_reason":"length")"},
                    StreamFault{"usage-chunk", R"("choices":[],"created")"},
                    StreamFault{"split-utf8", "€🙂"},
                    StreamFault{"split-lines", "data: [DONE]\n\n"},
                    StreamFault{"slow=30ms", "data: [DONE]\n\n"},
                    StreamFault{"broken-json,at=1", "data: [DONE]\n\n"}));

TEST_F(SimulatorTest, BodiesCanBeBrokenToo) {
  StartWithFault("invalid-utf8");
  EXPECT_THAT(BodyOf(Post(Chat())), HasSubstr("\"content\":\"\xff\xc3\x28"));
  Fetch(port(), "PUT", "/sim/faults", "broken-json");
  EXPECT_THAT(BodyOf(Post(Chat())), Not(HasSubstr("time_info")));
  Fetch(port(), "PUT", "/sim/faults", "length-empty");
  EXPECT_THAT(BodyOf(Post(Chat())), HasSubstr("\"content\":\"\""));
  Fetch(port(), "PUT", "/sim/faults", "no-ratelimit-headers");
  EXPECT_THAT(Post(Chat()), AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("x-ratelimit"))));
}

}  // namespace
}  // namespace moa::simulator
