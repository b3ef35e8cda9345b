#include "client/moactl/trace_json.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/document/document.h"
#include "tests/client/moactl/json_checks.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

JobTrace Sample() { return MakeTrace(TracedJob(), TracedEvents().events()); }

TEST(TraceJsonTest, HasTheFieldsThatScriptsRead) {
  const Document json = Parsed(TraceJson(Sample()));
  EXPECT_EQ(KeysOf(json.root),
            (std::vector<std::string>{"job_id", "trace_id", "name", "state", "degraded",
                                      "accept_time", "latency_ms", "stages", "sums"}));
  EXPECT_EQ(json.Nearest("accept_time").text, "2026-09-21T14:13:20.000Z");
  EXPECT_EQ(KeysOf(json.Nearest("stages[0]")),
            (std::vector<std::string>{"layer", "round", "kind", "begin_ms", "end_ms", "tasks"}));
  EXPECT_EQ(KeysOf(json.Nearest("stages[0].tasks[0]")),
            (std::vector<std::string>{"agent", "sample", "model", "worker", "state", "attempts",
                                      "hedged", "critical", "prompt_tokens", "completion_tokens",
                                      "open", "begin_ms", "call_begin_ms", "first_token_ms",
                                      "call_end_ms", "end_ms"}));
  EXPECT_EQ(json.Nearest("stages[0].tasks[0].call_end_ms").text, "550.0");
  EXPECT_EQ(json.Nearest("stages[0].tasks[1].error").text,
            "SERVER_ERROR: the provider answered 500");
  EXPECT_EQ(json.Nearest("stages[0].tasks[2].state").text, "SKIPPED");
  EXPECT_EQ(json.Nearest("stages[1].kind").text, "aggregate");
  EXPECT_EQ(KeysOf(json.Nearest("sums")),
            (std::vector<std::string>{"queueing_ms", "calls_ms", "first_token_ms", "stragglers_ms",
                                      "unfinished_ms", "added_ms"}));
  EXPECT_EQ(json.Nearest("sums.added_ms").text, "34.0");
}

// What chrome://tracing asks for: an array of events, each on a thread that has a name, those of one
// thread nested.
TEST(ChromeTraceTest, IsAnArrayOfCompleteEventsOnNamedThreads) {
  const Document json = Parsed(ChromeTrace(Sample()));
  ASSERT_EQ(json.root.kind, NodeKind::kSequence);
  std::map<std::string, std::string> threads;
  std::map<std::string, std::vector<std::string>> spans;
  for (const Node& event : json.root.children) {
    EXPECT_EQ(event.Find("pid")->text, "1");
    const std::string tid = event.Find("tid")->text;
    const std::string name = event.Find("name")->text;
    if (event.Find("ph")->text == "M") {
      if (name == "thread_name") threads[tid] = event.Find("args")->Find("name")->text;
      continue;
    }
    EXPECT_EQ(event.Find("ph")->text, "X");
    EXPECT_FALSE(event.Find("ts")->quoted);
    spans[threads.at(tid)].push_back(name + " " + event.Find("ts")->text + " " +
                                     event.Find("dur")->text);
  }
  using Lines = std::vector<std::string>;
  EXPECT_EQ(spans["job"], (Lines{"J1 0 1000000"}));
  EXPECT_EQ(spans["layer 1 round 1"], (Lines{"layer 1 round 1 10000 594000"}));
  EXPECT_EQ(spans["planner"],
            (Lines{"planner 10000 550000", "waiting 10000 40000", "call 50000 500000",
                   "until the first token 50000 100000", "until recorded 550000 10000"}));
  EXPECT_EQ(spans["spare"], (Lines{"spare 10000 0"}));
  EXPECT_EQ(threads.size(), 1u + 2 + 4);
}

TEST(ChromeTraceTest, RepairsWhatIsNoUtf8) {
  v1::Job job = TracedJob();
  job.mutable_spec()->set_name("a\xFF\"");
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {"b\xC3"});
  log.Finish(1, 0, v1::TASK_STATE_FAILED, {0, 1, 0}).mutable_error()->set_message("\xE2\x82");
  const JobTrace trace = MakeTrace(job, log.events());
  EXPECT_EQ(Parsed(ChromeTrace(trace)).Nearest("[2].args.name").text, "job J1: a\xEF\xBF\xBD\"");
  EXPECT_EQ(Parsed(TraceJson(trace)).Nearest("stages[0].tasks[0].agent").text, "b\xEF\xBF\xBD");
}

}  // namespace
}  // namespace moa
