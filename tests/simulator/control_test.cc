// What tests steer and look at while a simulator runs: limits, faults, totals, closed connections.

#include <gmock/gmock.h>

#include <regex>

#include "absl/strings/numbers.h"
#include "tests/simulator/simulator_fixture.h"

namespace moa::simulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using SimulatorControlTest = SimulatorFixture;

// The number after `key` in `json`; -1 when there is none.
double NumberAfter(const std::string& json, const std::string& key) {
  std::smatch match;
  double number = -1;
  if (!std::regex_search(json, match, std::regex("\"" + key + "\":(-?[0-9.]+)"))) return -1;
  return absl::SimpleAtod(match[1].str(), &number) ? number : -1;
}

TEST_F(SimulatorControlTest, LimitsCanBeChangedWhileItRuns) {
  SimulatorOptions options = Instant();
  options.limits.tier = Tier::kUnlimited;
  Start(options);
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/limits", R"({"requests_per_minute":1})"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(R"("requests_per_minute":1,)")));
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post(Chat()), HasSubstr("request_quota_exceeded"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/limits",
                    R"({"requests_per_minute":0,"tokens_per_minute":100,"model":"gpt-oss-120b"})"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post(Chat(R"("max_completion_tokens":200)")), HasSubstr("token_quota_exceeded"));
  EXPECT_THAT(BodyOf(Get("/sim/limits")), HasSubstr(R"("tokens_per_minute":100,)"));
}

// What scrapers and probes ask needs no key, though everything else does.
TEST_F(SimulatorControlTest, MetricsAndProbesNeedNoKey) {
  SimulatorOptions options = Instant();
  options.api_keys = {"csk-test"};
  Start(options);
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post(Chat(R"("stream":true)")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post(Chat(), "Authorization: Bearer another\r\n"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Post(Chat("", "no-such-model")), StartsWith("HTTP/1.1 404"));
  const std::string of_model =
      R"(gen_ai_operation_name="chat",gen_ai_provider_name="cerebras",gen_ai_request_model=)";
  EXPECT_THAT(
      Get("/metrics", ""),
      AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/plain; version=0.0.4"),
            HasSubstr(absl::StrCat("gen_ai_server_request_duration_seconds_count{", of_model,
                                   "\"gpt-oss-120b\"} 2\n")),
            HasSubstr(absl::StrCat("gen_ai_server_time_to_first_token_seconds_count{", of_model,
                                   "\"gpt-oss-120b\"} 2\n")),
            HasSubstr(absl::StrCat("gen_ai_server_time_per_output_token_seconds_count{", of_model,
                                   "\"gpt-oss-120b\"} 2\n")),
            HasSubstr(absl::StrCat(R"(duration_seconds_count{error_type="wrong_api_key",)",
                                   of_model, "\"other\"} 1\n")),
            HasSubstr(absl::StrCat(R"(duration_seconds_count{error_type="model_not_found",)",
                                   of_model, "\"other\"} 1\n")),
            HasSubstr("moa_build_info{program=\"cerebras-sim\""),
            HasSubstr("process_resident_memory_bytes "), Not(HasSubstr("csk-test"))));
  EXPECT_THAT(Get("/healthz", ""), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/readyz", ""), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Fetch(port(), "POST", "/metrics", ""), StartsWith("HTTP/1.1 405"));
}

// At the model's pace: what is measured is at least what the pace takes, whole or streamed.
TEST_F(SimulatorControlTest, FirstTokensComeBeforeTheEnd) {
  SimulatorOptions options;
  options.time_scale = 1;
  options.slow_queue_share = 0;
  Start(options);
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post(Chat(R"("stream":true)")), StartsWith("HTTP/1.1 200"));
  const std::string text = Get("/metrics", "");
  const auto sum = [&text](const char* name) {
    std::smatch match;
    const std::string pattern =
        absl::StrCat("gen_ai_server_", name, "_sum\\{[^}]*gpt-oss-120b\"\\} ([0-9.e-]+)");
    double number = -1;
    return std::regex_search(text, match, std::regex(pattern)) &&
                   absl::SimpleAtod(match[1].str(), &number)
               ? number
               : -1.0;
  };
  const double first = sum("time_to_first_token_seconds");
  EXPECT_GT(first, 0.004);  // two queues and two prompts
  EXPECT_GT(sum("request_duration_seconds"), first);
  EXPECT_GT(sum("time_per_output_token_seconds"), 0);
}

struct BadLimits {
  const char* body;
  const char* says;
};

class SimulatorBadLimitsTest : public SimulatorFixture,
                               public testing::WithParamInterface<BadLimits> {};

TEST_P(SimulatorBadLimitsTest, AreRefusedWithAReason) {
  Start(Instant());
  const std::string before = BodyOf(Get("/sim/limits"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/limits", GetParam().body),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr(GetParam().says)));
  EXPECT_EQ(BodyOf(Get("/sim/limits")), before);
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, SimulatorBadLimitsTest,
    testing::Values(
        BadLimits{"", "a JSON object is expected"}, BadLimits{"[1]", "a JSON object is expected"},
        BadLimits{"{}", "requests_per_minute, tokens_per_minute or both"},
        BadLimits{R"({"requests_per_minute":-1})", "body.requests_per_minute: a whole number"},
        BadLimits{R"({"tokens_per_minute":1.5})", "body.tokens_per_minute: a whole number"},
        BadLimits{R"({"tokens_per_minute":"9"})", "body.tokens_per_minute: a whole number"},
        BadLimits{R"({"requests_per_minute":2000000000})", "body.requests_per_minute"},
        BadLimits{R"({"requests_per_minute":1,"model":"gpt-9"})", "body.model: the id of a model"},
        BadLimits{R"({"request_per_minute":1})", "there is no such field"}));

TEST_F(SimulatorControlTest, AStormCanBeSwitchedOnAndOff) {
  Start(Instant());
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"({"faults":["status=429:queue"]})"),
              HasSubstr(R"("spec":"status=429:queue")"));
  EXPECT_THAT(Post(Chat()), HasSubstr("queue_exceeded"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"({"faults":[]})"), HasSubstr("[]"));
  EXPECT_THAT(Post(Chat()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(BodyOf(Get("/sim/stats")), HasSubstr(R"("429 queue_exceeded":1)"));
}

TEST_F(SimulatorControlTest, FaultsThatDoNotReadAreRefusedWhole) {
  Start(Instant());
  Fetch(port(), "POST", "/sim/faults", R"({"faults":["reset,nth=9"]})");
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"({"faults":["html","nonsense"]})"),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("there is no kind 'nonsense'")));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"({"faults":[7]})"),
              HasSubstr("body.faults.0: a string is expected"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"(["html"])"), HasSubstr("is expected"));
  EXPECT_THAT(Fetch(port(), "POST", "/sim/faults", R"({"faults":[],"more":1})"),
              HasSubstr("is expected"));
  EXPECT_THAT(BodyOf(Get("/sim/faults")), HasSubstr(R"("spec":"reset,nth=9")"));
}

// Both are of one time scale, and what the reply says of its own times is stretched as well.
TEST_F(SimulatorControlTest, ASlowCallTakesItsOwnTimeManyTimesOver) {
  SimulatorOptions options;
  options.time_scale = 0.01;
  options.slow_queue_share = 0;
  Start(options);
  const double usual = NumberAfter(Post(Chat()), "completion_time");
  Fetch(port(), "POST", "/sim/faults", R"({"faults":["slow=x10"]})");
  const double slow = NumberAfter(Post(Chat()), "completion_time");
  EXPECT_NEAR(slow / usual, 10, 0.01);
  EXPECT_THAT(BodyOf(Post(Chat(R"("stream":true)"))), HasSubstr("data: [DONE]"));
}

TEST_F(SimulatorControlTest, TotalsTellRequestsTokensAndConnections) {
  Start(Instant());
  RawClient client(port());
  client.Send("GET /v1/tcp_warming HTTP/1.1\r\n\r\n");
  client.ReadUntil("{}");
  Post(Chat());
  const std::string stats = BodyOf(Get("/sim/stats"));
  EXPECT_THAT(stats, HasSubstr(R"("admitted":1,)"));
  EXPECT_GE(NumberAfter(stats, "connections"), 2);  // the one kept, and the one that asks
  EXPECT_GT(NumberAfter(stats, "uncached"), 1);
  EXPECT_EQ(NumberAfter(stats, "uncached"), NumberAfter(stats, "total"));
  Fetch(port(), "POST", "/sim/stats/reset");
  EXPECT_THAT(BodyOf(Get("/sim/stats")),
              AllOf(HasSubstr(R"("requests_total":0,)"), HasSubstr(R"("admitted":0,)")));
  EXPECT_THAT(BodyOf(Get("/sim/requests")), HasSubstr("completed"));  // those stay
}

// Situation: the answer would take minutes, and the client leaves while the simulator thinks.
// Outcome: noticed at once, at a time on the clock that test and simulator share; the reservation
// is given back.
TEST_F(SimulatorControlTest, AClientThatLeavesBeforeTheFirstByteIsNoticedAndSettled) {
  SimulatorOptions options;
  options.time_scale = 10'000;
  options.limits.tier = Tier::kUnlimited;
  options.limits.tokens_per_minute = 1'000;
  Start(options);
  const std::string body = R"({"model":"gpt-oss-120b","max_completion_tokens":900,)"
                           R"("messages":[{"role":"user","content":"[mark a-1] hi"}]})";
  const std::unique_ptr<RawClient> client = PostAndLeave(body);
  WaitForRequests("running");
  EXPECT_THAT(Post(Chat(R"("max_completion_tokens":900)")), HasSubstr("token_quota_exceeded"));
  const int64_t closed_ns = MonotonicNanoseconds();
  client->Close();
  WaitForRequests("client_closed");
  const std::string record = BodyOf(Get("/sim/requests?mark=a-1"));
  EXPECT_THAT(record, AllOf(HasSubstr(R"("mark":"a-1")"), HasSubstr(R"("generated_tokens":0,)"),
                            HasSubstr("client_closed"), Not(HasSubstr("refused"))));
  EXPECT_GE(NumberAfter(record, "ended_ns"), static_cast<double>(closed_ns));
  EXPECT_LE(NumberAfter(record, "ended_ns"), static_cast<double>(MonotonicNanoseconds()));
  EXPECT_THAT(BodyOf(Get("/sim/stats")), HasSubstr(R"("charged":{"uncached":0,"total":0})"));
}

// Situation: a paced stream of some 40 tokens, left in the middle. Outcome: charged are the prompt
// and less than the whole answer.
TEST_F(SimulatorControlTest, AClientThatLeavesAStreamPaysForWhatWasGenerated) {
  SimulatorOptions options;
  options.time_scale = 50;
  options.slow_queue_share = 0;
  options.reply_length = {2'000, 2'000};  // more than a minute
  Start(options);
  const std::unique_ptr<RawClient> client = PostAndLeave(Chat(R"("stream":true)"));
  client->ReadUntil("\"content\"");
  client->Close();
  const std::string record = WaitForRequests("client_closed");
  EXPECT_GT(NumberAfter(record, "generated_tokens"), 0);
  EXPECT_LT(NumberAfter(record, "generated_tokens"), NumberAfter(record, "completion_tokens"));
  EXPECT_EQ(NumberAfter(BodyOf(Get("/sim/stats")), "total"),
            NumberAfter(record, "generated_tokens") + NumberAfter(record, "prompt_tokens"));
}

TEST_F(SimulatorControlTest, BodiesCanBeMsgpack) {
  Start(Instant());
  const std::string type = absl::StrCat(kKey, "Content-Type: application/vnd.msgpack\r\n");
  const std::string body =
      "\x82\xa5model\xacgpt-oss-120b\xa8messages\x91\x82\xa4role\xa4user\xa7"
      "content\xa2hi";
  EXPECT_THAT(Post(body, type), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(BodyOf(Get("/sim/requests")), HasSubstr(absl::StrCat("\"request\":", Chat())));
  EXPECT_THAT(Post(body.substr(0, 20), type),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("msgpack, byte")));
  EXPECT_THAT(Post(body), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("Invalid JSON")));
}

}  // namespace
}  // namespace moa::simulator
