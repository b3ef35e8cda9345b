// Graders in the place of models: critics that run code, and jobs that only grade.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/engine/inspection.h"
#include "coordinator/engine/judgement.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

Agent Grader() {
  return {.name = "tests", .grader = GraderSpec{.name = "mine", .definition = Text("name: mine")}};
}

// Two samples that a grader judges, in up to two rounds.
JobSpec Graded() {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].samples = 2;
  spec.moa.layers[0].critique = Critique{.critics = {Grader()},
                                         .verdict = Critique::Verdict::kScore,
                                         .keep = 1,
                                         .accept_score = 9,
                                         .rounds = 2};
  return spec;
}

JobSpec GradesOnly(const std::string& answer) {
  JobSpec spec = MakeJob(0, 0);
  spec.messages = {{.role = Role::kUser, .content = Text(answer)}};
  spec.moa.aggregator = Grader();
  return spec;
}

std::string Grade(int total, double score, const std::string& feedback) {
  return "{\"total\":" + std::to_string(total) +
         ",\"max\":120,\"grade\":\"C\",\"score\":" + std::to_string(score) +
         ",\"accept\":false,\"feedback\":\"" + feedback +
         "\",\"checks\":{\"a\":{\"score\":0,\"max\":10,\"detail\":\"\"}}}";
}

std::vector<std::string> FieldsOf(const JobSpec& spec) {
  std::vector<std::string> fields;
  for (const Violation& one : Validate(spec, ModelTable::Shipped(), {}))
    fields.push_back(one.field);
  return fields;
}

TEST(GraderTest, AsACriticItGetsTheAnswerAloneAndAsksNoModel) {
  JobDriver job(Graded());
  EXPECT_THAT(FieldsOf(Graded()), IsEmpty());
  job.FinishStage("answer-");
  const CallInput input = job.machine().Input(2);
  EXPECT_EQ(input.model, kGraderModel);
  EXPECT_EQ(Spell(input), "user: answer-0\n");
  EXPECT_EQ(input.format, nullptr);
  EXPECT_FALSE(input.seed.has_value());
  for (const auto& [ref, model] : job.queued()) EXPECT_EQ(model, "grader");
}

TEST(GraderTest, ItsGradesPickTheBestAnswerAndItsFailuresGoBackToTheAuthors) {
  JobDriver job(Graded());
  job.FinishStage("answer-");
  for (const auto& [task, total] : {std::pair(2u, 60), {3u, 84}}) {
    job.Dispatch(task);
    job.Succeed(task, Grade(total, total / 12.0, "handles_missing_keys, 0 of 15"));
  }
  ASSERT_EQ(job.machine().stages_started(), 3u) << "nothing reached 9: a second round runs";
  EXPECT_THAT(Spell(job.machine().Input(4)), HasSubstr("answer-0"));
  EXPECT_THAT(Spell(job.machine().Input(4)), HasSubstr("- tests: handles_missing_keys, 0 of 15"));
  job.FinishStage("better-");
  for (const auto& [task, total] : {std::pair(6u, 114), {7u, 118}}) {
    job.Dispatch(task);
    job.Succeed(task, Grade(total, total / 12.0, ""));
  }
  const std::string prompt = Spell(job.machine().Input(8));
  EXPECT_THAT(prompt, HasSubstr("better-5"));
  EXPECT_THAT(prompt, Not(HasSubstr("better-4")));
}

TEST(GraderTest, ItsRunsAreNoUpstreamCallsAndTakeNothingOfTheBudget) {
  JobSpec spec = Graded();
  spec.budget.max_upstream_calls = 5;  // two rounds of two and the aggregator
  JobDriver job(spec);
  job.FinishStage("answer-");
  for (const uint32_t task : {2u, 3u}) {
    job.Dispatch(task);
    job.Succeed(task, Grade(60, 5, ""));
  }
  EXPECT_EQ(job.machine().usage().upstream_calls, 2u);
  job.FinishStage("better-");
  for (const uint32_t task : {6u, 7u}) {
    job.Dispatch(task);
    job.Succeed(task, Grade(60, 5, ""));
  }
  job.Dispatch(8);
  job.Succeed(8, "end");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(job.machine().usage().upstream_calls, 5u);
  EXPECT_THAT(job.RecordsOf<JobDegraded>(), SizeIs(1)) << "only since no answer reached the score";
}

TEST(GraderTest, AloneItGradesTheLastMessage) {
  JobDriver job(GradesOnly("def f(): pass"));
  EXPECT_THAT(FieldsOf(GradesOnly("x")), IsEmpty());
  EXPECT_EQ(Spell(job.machine().Input(0)), "user: def f(): pass\n");
  job.Dispatch(0);
  job.Succeed(0, Grade(96, 8, ""));
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(job.machine().usage().upstream_calls, 0u);
  EXPECT_THAT(std::string(job.machine().answer().content.view()), HasSubstr("\"total\":96"));
}

TEST(GraderTest, AnInspectionCountsNoCallForIt) {
  const auto plan = Compile(Graded(), {});
  const Inspection seen = Inspect(*plan, ModelTable::Shipped(), TokenEstimator());
  EXPECT_EQ(seen.calls_max, 5u);
  EXPECT_EQ(seen.stages[1].agents[0].model, "grader");
  EXPECT_EQ(seen.stages[1].agents[0].prompt_tokens, 0u);
}

TEST(GraderTest, StandsOnlyWhereItCanGrade) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0] = Grader();
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].agents[0].grader"));
  spec = MakeJob(1, 1);
  spec.moa.aggregator = Grader();
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.aggregator.grader"));
  spec = Graded();
  spec.moa.layers[0].critique->scope = Critique::Scope::kAll;
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].critique.critics[0].grader"));
  spec = Graded();
  spec.moa.layers[0].route = Route{.router = Grader(), .top = 1};
  spec.moa.layers[0].route->router.name = "router";
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].route.router.grader"));
  spec = GradesOnly("x");
  spec.tools.push_back({.name = "search"});
  EXPECT_THAT(FieldsOf(spec), ElementsAre("tools"));
}

TEST(GraderTest, HasANameAndNothingOfAModels) {
  JobSpec spec = Graded();
  spec.moa.layers[0].critique->critics[0].temperature = 0.5;
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].critique.critics[0].grader"));
  spec = Graded();
  spec.moa.layers[0].critique->critics[0].model = "gpt-oss-120b";
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].critique.critics[0].grader"));
  // As a job has it that was accepted before.
  EXPECT_THAT(FieldsOf(Normalize(Graded())), IsEmpty());
}

TEST(GraderTest, NoAgentCanNameTheGradersPlaceAsItsModel) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].model = "grader";
  EXPECT_THAT(FieldsOf(spec), ElementsAre("moa.layers[0].agents[0].model"));
}

}  // namespace
}  // namespace moa
