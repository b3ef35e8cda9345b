#include "client/json/json_output.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "client/moactl/names.h"
#include "common/document/document.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/client/moactl/json_checks.h"

namespace moa {
namespace {

TEST(JobJsonTest, HasTheFieldsThatScriptsReadWithNumbersAsNumbers) {
  const Document json = Parsed(JobJson(FinishedJob("J1")));
  EXPECT_EQ(KeysOf(json.root),
            (std::vector<std::string>{"job_id", "state", "degraded", "degradations", "answer",
                                      "latency_ms", "critical_path_ms", "usage", "layers", "name",
                                      "tenant", "create_time", "end_time", "job"}));
  EXPECT_EQ(json.Nearest("state").text, "SUCCEEDED");
  EXPECT_EQ(json.Nearest("degraded").text, "true");
  EXPECT_EQ(json.Nearest("degradations[0]").text, "layer 1: agent local failed");
  EXPECT_EQ(json.Nearest("latency_ms").text, "1250.5");
  EXPECT_FALSE(json.Nearest("latency_ms").quoted);
  EXPECT_EQ(json.Nearest("critical_path_ms").text, "1000.25");
  EXPECT_EQ(KeysOf(json.Nearest("usage")),
            (std::vector<std::string>{"prompt_tokens", "completion_tokens", "cached_tokens",
                                      "upstream_calls", "cost_usd"}));
  EXPECT_EQ(json.Nearest("usage.cost_usd").text, "0.00125");
  EXPECT_EQ(
      KeysOf(json.Nearest("layers[0].agents[0]")),
      (std::vector<std::string>{"agent", "sample", "model", "state", "content", "finish_reason",
                                "attempts", "queue_ms", "run_ms", "ttft_ms", "prompt_tokens",
                                "completion_tokens", "share_of_answer", "worker"}));
  EXPECT_EQ(json.Nearest("layers[0].agents[0].run_ms").text, "600.25");
  EXPECT_EQ(json.Nearest("layers[0].agents[0].share_of_answer").text, "0.6667");
  EXPECT_EQ(json.Nearest("layers[0].agents[1].share_of_answer").text, "0.0");
  EXPECT_EQ(json.Nearest("layers[1].agents[0].share_of_answer").text, "0.0");
  EXPECT_EQ(json.Nearest("layers[0].agents[1].error.code").text, "SERVER_ERROR");
  EXPECT_EQ(json.Nearest("layers[1].agents[0].agent").text, "aggregator");
}

TEST(JobJsonTest, SaysWhyACallWasLeftOutAndWhatItCost) {
  v1::Job job = FinishedJob("J1");
  v1::TaskResult* task = job.mutable_layers(0)->mutable_tasks(1);
  task->set_state(v1::TASK_STATE_SKIPPED);
  task->mutable_error()->set_code(v1::ERROR_CODE_BUDGET_EXCEEDED);
  task->set_cost_usd(0.5);
  task->set_hedged(true);
  const Document json = Parsed(JobJson(job));
  EXPECT_EQ(json.Nearest("layers[0].agents[1].state").text, "SKIPPED");
  EXPECT_EQ(json.Nearest("layers[0].agents[1].error.code").text, "BUDGET_EXCEEDED");
  EXPECT_EQ(json.Nearest("layers[0].agents[1].cost_usd").text, "0.5");
  EXPECT_EQ(json.Nearest("layers[0].agents[1].hedged").text, "true");
}

// A round of two answers, its critic's verdicts on both, and the aggregator.
TEST(JobJsonTest, SaysWhatAStageDidAndHowAnswersWereJudged) {
  v1::Job job = FinishedJob("J1");
  job.mutable_layers(0)->set_kind(v1::STAGE_KIND_PROPOSE);
  job.mutable_layers(1)->set_kind(v1::STAGE_KIND_AGGREGATE);
  job.mutable_layers(1)->add_notes("1 of 2 answers is handed on");
  v1::TaskResult* answer = job.mutable_layers(0)->mutable_tasks(0);
  answer->set_novelty(0.12345);
  answer->set_score(8.5);
  answer->set_accepted(true);
  answer->set_handed_on(false);
  v1::LayerResult* critique = job.add_layers();
  critique->set_kind(v1::STAGE_KIND_CRITIQUE);
  v1::Verdict* verdict = critique->add_tasks()->add_verdicts();
  verdict->set_task_index(0);
  verdict->set_accept(true);
  verdict->set_score(8.5);
  verdict->set_feedback("fine");
  critique->mutable_tasks(0)->mutable_task()->set_index(7);
  critique->mutable_tasks(0)->add_verdicts()->set_task_index(99);  // of a task that is not here
  job.add_layers()->set_kind(v1::STAGE_KIND_ROUTE);
  const Document json = Parsed(JobJson(job));
  for (const auto& [path, expected] : std::vector<std::pair<std::string, std::string>>{
           {"layers[0].kind", "propose"},
           {"layers[1].kind", "aggregate"},
           {"layers[2].kind", "critique"},
           {"layers[3].kind", "route"},
           {"layers[1].notes[0]", "1 of 2 answers is handed on"},
           {"layers[0].agents[0].novelty", "0.1235"},
           {"layers[0].agents[0].score", "8.5"},
           {"layers[0].agents[0].accepted", "true"},
           {"layers[0].agents[0].handed_on", "false"}}) {
    EXPECT_EQ(json.Nearest(path).text, expected) << path;
  }
  EXPECT_EQ(KeysOf(json.Nearest("layers[0]")),
            (std::vector<std::string>{"layer", "round", "kind", "agents"}));
  const Node& verdicts = json.Nearest("layers[2].agents[0].verdicts");
  EXPECT_EQ(KeysOf(verdicts.children.at(0)),
            (std::vector<std::string>{"answer_of", "sample", "accept", "score", "feedback"}));
  EXPECT_EQ(verdicts.children[0].Find("answer_of")->text, "planner");
  EXPECT_EQ(KeysOf(verdicts.children.at(1)),
            (std::vector<std::string>{"accept", "score", "feedback"}));
}

// The conversation of the job that it follows is part of it already.
TEST(JobJsonTest, AJobTellsWhatToSubmitToAskTheSameAgain) {
  v1::Job job = FinishedJob("J1");
  job.mutable_spec()->set_follows("01JABCDEFGHJKMNPQRSTVWXYZ0");
  job.mutable_spec()->set_tenant("travel");
  for (const v1::Role role : {v1::ROLE_USER, v1::ROLE_ASSISTANT, v1::ROLE_USER}) {
    v1::Message* message = job.mutable_spec()->add_messages();
    message->set_role(role);
    message->set_content("text");
  }
  const Document json = Parsed(JobJson(job));
  EXPECT_EQ(json.Nearest("tenant").text, "travel");
  EXPECT_EQ(json.Nearest("follows").text, "01JABCDEFGHJKMNPQRSTVWXYZ0");
  EXPECT_EQ(KeysOf(json.Nearest("job")),
            (std::vector<std::string>{"name", "tenant", "messages", "moa"}));
  EXPECT_EQ(json.Nearest("job.messages[1].role").text, "assistant");
  EXPECT_EQ(json.Nearest("job.moa.layers[0].agents[1].name").text, "local");
}

TEST(JobJsonTest, ATaskTellsOfItsAttemptsThatFailed) {
  v1::Job job = FinishedJob("J1");
  v1::FailedAttempt* attempt = job.mutable_layers(0)->mutable_tasks(0)->add_failed_attempts();
  attempt->set_model("m");
  attempt->set_worker("w9");
  attempt->set_began_us(1500);
  attempt->set_run_us(2500);
  attempt->mutable_error()->set_code(v1::ERROR_CODE_SERVER_ERROR);
  attempt->mutable_error()->set_message("down");
  const Document json = Parsed(JobJson(job));
  EXPECT_EQ(json.Nearest("layers[0].agents[0].worker").text, "w1");
  const std::string path = "layers[0].agents[0].failed_attempts[0]";
  EXPECT_EQ(KeysOf(json.Nearest(path)),
            (std::vector<std::string>{"model", "worker", "began_ms", "run_ms", "error"}));
  EXPECT_EQ(json.Nearest(path + ".began_ms").text, "1.5");
  EXPECT_EQ(json.Nearest(path + ".error.code").text, "SERVER_ERROR");
}

TEST(JobJsonTest, StaysJsonWithAnyBytesAndNumbers) {
  v1::Job job;
  job.set_job_id("J\"1");
  job.set_state(v1::JOB_STATE_FAILED);
  job.mutable_error()->set_code(static_cast<v1::ErrorCode>(999));
  job.mutable_error()->set_message("a\nb");
  job.mutable_answer()->set_content(std::string("\0\xFF\x1b", 3));
  job.mutable_usage()->set_cost_usd(std::numeric_limits<double>::infinity());
  const Document json = Parsed(JobJson(job));
  EXPECT_EQ(json.Nearest("answer").text, std::string("\0\xEF\xBF\xBD\x1b", 5));
  EXPECT_EQ(json.Nearest("usage.cost_usd").text, "0.0");
  EXPECT_EQ(json.Nearest("error.code").text, "UNKNOWN_999");
}

TEST(JsonOutputTest, WritesEmptyAndFullLists) {
  EXPECT_EQ(JobsJson({}), "{\"jobs\":[]}");
  EXPECT_EQ(WorkersJson({}), "{\"workers\":[]}");
  EXPECT_EQ(ModelsJson({}), "{\"models\":[]}");
  EXPECT_EQ(PresetsJson({}), "{\"presets\":[]}");
  v1::JobSummary job;
  job.set_job_id("J1");
  job.set_state(v1::JOB_STATE_RUNNING);
  job.mutable_create_time()->set_seconds(1790000000);
  EXPECT_EQ(JobsJson({job}),
            "{\"jobs\":[{\"job_id\":\"J1\",\"name\":\"\",\"tenant\":\"\",\"state\":\"RUNNING\","
            "\"degraded\":false,\"create_time\":\"2026-09-21T14:13:20.000Z\"}]}");
  v1::SubmitJobResponse submitted;
  submitted.set_job_id("J1");
  EXPECT_EQ(SubmittedJson(submitted), "{\"job_id\":\"J1\",\"state\":\"QUEUED\"}");
  submitted.add_warnings("a \"b\"");
  EXPECT_EQ(SubmittedJson(submitted), R"({"job_id":"J1","state":"QUEUED","warnings":["a \"b\""]})");
}

TEST(NamesTest, ReadsStatesInAnyCase) {
  EXPECT_EQ(JobStateFromName("running"), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(JobStateFromName("FAILED"), v1::JOB_STATE_FAILED);
  EXPECT_EQ(JobStateFromName("x"), v1::JOB_STATE_UNSPECIFIED);
}

}  // namespace
}  // namespace moa
